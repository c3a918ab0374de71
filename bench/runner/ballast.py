"""The machine's free memory, held while a run lasts, so that what servers on a tmpfs are given is warm."""

import time

from . import machine, sampler
from .load import Load
from harness.process import Failure

# Touching memory for the first time takes a second or two per GB.
FULL_SECONDS = 300
FILL_SECONDS = 60


class NoBallast:
    """For a quick look, which has no time for one, and for the disk: how much the kernel lets wait to be written goes by
    the memory that is free or a file's."""

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        pass

    def held(self) -> int:
        return 0

    def fill(self) -> None:
        pass


class Ballast:
    """`weir-bench ballast` beside a run; `with` starts it, waits until it is full, and ends it."""

    def __init__(self):
        self._load = Load("ballast")
        self._most_free = 0

    def __enter__(self):
        self._load.__enter__()
        self._most_free = self._load.line(FULL_SECONDS)["most_free"]
        return self

    def __exit__(self, *error) -> None:
        self._load.__exit__(*error)

    def held(self) -> int:
        """Bytes that others could have."""
        return sampler.rss_anon(self._load.pid)

    def fill(self) -> None:
        """Waits until it has taken what was freed."""
        end = time.monotonic() + FILL_SECONDS
        while machine.memory("MemFree") > self._most_free:
            if self._load.ended():
                raise Failure(f"{self._load.name} ended in the middle of the run")
            if time.monotonic() > end:
                raise Failure(f"{self._load.name} has not taken the free memory within {FILL_SECONDS} s")
            time.sleep(0.02)
