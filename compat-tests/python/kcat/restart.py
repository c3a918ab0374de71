"""A broker that restarts while it is used. kcat stamps records itself and does not say where they went; without -E it
would end when the broker goes."""

import subprocess
import threading

from common import restart
from common.checks import PATIENCE_SECONDS, Checks, equal, true
from common.cluster import Cluster
from common.lines import Record
from kcat.command import SETTINGS, parse
from kcat.groups import KcatMember


def register(checks: Checks, cluster: Cluster) -> None:
    checks.add("restart.broker", lambda: restart.run(
        cluster, lambda topic: Sender(cluster, topic), lambda topic: Reader(cluster, topic),
        lambda group, topic: KcatMember(cluster.bootstrap, group, topic, "range", "-E"), once=True, stamps=False))


class Sender:
    """A kcat -P for each partition, idempotent, which gets line after line."""

    def __init__(self, cluster: Cluster, topic: str):
        self._processes = [subprocess.Popen(
            ["kcat", "-b", cluster.bootstrap, *SETTINGS, "-E", "-P", "-t", topic, "-p", str(number), "-K", "|",
             "-X", "enable.idempotence=true"], stdin=subprocess.PIPE, bufsize=0)
            for number in range(restart.PARTITIONS)]

    def send(self, record: Record) -> None:
        self._processes[record.partition].stdin.write(record.key + b"|" + record.value + b"\n")

    def close(self) -> list[str]:
        for process in self._processes:
            process.stdin.close()
        for process in self._processes:
            equal(0, process.wait(PATIENCE_SECONDS), "exit code of a kcat -P")
        return []


class Reader:
    """kcat -C of all partitions."""

    def __init__(self, cluster: Cluster, topic: str):
        self._process = subprocess.Popen(
            ["kcat", "-b", cluster.bootstrap, *SETTINGS, "-E", "-C", "-q", "-u", "-J", "-t", topic, "-o", "beginning"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()
        self._lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for text in self._process.stdout:
            with self._lock:
                self._lines.append(parse(text).line())

    def lines(self) -> list[str]:
        true(self._process.poll() is None, f"the reading kcat ended with {self._process.poll()}")
        with self._lock:
            drained, self._lines = self._lines, []
            return drained

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
