"""Groups of three kcats that come, go and are killed. kcat commits by itself, at intervals and when it ends."""

import re
import signal
import subprocess
import threading

from common.checks import Checks, equal
from common.cluster import Cluster
from common.lines import same
from common.member import Watched
from common.samples import records
from common.scene import Scene
from kcat.command import SETTINGS, parse, succeed

# Eager: "rebalanced (…): assigned: t [0]"; cooperative: "rebalanced: incremental assignment of 1 … (…): t [0]".
ASSIGNMENT = re.compile(r"rebalanced.*?(assigned|revoked|assignment|revoke)\b.*?: (.*)$")


class KcatMember(Watched):
    """kcat -G; what it is assigned is read from its standard error."""

    def __init__(self, bootstrap: str, group: str, topic: str, strategy: str, *options: str):
        super().__init__()
        self._process = subprocess.Popen(
            ["kcat", "-b", bootstrap, *SETTINGS, *options, "-G", group, "-J", "-u",
             "-X", f"partition.assignment.strategy={strategy}", "-X", "session.timeout.ms=6000",
             "-X", "heartbeat.interval.ms=500", "-X", "auto.commit.interval.ms=200",
             "-X", "topic.auto.offset.reset=earliest", topic],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._messages = ""
        for target in (self._read_records, self._read_messages):
            threading.Thread(target=target, daemon=True).start()

    def _read_records(self) -> None:
        for text in self._process.stdout:
            with self._lock:
                self._lines.append(parse(text).line())

    def _read_messages(self) -> None:
        for text in self._process.stderr:
            with self._lock:
                self._messages = (self._messages + text)[-1000:]
                found = ASSIGNMENT.search(text.strip())
                if found:
                    self._change(found.group(1), {int(number) for number in re.findall(r"\[(\d+)\]", found.group(2))})

    def _change(self, what: str, partitions: set[int]) -> None:
        if what.startswith("revoke"):
            self._assigned -= partitions
            self._revoked.append(partitions)
        else:
            self._assigned |= partitions

    def failure(self) -> object:
        code = self._process.poll()
        return None if code is None else f"exit code {code}: {self._messages}"

    def die(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=30)
        finally:
            self.die()


def register(checks: Checks, cluster: Cluster) -> None:
    checks.add("group.range", lambda: _changes(cluster, "range"))
    checks.add("group.cooperative", lambda: _changes(cluster, "cooperative-sticky"))
    checks.add("commit.resume", lambda: _resume(cluster))
    checks.add("commit.lag", lambda: _lag(cluster))


def _changes(cluster: Cluster, strategy: str) -> str:
    def make(group: str, topic: str) -> KcatMember:
        return KcatMember(cluster.bootstrap, group, topic, strategy)

    with Scene(cluster, f"group-{strategy}") as scene:
        scene.join("a", make)
        scene.expect_round(scene.settle())
        scene.join("b", make)
        scene.join("c", make)
        scene.expect_round(scene.settle())
        scene.die("c")
        scene.expect_round(scene.settle())
        scene.leave("a")
        scene.expect_round(scene.settle())
        scene.join("d", make)
        scene.expect_round(scene.settle())
    return "5 rounds: one, three, one killed, one left, one new"


def _resume(cluster: Cluster) -> str:
    """A second kcat of the group goes on where the first one stopped."""
    topic = cluster.topic("commit-resume", 1)
    lines = cluster.send(topic, records(1, 200, 2))
    for start in range(0, 200, 50):
        text = succeed(cluster.bootstrap, "-G", cluster.name("commit-resume"), "-q", "-J", "-c", "50",
                       "-X", "topic.auto.offset.reset=earliest", "-X", "session.timeout.ms=6000", topic)
        same(lines[start:start + 50], [parse(each).line() for each in text.splitlines()])
    return "4 kcats, 200 records"


def _lag(cluster: Cluster) -> str:
    """The end that kcat finds less what a kcat's group has committed."""
    topic = cluster.topic("commit-lag", 1)
    group = cluster.name("commit-lag")
    cluster.send(topic, records(1, 100, 3))
    succeed(cluster.bootstrap, "-G", group, "-q", "-c", "40", "-X", "topic.auto.offset.reset=earliest",
            "-X", "session.timeout.ms=6000", topic)

    def lag() -> int:
        end = succeed(cluster.bootstrap, "-Q", "-t", f"{topic}:0:-1").split()[-1]
        return int(end) - cluster.committed(group, topic, 1)[0]

    equal(60, lag(), "lag")
    succeed(cluster.bootstrap, "-P", "-t", topic, stdin=b"more\n" * 7)
    equal(67, lag(), "lag after more came")
    return "1 partition, twice"
