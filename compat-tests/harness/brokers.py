"""Brokers under test, each with the same settings, data in a directory of its own and free ports on the loopback.

`with Kafka(...) as broker:` starts one and always stops it; `stop`, `kill` and `start` may be used in between, and it
comes back at the same address.
"""

import shutil
import subprocess
import time
from pathlib import Path

from . import java, paths
from .process import Failure, await_line, free_ports, run, start, stop, tail

READY_SECONDS = 600

# Any 16 bytes in base64; Kafka wants one at its first start.
CLUSTER_ID = "weircompatweircompatAA"

# Short group timers, one replica, few partitions of internal topics: the same for both brokers.
COMMON = {
    "group.initial.rebalance.delay.ms": "100",
    "group.min.session.timeout.ms": "1000",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
}

# What a suite may count on besides.
PROFILES = {
    # Nothing comes into being by accident.
    "matrix": COMMON | {"auto.create.topics.enable": "false"},
    # The log cleaner does not wait long, nor does retention.
    "compaction": COMMON | {
        "auto.create.topics.enable": "false",
        "log.cleaner.backoff.ms": "300",
        "log.retention.check.interval.ms": "500",
    },
    # As a new user has it.
    "tools": COMMON | {"auto.create.topics.enable": "true"},
    # Request sequences: the same ids on both brokers, no waiting for more members, housekeeping every second.
    "differential": COMMON | {
        "auto.create.topics.enable": "false",
        "node.id": "1",
        # What Kafka is told anyway, so that both describe the same.
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # Kafka takes clients' metrics only where a plug-in does.
        "metric.reporters": "weir.compat.TelemetrySink",
        "log.retention.check.interval.ms": "1000",
        "log.cleaner.backoff.ms": "500",
        # Records are from a fixed moment in the past; and what is empty is not put away while it is looked at.
        "log.retention.ms": "-1",
        "offsets.retention.check.interval.ms": "86400000",
        # Hundreds of sequences leave sessions behind; none may be put out by another's.
        "max.incremental.fetch.session.cache.slots": "100000",
    },
    # More request sequences: little room, short lives.
    "limits": COMMON | {
        "auto.create.topics.enable": "true",
        "num.partitions": "2",
        "node.id": "1",
        "delete.topic.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "group.max.size": "3",
        "log.retention.ms": "-1",
        "offsets.retention.check.interval.ms": "300",
        "max.incremental.fetch.session.cache.slots": "0",
    },
    # It restarts while it is used.
    "restart": COMMON | {"auto.create.topics.enable": "false"},
}


class Broker:
    """A broker process, its data directory, its log, and, while it runs, its address.

    With `advertise` clients are told to connect to that address, where somebody stands between them and the broker;
    `listens` is the broker's own.
    """

    name: str
    # How a broker ends that was asked to; Java's way is the signal's number and 128.
    good_exits: tuple[int, ...]
    stop_seconds: float

    def __init__(self, directory: Path, settings: dict[str, str], advertise: str = ""):
        self.directory = directory
        self.settings = settings
        self.advertise = advertise
        self.log = directory / f"{self.name}.log"
        self.process: subprocess.Popen | None = None
        self.listens = ""
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def bootstrap(self) -> str:
        """The address for clients."""
        return self.advertise or self.listens

    @property
    def data(self) -> Path:
        """The folder in which the partitions' folders lie."""
        return self.directory / "data"

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> str:
        """Stops in order; a broker that does not end in time, or ends badly, is a failure."""
        if self.process is None:
            return "not running"
        begin = time.monotonic()
        process, self.process = self.process, None
        alive = process.poll() is None
        code = stop(process, self.stop_seconds)
        if not alive:
            raise Failure(f"{self.name} ended by itself with code {code}:\n{tail(self.log)}")
        if code not in self.good_exits:
            raise Failure(f"{self.name} did not stop in order, exit code {code}:\n{tail(self.log)}")
        return f"exit code {code} after {time.monotonic() - begin:.1f} s"

    def kill(self) -> None:
        """Ends it at once, whatever state it is in."""
        if self.process is not None:
            stop(self.process, 0)
            self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *problem) -> None:
        if problem[0] is None:
            self.stop()
        self.kill()


class Weir(Broker):
    """`weir serve` from the given binary."""

    name = "weir"
    good_exits = (0,)
    # It promises 10 s; the rest is for a busy machine.
    stop_seconds = 60
    binary = paths.WEIR

    def start(self) -> None:
        if not self.binary.exists():
            raise Failure(f"there is no {self.binary}; build it with: cargo build --release")
        ready = self.directory / "ready"
        ready.unlink(missing_ok=True)
        with open(ready, "wb") as output:
            self.process = start(self.command(), self.log, stdout=output)
        try:
            line = await_line(self.process, ready, "weir ready", READY_SECONDS)
        except Failure as problem:
            raise Failure(f"{problem}\n{tail(self.log)}") from None
        self.listens = dict(word.split("=", 1) for word in line.split() if "=" in word)["kafka"]

    def command(self) -> list[str]:
        """The command line that starts it, at its old address if it has one."""
        command = [str(self.binary), "serve", "--listen", self.listens or "127.0.0.1:0",
                   "--admin-listen", "127.0.0.1:0", "--data-dir", str(self.data)]
        if self.advertise:
            command += ["--advertise", self.advertise]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        return command


class Kafka(Broker):
    """Apache Kafka, one node that is broker and controller."""

    name = "kafka"
    good_exits = (0, 143)
    stop_seconds = 300
    attempts = 3
    formatted: Path | None = None
    _starts = 0
    _ports: list[int] | None = None

    def start(self) -> None:
        for attempt in range(self.attempts):
            try:
                return self._start()
            except Failure as problem:
                self.kill()
                # Somebody else may have taken a port between our look and Kafka's bind. Who restarts needs the old one.
                if "Address already in use" not in str(problem) or attempt + 1 == self.attempts or self.listens:
                    raise
                self._ports = None

    def _start(self) -> None:
        command = self.command()
        if self.log.exists():
            self._starts += 1
            self.log.rename(self.directory / f"{self.name}-{self._starts}.log")
        self.process = start(command, self.log)
        await_line(self.process, self.log, "Kafka Server started", READY_SECONDS)
        self.listens = f"127.0.0.1:{self._ports[0]}"

    def command(self) -> list[str]:
        """The command line that starts it; its settings are written, and its data directory made, before."""
        if self._ports is None:
            self._ports = free_ports(2)
        port, controller = self._ports
        properties = self.directory / "server.properties"
        properties.write_text("".join(f"{key}={value}\n" for key, value in self._properties(port, controller).items()))
        if not self.data.exists():
            self._format(properties)
        return self._java(properties)

    def _java(self, properties: Path) -> list[str]:
        return java.kafka("kafka.Kafka", str(properties), heap="1g")

    def _format(self, properties: Path) -> None:
        """Makes an empty data directory: by Kafka's tool the first time in a run, then by copying what that made."""
        if self.formatted is None:
            run(java.kafka("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)),
                self.directory / "format.log", "formatting Kafka's data directory")
            template = self.directory / "formatted"
            shutil.copytree(self.data, template)
            Kafka.formatted = template
        else:
            shutil.copytree(self.formatted, self.data)

    def _properties(self, port: int, controller: int) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.advertise or f'127.0.0.1:{port}'}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.data),
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
        } | self.settings


BROKERS = {"kafka": Kafka, "weir": Weir}
