"""Where the servers' data lies: on the disk, or in memory, where the disk's noise is out of the way."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import machine, paths
from harness.process import Failure

GB = 10**9
# What a measurement may have lying about, its warming included, and what it may count.
MAX_DATA = 6 * GB
MAX_MEASURED = 4 * GB
# What is left free for the servers' own memory.
SPARE_MEMORY = 2 * GB
# What a server may write in a second, and what it writes before anything counts.
WRITTEN_PER_SECOND = 1.5 * GB
WRITTEN_BEFORE = 1 * GB


@dataclass(frozen=True)
class Medium:
    name: str
    directory: Path

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
        return free if self.name == "disk" else min(free, machine.memory("MemAvailable") - SPARE_MEMORY)

    def check_room(self, needed: int) -> None:
        if self.room() < needed:
            raise Failure(f"{self.name}: {needed / GB:.1f} GB are needed, {max(self.room(), 0) / GB:.1f} GB are free")


def medium(name: str) -> Medium:
    root = paths.TMPFS if name == "tmpfs" else paths.DISK
    return Medium(name, root / f"weir-bench-{os.getpid()}")


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


def touch_memory(bytes_: int) -> None:
    """Writes and removes a large file in memory.

    Memory that a virtual machine has not used costs seconds of CPU per GB at its first use, whoever uses it; and what it
    frees, its host takes back within seconds. So it is done before each measurement that writes.
    """
    bytes_ = min(bytes_, machine.memory("MemAvailable") - SPARE_MEMORY, shutil.disk_usage(paths.TMPFS).free)
    file = paths.TMPFS / f"weir-bench-touch-{os.getpid()}"
    piece = bytes(1 << 20)
    try:
        with open(file, "wb", buffering=0) as output:
            for _ in range(bytes_ // len(piece)):
                output.write(piece)
    finally:
        file.unlink(missing_ok=True)
