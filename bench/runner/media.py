"""Where the servers' data lies: on the disk, or in memory, where the disk's noise is out of the way."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import machine, paths
from .ballast import Ballast, NoBallast
from harness.process import Failure

GB = 10**9
# What a measurement may have lying about, its warming included, and what it may count.
MAX_DATA = 6 * GB
MAX_MEASURED = 4 * GB
# What is left free for the servers' own memory.
SPARE_MEMORY = 2 * GB


@dataclass(frozen=True)
class Medium:
    name: str
    directory: Path
    ballast: Ballast | NoBallast

    def open(self) -> None:
        """Makes its directory, after removing what runs that were killed have left."""
        for left in self.directory.parent.glob("weir-bench-*"):
            owner = left.name.rpartition("-")[2]
            if owner.isdigit() and not Path("/proc", owner).exists():
                shutil.rmtree(left, ignore_errors=True)
        self.directory.mkdir(parents=True)

    def close(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def room(self) -> int:
        """How many bytes of data may be written to it."""
        free = shutil.disk_usage(self.directory).free
        if self.name == "disk":
            return free
        return min(free, machine.memory("MemAvailable") + self.ballast.held() - SPARE_MEMORY)

    def check_room(self, needed: int) -> None:
        if self.room() < needed:
            raise Failure(f"{self.name}: {needed / GB:.1f} GB are needed, {max(self.room(), 0) / GB:.1f} GB are free")


def medium(name: str, ballast: Ballast | NoBallast) -> Medium:
    root = paths.TMPFS if name == "tmpfs" else paths.DISK
    return Medium(name, root / f"weir-bench-{os.getpid()}", ballast)


def size(directory: Path) -> int:
    """The room that a directory takes; what goes away meanwhile does not count."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total
