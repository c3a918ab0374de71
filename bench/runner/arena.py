"""One medium and the servers that have their data on it. All run at the same time; only one is loaded at a time."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from . import media, servers
from .media import Medium
from .probes import Probes
from .warm import warm
from harness.brokers import Broker
from harness.process import Failure

# Deleted topics go after a second; what is there then, up to a bound, is the server's own.
SETTLE_SECONDS = 2
KEPT = 500 * 10**6
ROOM_SECONDS = 30
# Less is no measurement.
LEAST = 200 * 10**6


@dataclass
class Arena:
    """`with` makes the medium's directory, and at the end stops the servers and removes their data."""

    medium: Medium
    is_quick: bool
    seconds: float
    # Medians so far, for a load that depends on another row's result: (row, server, metric) to a figure.
    median: object = None
    servers: dict[str, Broker] = field(default_factory=dict)
    probes: Probes = None
    count: int = 0
    _empty: dict[str, int] = field(default_factory=dict)
    rehearsed: set[tuple[str, str]] = field(default_factory=set)

    def __enter__(self):
        self.medium.open()
        self.probes = Probes(self.medium, 0.5 if self.is_quick else 1)
        return self

    def __exit__(self, *_) -> None:
        for server in self.servers.values():
            server.kill()
        self.medium.close()

    def server(self, name: str, say=print) -> Broker:
        """A running server; the first time it is started and warmed."""
        if name not in self.servers:
            server = self.own(name)
            server.start()
            self.servers[name] = server
            say(f"{self.medium.name}: {warm(server, self.is_quick)}")
            self.settle(name)
        return self.servers[name]

    def settle(self, name: str) -> str:
        """Waits until what a server has deleted has given its room back; says so where it does not."""
        if name not in self.servers:
            return ""
        data = self.servers[name].data
        if name not in self._empty:
            # What it keeps for itself, such as a journal, is not counted.
            time.sleep(SETTLE_SECONDS)
            self._empty[name] = min(media.size(data), KEPT)
        end = time.monotonic() + ROOM_SECONDS
        while (kept := media.size(data)) > self._empty[name] + KEPT:
            if time.monotonic() > end:
                return f"{name} still has {kept / media.GB:.1f} GB, {ROOM_SECONDS} s after its topic was deleted"
            time.sleep(0.1)
        return ""

    def restart_dead(self, say=print) -> None:
        """A server that has died under a load comes back for the next ones."""
        for name, server in list(self.servers.items()):
            if server.process is None or server.process.poll() is not None:
                say(f"{name} ended by itself; it is started again")
                server.kill()
                server.start()

    def own(self, name: str) -> Broker:
        """A server that is not started, for one measurement that starts and ends it itself."""
        return servers.make(name, self.directory(name))

    def directory(self, name: str) -> Path:
        """A directory that nobody had before."""
        self.count += 1
        return self.medium.directory / f"{name}-{self.count}"

    def max_bytes(self) -> int:
        """How many bytes of payload a measurement may count; its warming comes on top."""
        found = min(media.MAX_MEASURED, self.medium.room() * media.MAX_MEASURED // media.MAX_DATA)
        if found < LEAST:
            room = f"{max(self.medium.room(), 0) / media.GB:.1f} GB"
            raise Failure(f"there is too little room on the {self.medium.name}: {room}")
        return found
