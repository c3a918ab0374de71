"""librdkafka's own perf tool."""

import re

from .. import paths
from ..load import Topic
from ..sampler import Sampler
from .tools import PARTITIONS, PATIENCE_SECONDS
from harness.process import Failure, run, tail

SUMMARY = re.compile(r"(\d+) delivered \(offset -?\d+, (\d+) failed\) in (\d+)ms")


def produce(arena, name: str, row) -> dict:
    """rdkafka_performance -P, over as many partitions as Kafka's tool has."""
    server = arena.server(name)
    size = row.load["record_bytes"]
    records = min(int(row.load["expected"] * arena.seconds), arena.max_bytes() // size)
    output = paths.LOGS / "rdkafka-performance.log"
    output.unlink(missing_ok=True)
    with Topic(server, PARTITIONS) as topic, Sampler(server.process.pid) as sampler:
        run([str(paths.RDKAFKA / "examples" / "rdkafka_performance"), "-P", "-b", server.listens, "-t", topic.name,
             "-s", str(size), "-c", str(records), "-a", "1" if row.load["acks"] == "1" else "-1",
             "-X", "queue.buffering.max.messages=1000000"],
            output, "rdkafka_performance", PATIENCE_SECONDS)
    found = SUMMARY.findall(output.read_text(errors="replace"))
    if not found or int(found[-1][0]) != records:
        raise Failure(f"rdkafka_performance did not deliver {records} records:\n{tail(output)}")
    _, failed, milliseconds = map(int, found[-1])
    return {"seconds": max(milliseconds, 1) / 1000, "records": records, "payload_bytes": records * size,
            "errors": failed, "latency_ms": {}, "client_cpu_seconds": sampler.client, "broker": sampler.broker}
