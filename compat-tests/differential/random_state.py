"""What a block of random sequences knows about the broker that it talks to: learned from answers, the same on both
brokers as long as they answer the same."""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Iterator, TypeVar

from .batch import BASE_TIMESTAMP
from .bodies import Topic
from .schema import Message
from .talk import Talk

T = TypeVar("T")

# How often an argument is wrong.
MISTAKE = 0.015
INT32 = 2**31 - 1
INT64 = 2**63 - 1


@dataclass
class Producer:
    id: int
    epoch: int


@dataclass
class Sent:
    """A batch that was sent, and by which producer."""

    records: bytes
    count: int
    producer: Producer | None = None
    sequence: int = -1
    repeated: bool = False


@dataclass
class Partition:
    """A partition's first offset and its end, the sequence number that each producer sends next, and what producers
    with an id have sent last."""

    start: int = 0
    end: int = 0
    sequences: dict[int, int] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)


@dataclass
class PoolTopic:
    """A topic: whether it is compacted, stamps its records itself, begins segments by the time of its records."""

    topic: Topic
    partitions: list[Partition]
    compacted: bool = False
    stamped: bool = False
    rolled: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing depends on its configs."""
        return not (self.compacted or self.stamped or self.rolled)


@dataclass
class Session:
    """A fetch session, the next epoch to send, the topics in it, and whether it names them by id."""

    id: int
    epoch: int
    topics: list[PoolTopic]
    by_id: bool


@dataclass
class Group:
    """A group and its one member, if it has one, which may be a static one. The generation is −1 before the first join."""

    name: str
    instance: str | None = None
    member: str = ""
    generation: int = -1
    synced: bool = False
    kind: str = "consumer"

    def leave(self) -> None:
        """Its member has left."""
        self.member, self.synced = "", False


@dataclass
class State:
    """The pool of one block."""

    talk: Talk
    random: Random
    topics: list[PoolTopic]
    groups: list[Group]
    producers: list[Producer] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    extra: int = 0

    def version(self, api: str) -> int:
        """Any version; the newest a little more often."""
        first, last = self.talk.versions(api)
        return last if self.random.random() < 0.2 else self.random.randint(first, last)

    def send(self, api: str, body: dict) -> Any:
        return self.talk.send(api, body, version=self.version(api))

    def mistake(self, times: float = 1.0) -> bool:
        return self.random.random() < MISTAKE * times

    def pick(self, values: list[T]) -> T:
        return self.random.choice(values)

    def topic(self) -> PoolTopic:
        return self.pick(self.topics)

    def topics_of(self, count: int) -> list[PoolTopic]:
        """Some topics, each once."""
        return self.random.sample(self.topics, min(count, len(self.topics)))

    def answered(self, answer: Message, topics: str, partitions: str) -> Iterator[tuple[PoolTopic, Message]]:
        """Each partition of an answer that belongs to a topic of the pool."""
        for each in answer.get(topics) or []:
            for topic in self.topics:
                if topic.topic.name == each.get("Name") or topic.topic.id == each.get("TopicId"):
                    yield from ((topic, part) for part in each[partitions])

    def timestamp(self, topic: PoolTopic) -> int:
        """Of a batch for this topic."""
        return BASE_TIMESTAMP + (60_000 * self.random.randint(0, 30) if topic.rolled else 0)

    def epoch(self) -> int:
        """The leader epoch of all partitions, or none; now and then one that is still to come."""
        first = self.talk.target.first_epoch
        return first + self.pick([1, 100]) if self.mistake() else self.pick([-1, -1, first])

    def group(self) -> Group:
        return self.pick(self.groups)

    def partition(self, topic: PoolTopic) -> int:
        """A partition's index, now and then one that there is not."""
        if self.mistake():
            return self.pick([-1, len(topic.partitions), INT32])
        return self.random.randrange(len(topic.partitions))

    def offset(self, topic: PoolTopic, index: int) -> int:
        """An offset within the partition or at its end, now and then beyond."""
        if not 0 <= index < len(topic.partitions):
            return 0
        partition = topic.partitions[index]
        if self.mistake():
            return self.pick([-1, partition.start - 1, partition.end + 1, INT64])
        return self.random.randint(partition.start, partition.end)

    def name(self) -> str:
        """A topic's name, now and then of one that there is not."""
        return self.talk.name("none") if self.mistake() else self.topic().topic.name

    def bytes(self, most: int) -> bytes:
        """Bytes that compress a little."""
        return bytes(self.random.choices(b"abcdefgh", k=self.random.randint(0, most)))
