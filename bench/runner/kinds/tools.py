"""Kafka's own perf tools, with the flags of their start scripts. Each run is a JVM of its own, cold at first."""

import re

from .. import paths
from ..load import Topic
from ..sampler import Sampler
from ..servers import KAFKA_FLAGS, kafka_java
from .native import fill
from harness.process import Failure, run, tail

FLAGS = ["-Xmx512M", *KAFKA_FLAGS[2:]]
PARTITIONS = 6
# A JVM compiles in its first seconds; a run is longer than a native one.
LENGTH = 2
SUMMARY = re.compile(r"(\d+)(?: steady state)? records sent, ([\d.]+) records/sec \(.*?\), "
                     r"([\d.]+) ms avg latency, ([\d.]+) ms max latency, "
                     r"(\d+) ms 50th, (\d+) ms 95th, (\d+) ms 99th, (\d+) ms 99.9th")
WARM_UP = 2
PATIENCE_SECONDS = 300


def produce(arena, name: str, row) -> dict:
    """ProducerPerformance; `half_of` names the row of whose rate, with Kafka, this sends half."""
    server = arena.server(name)
    size = row.load["record_bytes"]
    rate, throughput, more = row.load["expected"], -1, []
    if "half_of" in row.load:
        rate = throughput = int((arena.median(row.load["half_of"], "kafka", "records_per_s") or rate) / 2)
        # The latencies of a cold client say nothing about the broker.
        more = ["--warmup-records", str(int(rate * WARM_UP))]
    records = int(rate * (arena.seconds * LENGTH + (WARM_UP if more else 0)))
    records = min(records, arena.max_bytes() // size)
    output = paths.LOGS / "perf-produce.log"
    output.unlink(missing_ok=True)
    with Topic(server, PARTITIONS) as topic, Sampler(server.process.pid) as sampler:
        run(kafka_java("org.apache.kafka.tools.ProducerPerformance", "--bootstrap-server", server.listens, "--topic",
                       topic.name, "--num-records", str(records), "--record-size", str(size), "--throughput",
                       str(throughput), *more, "--command-property", f"acks={row.load['acks']}",
                       *row.load["properties"], flags=FLAGS), output, "ProducerPerformance", PATIENCE_SECONDS)
    found = SUMMARY.findall(output.read_text())
    if not found:
        raise Failure(f"ProducerPerformance printed no summary:\n{tail(output)}")
    # After a warming the tool prints the whole first, then the rest alone.
    per_second = float(found[-1][1])
    mean, highest, *percentiles = (float(value) for value in found[-1][2:])
    latency = dict(zip(("p50", "p95", "p99", "p999"), percentiles)) | {"mean": mean, "max": highest}
    return _load(sampler, records, size, records / float(found[0][1]), latency) | {"records_per_s": per_second}


def consume(arena, name: str, row) -> dict:
    """ConsumerPerformance over a filled topic; its rate is without the time it takes to join its group."""
    server = arena.server(name)
    size = row.load["record_bytes"]
    payload = min(int(row.load["expected"] * arena.seconds * LENGTH) * size, arena.max_bytes())
    output = paths.LOGS / "perf-consume.log"
    output.unlink(missing_ok=True)
    with Topic(server, PARTITIONS) as topic:
        fill(server, topic, payload, size)
        with Sampler(server.process.pid) as sampler:
            run(kafka_java("org.apache.kafka.tools.ConsumerPerformance", "--bootstrap-server", server.listens,
                           "--topic", topic.name, "--num-records", str(payload // size), "--hide-header", flags=FLAGS),
                output, "ConsumerPerformance", PATIENCE_SECONDS)
    lines = [line.split(", ") for line in output.read_text().splitlines() if line.count(", ") == 9]
    if not lines:
        raise Failure(f"ConsumerPerformance printed no summary:\n{tail(output)}")
    records, milliseconds = int(lines[-1][4]), int(lines[-1][7])
    if records < payload // size:
        raise Failure(f"ConsumerPerformance read {records} of {payload // size} records")
    return _load(sampler, records, size, max(milliseconds, 1) / 1000, {})


def _load(sampler: Sampler, records: int, size: int, seconds: float, latency: dict) -> dict:
    return {"seconds": seconds, "records": records, "payload_bytes": records * size, "errors": 0,
            "latency_ms": latency, "client_cpu_seconds": sampler.client, "broker": sampler.broker}
