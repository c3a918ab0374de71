"""What a sequence gets: a talk with one broker.

`send` and `post` are compared; what has its own word here (`topic`, `fill`, `group`, `settle`, `ask`) prepares or waits
and is not.
"""

import os
import time
from dataclasses import dataclass
from typing import Any, Callable

from . import batch, bodies
from .bodies import Topic
from .connection import ANSWER_SECONDS, Answer, Connection, Exchange, Pending
from .schema import Message, Schemas
from .sequence import Instance

WAIT_SECONDS = 120.0
# Answers that pass by themselves: a leader, coordinator or controller that is not there yet.
_PASSING = {5, 6, 7, 14, 15, 16, 41}


class Unready(Exception):
    """The preparation of a sequence did not come to its end."""


@dataclass(frozen=True)
class Target:
    """A broker, and what Kafka advertises: `versions` are Kafka's on both brokers."""

    kind: str
    address: tuple[str, int]
    schemas: Schemas
    versions: dict[str, tuple[int, int]]
    # Distinguishes the names of this run; the clock at its start, for timestamps that go to both brokers.
    token: str
    now: int
    # The epoch in which this broker leads a new partition.
    first_epoch: int = 0
    # The epochs of the topic that was led in several (`aged.py`), the oldest first.
    epochs: tuple[int, ...] = ()


