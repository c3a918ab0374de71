"""How fast the log cleaner is: one partition of keyed records becomes compacted, until nothing changes any more."""

import random
import subprocess
import time

from .. import paths
from ..load import Topic
from ..sampler import cpu
from harness.brokers import paths as compat
from harness.process import Failure, start, stop

KEYS = 100_000
VALUE = 1000
SEED = 1
SEGMENT = 64 << 20
# The cleaner looks every 15 s.
QUIET_SECONDS = 4
PATIENCE_SECONDS = 180


def compaction(arena, name: str, row) -> dict:
    """Megabytes of log per second of the broker's CPU, from the moment the topic is told to compact."""
    server = arena.server(name)
    with Topic(server, 1, segment_bytes=str(SEGMENT), min_cleanable_dirty_ratio="0.01") as topic:
        _fill(server, topic.name, row.load["bytes"] // VALUE)
        folder = next(path for path in server.data.rglob(f"{topic.name}-0") if path.is_dir())
        before, begin = _logs(folder), sum(cpu(server.process.pid))
        _weir("config", "set", "-b", server.listens, "--topic", topic.name, "cleanup.policy=compact")
        after, end = _await_quiet(server, folder, before)
    return {"cleaned_bytes": before - SEGMENT, "left_bytes": after, "cleaner_cpu_seconds": end - begin}


def _fill(server, topic: str, records: int) -> None:
    """The same records for each server: keys at random, values that no codec would shrink."""
    source = random.Random(SEED)
    pool = source.randbytes(1 << 20).hex()
    command = [str(compat.WEIR), "produce", "-b", server.listens, topic, "-K", ":", "--acks", "1"]
    process = start(command, paths.LOGS / "compaction.log", stdin=subprocess.PIPE)
    try:
        for _ in range(records):
            at = source.randrange(len(pool) - VALUE)
            process.stdin.write(b"key-%06d:%s\n" % (source.randrange(KEYS), pool[at:at + VALUE].encode()))
        process.stdin.close()
        if process.wait(timeout=PATIENCE_SECONDS) != 0:
            raise Failure(f"weir produce failed; see {paths.LOGS / 'compaction.log'}")
    finally:
        stop(process, 0)


def _await_quiet(server, folder, before: int) -> tuple[int, float]:
    """Until the log has become smaller and stayed as it is: its size, and the broker's CPU when it became so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    last, since, used = before, time.monotonic(), 0.0
    while time.monotonic() < deadline:
        found = _logs(folder)
        if found != last:
            last, since, used = found, time.monotonic(), sum(cpu(server.process.pid))
        elif last < before // 2 and time.monotonic() - since > QUIET_SECONDS:
            return last, used
        time.sleep(0.05)
    raise Failure(f"{server.name} did not compact {before} bytes in {PATIENCE_SECONDS} s; {last} are left")


def _logs(folder) -> int:
    """The bytes of the segments that count."""
    total = 0
    for path in folder.glob("*.log"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            pass
    return total


def _weir(*arguments: str) -> None:
    found = subprocess.run([str(compat.WEIR), *arguments], capture_output=True, text=True)
    if found.returncode != 0:
        raise Failure(f"weir {' '.join(arguments[:2])}: {found.stderr.strip()}")
