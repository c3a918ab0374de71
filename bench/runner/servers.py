"""The servers under load, each as its users start it.

What differs from the defaults: there is one node; deleted topics give their room back after a second instead of a
minute, because the next measurement needs it; and Weir has 20,000 file descriptors at most, whatever the machine would
give.
"""

import resource
from pathlib import Path

from . import paths
from harness import brokers, java
from harness.process import Failure, await_line, free_ports, run, start, tail

# The flags of Kafka's published start script.
KAFKA_FLAGS = ["-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
               "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"]

SETTINGS = {"log.segment.delete.delay.ms": "1000", "offsets.topic.replication.factor": "1"}
MAX_FILES = 20_000


def kafka_java(main: str, *arguments: str, flags: list[str]) -> list[str]:
    """A class of Kafka's jars, in a JVM with these flags."""
    libs = brokers.paths
    logging = f"-Dlog4j2.configurationFile={libs.SOURCES / 'kafka' / 'log4j2.xml'}"
    return [java.binary("java"), *flags, logging, "-cp", f"{libs.LIBS}/*", main, *arguments]


class Kafka(brokers.Kafka):
    """Apache Kafka with the flags of its own start script."""

    def fix_address(self) -> None:
        """Chooses the address before the start, for who must know it then."""
        self._ports = free_ports(2)
        self.listens = f"127.0.0.1:{self._ports[0]}"

    def _java(self, properties: Path) -> list[str]:
        return kafka_java("kafka.Kafka", str(properties), flags=KAFKA_FLAGS)

    def _format(self, properties: Path) -> None:
        run(java.kafka("kafka.tools.StorageTool", "format", "-t", brokers.CLUSTER_ID, "-c", str(properties)),
            self.directory / "format.log", "formatting Kafka's data directory")


class Weir(brokers.Weir):
    """Weir as it is by default: an answer to acks=all comes after the sync."""

    def fix_address(self) -> None:
        """Chooses the address before the start, for who must know it then."""
        self.listens = f"127.0.0.1:{free_ports(1)[0]}"

    def command(self) -> list[str]:
        files = min(MAX_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        return ["prlimit", f"--nofile={files}:{files}", *super().command()]


class WeirCaching(Weir):
    """Weir with Kafka's trade: an answer comes when the data is in the page cache."""

    name = "weir-caching"


class Floor(brokers.Broker):
    """The bare server: what this machine charges any broker."""

    name = "floor"
    good_exits = (0, -15)
    stop_seconds = 10

    def start(self) -> None:
        ready = self.directory / "ready"
        ready.unlink(missing_ok=True)
        self.data.mkdir(exist_ok=True)
        with open(ready, "wb") as output:
            self.process = start([str(paths.LOAD), "floor", "--listen", self.listens or "127.0.0.1:0",
                                  "--data-dir", str(self.data)], self.log, stdout=output)
        try:
            line = await_line(self.process, ready, "floor ready", 10)
        except Failure as problem:
            raise Failure(f"{problem}\n{tail(self.log)}") from None
        self.listens = line.rpartition("kafka=")[2]


def make(name: str, directory: Path) -> brokers.Broker:
    """A server, not started yet, with its data, logs and settings in a directory of its own."""
    settings = SETTINGS | ({"write.caching": "true"} if name == "weir-caching" else {})
    return {"kafka": Kafka, "weir": Weir, "weir-caching": WeirCaching, "floor": Floor}[name](directory, settings)
