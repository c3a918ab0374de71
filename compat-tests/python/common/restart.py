"""A broker that restarts while it is used: producers lose nothing, readers and groups go on.

What a client brings is a sender, a reader and members; the check is the same for all.
"""

import itertools
import threading
import time
from typing import Callable, Protocol

from . import control
from .checks import equal, eventually, true
from .cluster import Cluster
from .lines import Record, offset_of, partition_of, place, same
from .samples import now_ms
from .scene import Member

PARTITIONS = 4

# Between two records, and so many are read before, between and after the restarts.
PAUSE_SECONDS = 0.004
STEP = 200


class Sender(Protocol):
    """Sends records, acks=all."""

    def send(self, record: Record) -> None:
        """Hands over one record, sooner or later."""

    def close(self) -> list[str]:
        """Waits for all answers; returns the lines of the records at the offsets that were answered. Raises if one
        failed. Where the client is not told offsets, an empty list."""


class Reader(Protocol):
    """Reads all partitions by assignment, from the beginning."""

    def lines(self) -> list[str]:
        """What it read since the last call."""

    def close(self) -> None:
        """Ends it; raises if it failed."""


class _Sending:
    """Numbered records, one after the other, until told to stop."""

    def __init__(self, sender: Sender):
        self.sent: list[Record] = []
        self._sender = sender
        self._running = True
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        try:
            for number in itertools.count():
                if not self._running:
                    return
                record = Record(number % PARTITIONS, now_ms(), b"key %d" % (number % 50), b"%09d" % number)
                self._sender.send(record)
                self.sent.append(record)
                time.sleep(PAUSE_SECONDS)
        except BaseException as problem:
            self._failure = problem

    def check(self) -> None:
        true(self._failure is None, f"sending failed: {self._failure!r}")

    def stop(self) -> list[str]:
        self._running = False
        self._thread.join()
        self.check()
        return self._sender.close()


class _Seen:
    """All that somebody has read, and the highest number in it."""

    def __init__(self, drain: Callable[[], list[str]]):
        self.lines: list[str] = []
        self.highest = -1
        self._drain = drain

    def look(self) -> int:
        new = self._drain()
        self.lines += new
        self.highest = max([self.highest, *map(_number, new)])
        return self.highest


def run(cluster: Cluster, sender: Callable[[str], Sender], reader: Callable[[str], Reader],
        member: Callable[[str, str], Member], once: bool, stamps: bool = True) -> str:
    """The check; each part is made for the topic (members for group and topic). `once`: the sender is idempotent.
    `stamps`: it sends the records' own timestamps."""
    topic = cluster.topic("restart", PARTITIONS)
    group = cluster.name("restart")
    members = [member(group, topic), member(group, topic)]
    one = reader(topic)
    sending = _Sending(sender(topic))
    by_assignment = _Seen(one.lines)
    by_group = _Seen(lambda: [text for each in members for text in each.drain()])

    def read_on(what: str) -> None:
        mark = len(sending.sent) + STEP

        def reached() -> bool:
            sending.check()
            for each in members:
                true(each.failure() is None, f"a member failed: {each.failure()!r}")
            return min(by_assignment.look(), by_group.look()) >= mark

        eventually(f"{STEP} records read {what} (sent {len(sending.sent)}, read {by_assignment.highest} by assignment, "
                   f"{by_group.highest} by the group)", reached)

    read_on("at first")
    control.ask("restart")
    read_on("after the restart")
    control.ask("kill")
    read_on("after the kill")
    answered = sending.stop()
    log = cluster.read(topic)
    _check_log(sending.sent, answered, log, once, stamps)
    eventually("all is read by assignment", lambda: by_assignment.look() >= 0 and len(by_assignment.lines) >= len(log))
    same(log, sorted(by_assignment.lines, key=place))
    for number in range(PARTITIONS):
        own = [offset_of(text) for text in by_assignment.lines if partition_of(text) == number]
        equal(list(range(len(own))), own, f"offsets of partition {number} in the order in which they were read")
    eventually("all is read by the group", lambda: by_group.look() >= 0 and set(by_group.lines) >= set(log))
    same(log, sorted(set(by_group.lines), key=place))
    ends = {number: 0 for number in range(PARTITIONS)}
    for text in log:
        ends[partition_of(text)] += 1
    eventually("the group has committed the end", lambda: cluster.committed(group, topic, PARTITIONS) == ends)
    one.close()
    for each in members:
        each.close()
    repeated = len(by_group.lines) - len(log)
    return f"{len(sending.sent)} sent, {len(log)} in the log, {repeated} came to the group again"


def _check_log(sent: list[Record], answered: list[str], log: list[str], once: bool, stamps: bool) -> None:
    """The log has what was sent, each record once and in order if the producer was idempotent."""
    for number in range(PARTITIONS):
        own = [text for text in log if partition_of(text) == number]
        wanted = [record.line(0, None if stamps else 0) for record in sent if record.partition == number]
        found = [_at_zero(text, stamps) for text in own]
        if not once:
            # Where it first stands; what came again is left out.
            found = list(dict.fromkeys(found))
            wanted, found = sorted(wanted), sorted(found)
        same(wanted, found)
    missing = set(answered) - set(log)
    true(not missing, f"{len(missing)} acknowledged records are not where they were said to be: {sorted(missing)[:1]}")


def _number(text: str) -> int:
    """The number that a record's value is."""
    return int(bytes.fromhex(text.split(" v=")[1].split(" ")[0]))


def _at_zero(text: str, stamp: bool) -> str:
    """The line with the offset 0 in the place of its own, and so the timestamp unless it is to stay."""
    parts = text.split(" ")
    return " ".join([parts[0], "o0", parts[2] if stamp else "t0", *parts[3:]])
