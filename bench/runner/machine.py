"""What the runs were on: figures mean little without it. No names of hosts or users."""

import os
import platform
import re
import subprocess
from pathlib import Path

from . import paths
from harness import install

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, str]:
    """Processor, cores, memory, kernel, filesystems, and the versions that were run."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    return {
        "processor": model[1].strip() if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory('MemTotal') / 1e9:.0f} GB",
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "disk": filesystem(paths.PROJECT),
        "Weir": commit(),
        "Apache Kafka": install.kafka_version(),
        "Java": _java(),
    }


def memory(field: str) -> int:
    """A figure of /proc/meminfo, in bytes."""
    return int(re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.M)[1]) * 1024


def boot() -> str:
    """Another one after each start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def filesystem(path: Path) -> str:
    """The type of the filesystem that a path is on."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    inside = [(len(mount[1]), mount[2]) for mount in mounts if path.is_relative_to(mount[1])]
    return max(inside)[1]


def commit() -> str:
    """The tree that was built."""
    git = ["git", "-C", str(paths.PROJECT)]
    found = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True)
    return (found.stdout.strip() or "unknown") + (" and changes" if changed.stdout.strip() else "")


def _java() -> str:
    try:
        found = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    except FileNotFoundError:
        return "none"
    version = re.search(r'version "([^"]+)"', found)
    return version[1] if version else "unknown"