class Talk:
    """One run of a sequence against one broker."""

    def __init__(self, target: Target, instance: Instance):
        self.target = target
        self.transcript: list[Exchange] = []
        self.prefix = target.token + instance.prefix
        # The version of the sequence's own API.
        self.version = instance.version
        self.now = target.now
        self._api = instance.sequence.api
        self._connections: list[Connection] = []
        self._main: Connection | None = None
        self._quiet: Connection | None = None

    # What is compared

    def connect(self) -> Connection:
        """A further connection."""
        connection = Connection(self.target.address, self.target.schemas, self.transcript)
        self._connections.append(connection)
        return connection

    @property
    def connection(self) -> Connection:
        """The connection of `send`; a new one when it was closed."""
        if self._main is None or self._main.closed:
            self._main = self.connect()
        return self._main

    def versions(self, api: str) -> tuple[int, int]:
        """First and last version that Kafka advertises."""
        return self.target.versions[api]

    def at(self, api: str, version: int | None = None) -> int:
        """The version in which to send: the given one, the sequence's for its own API, otherwise the newest."""
        if version is not None:
            return version
        if api == self._api and self.version is not None:
            return self.version
        return self.target.versions[api][1]

    def send(self, api: str, body: Message | None = None, version: int | None = None, on: Connection | None = None,
             seconds: float = ANSWER_SECONDS, **header: Any) -> Answer:
        """Sends a request and waits for its answer, which is empty if the broker closes or keeps silent."""
        return (on or self.connection).send(api, self.at(api, version), body or {}, seconds, **header)

    def post(self, api: str, body: Message | None = None, version: int | None = None, on: Connection | None = None,
             **header: Any) -> Pending:
        """Sends a request; `.answer()` of what it returns waits."""
        return (on or self.connection).post(api, self.at(api, version), body or {}, **header)

    def send_until(self, good: Callable[[Answer], bool], api: str, body: Message, version: int | None = None) -> Answer:
        """Asks until the answer is good (or two minutes are over), and notes only the last one: for what takes its time."""
        end, pause = time.monotonic() + WAIT_SECONDS, 0.01
        while True:
            mark = len(self.transcript)
            answer = self.send(api, body, version)
            if _is_good(good, answer) or time.monotonic() > end:
                return answer
            del self.transcript[mark:]
            time.sleep(pause)
            pause = min(pause * 1.5, 0.3)

    # What prepares, and is not compared

    def ask(self, api: str, body: Message | None = None, version: int | None = None) -> Answer:
        """An answer that is only for the sequence itself, on a connection of its own."""
        if self._quiet is None or self._quiet.closed:
            self._quiet = Connection(self.target.address, self.target.schemas, [])
            self._connections.append(self._quiet)
        return self._quiet.ask(api, self.at(api, version), body or {})

    def ask_until(self, good: Callable[[Answer], bool], api: str, body: Message, version: int | None = None) -> Answer:
        """Asks until the answer is good; the sequence ends if it never is."""
        end, pause = time.monotonic() + WAIT_SECONDS, 0.005
        while True:
            answer = self.ask(api, body, version)
            if _is_good(good, answer):
                return answer
            if time.monotonic() > end:
                raise Unready(f"{api} still answers {str(answer)[:500]}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.3)

    def name(self, suffix: str = "a") -> str:
        """A name for a topic or group of this run."""
        return self.prefix + suffix

    def topic(self, suffix: str = "t", partitions: int = 1, configs: dict[str, str] | None = None) -> Topic:
        """Creates a topic and waits until its partitions lead."""
        name, newest = self.name(suffix), self.versions("CreateTopics")[1]
        created = self.ask_until(
            lambda answer: answer["Topics"][0]["ErrorCode"] in (0, 36), "CreateTopics",
            bodies.create_topic(name, partitions, configs=configs), newest)
        return self.lead(Topic(name, created["Topics"][0]["TopicId"]), partitions)

    def lead(self, topic: Topic, partitions: int = 1) -> Topic:
        """Waits until these partitions of a topic lead."""
        self.ask_until(lambda answer: all(part["ErrorCode"] == 0 for part in answer["Topics"][0]["Partitions"]),
                       "ListOffsets", bodies.list_offsets(topic, range(partitions), bodies.LATEST),
                       self.versions("ListOffsets")[1])
        return topic

    def fill(self, topic: Topic, partition: int = 0, count: int = 1, data: bytes | None = None, **fields: Any) -> int:
        """Appends a batch of `count` small records, or this one; returns the offset of its first record."""
        body = bodies.produce(topic, partition, batch.build(count, **fields) if data is None else data)
        answer = self.ask_until(lambda answer: _produced(answer)["ErrorCode"] not in _PASSING, "Produce", body,
                                self.versions("Produce")[1])
        if _produced(answer)["ErrorCode"] != 0:
            raise Unready(f"Produce answers {answer}")
        return _produced(answer)["BaseOffset"]

    def group(self, suffix: str = "g") -> str:
        """The name of a group whose coordinator is there."""
        name = self.name(suffix)
        self.coordinator(name)
        return name

    def coordinator(self, group: str) -> None:
        """Waits until a group's coordinator is there."""
        self.ask_until(lambda answer: answer["Groups"][0]["ErrorCode"] not in _PASSING, "DescribeGroups",
                       {"Groups": [group]}, self.versions("DescribeGroups")[1])

    def producer(self) -> tuple[int, int]:
        """A new producer id and its epoch."""
        answer = self.ask_until(lambda answer: answer["ErrorCode"] == 0, "InitProducerId",
                                {"TransactionalId": None, "TransactionTimeoutMs": 60_000, "ProducerId": -1,
                                 "ProducerEpoch": -1}, self.versions("InitProducerId")[1])
        return answer["ProducerId"], answer["ProducerEpoch"]

    def leader_epoch(self, topic: Topic, partition: int = 0) -> int:
        """The epoch in which a partition is led."""
        answer = self.ask("Metadata", {"Topics": [{"Name": topic.name}]}, self.versions("Metadata")[1])
        return next(part["LeaderEpoch"] for part in answer["Topics"][0]["Partitions"]
                    if part["PartitionIndex"] == partition)

    def epoch(self, age: int) -> int:
        """The epoch of this number of the topic that was led in several; beyond its last one, those to come."""
        known = self.target.epochs
        return known[age] if age < len(known) else known[-1] + 1 + age - len(known)

    def settle(self) -> None:
        """Waits until the broker acts on all changes of metadata that were answered.

        Kafka's broker follows its controller a little later. The changes come in order, so one that is seen stands for all
        before it; a second round stands for what follows the sight of the first.
        """
        for _ in range(2):
            _marker(self)

    def pause(self, seconds: float) -> None:
        """Lets time pass."""
        time.sleep(seconds)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def _is_good(good: Callable[[Answer], bool], answer: Answer) -> bool:
    try:
        return good(answer)
    except (KeyError, IndexError):
        return False


def _produced(answer: Answer) -> Message:
    return answer["Responses"][0]["PartitionResponses"][0]


_marks: dict[tuple[int, str, tuple[str, int]], int] = {}


def _marker(talk: Talk) -> None:
    """Changes a config of this process's own topic and waits until it shows."""
    key = (os.getpid(), talk.target.kind, talk.target.address)
    name = f"{talk.target.token}settle-{os.getpid()}"
    if key not in _marks:
        talk.ask("CreateTopics", bodies.create_topic(name, 1), talk.versions("CreateTopics")[1])
        _marks[key] = 10_000
    _marks[key] += 1
    value = str(_marks[key])
    talk.ask_until(lambda answer: answer["Responses"][0]["ErrorCode"] == 0, "IncrementalAlterConfigs",
                   bodies.alter_config(bodies.TOPIC, name, {"retention.ms": value}),
                   talk.versions("IncrementalAlterConfigs")[1])
    talk.ask_until(lambda answer: answer["Results"][0]["Configs"][0]["Value"] == value, "DescribeConfigs",
                   bodies.describe_configs(bodies.TOPIC, name, ["retention.ms"]), talk.versions("DescribeConfigs")[1])


