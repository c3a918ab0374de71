"""What a process uses, from /proc, where the load is a program that does not sample the broker itself."""

import resource
import threading
from pathlib import Path

from .machine import CLOCK_TICKS

INTERVAL_SECONDS = 0.1


def cpu(pid: int) -> tuple[float, float]:
    """User and system CPU seconds so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / CLOCK_TICKS, int(fields[12]) / CLOCK_TICKS


def rss_anon(pid: int) -> int:
    """Memory of its own in RAM, in bytes: neither files nor shared memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def written(pid: int) -> int:
    """Bytes that it caused to be written to a disk, so far."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    return 0


class Sampler:
    """Over a `with` block: what the broker used, and what the children did that ended in it (the clients)."""

    def __init__(self, pid: int):
        self._pid = pid
        self._peak = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._cpu, self._written = cpu(self._pid), written(self._pid)
        self._children = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._thread.start()
        return self

    def __exit__(self, *problem) -> None:
        self._end.set()
        self._thread.join()
        if problem[0] is not None:
            return
        user, system = cpu(self._pid)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.broker = {"user": user - self._cpu[0], "system": system - self._cpu[1], "rss_anon_peak": self._peak,
                       "rss_anon": rss_anon(self._pid), "written": written(self._pid) - self._written}
        self.client = {"user": children.ru_utime - self._children.ru_utime,
                       "system": children.ru_stime - self._children.ru_stime}

    def _watch(self) -> None:
        while True:
            try:
                self._peak = max(self._peak, rss_anon(self._pid))
            except FileNotFoundError:
                return
            if self._end.wait(INTERVAL_SECONDS):
                return
