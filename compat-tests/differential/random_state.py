"""What a block of random sequences knows about the broker that it talks to: learned from answers, the same on both
brokers as long as they answer the same."""

from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from .bodies import Topic
from .talk import Talk

T = TypeVar("T")

# How often an argument is wrong.
MISTAKE = 0.006
INT32 = 2**31 - 1
INT64 = 2**63 - 1


@dataclass
class Partition:
    """A partition's first offset and its end, and the sequence number that each producer sends next."""

    start: int = 0
    end: int = 0
    sequences: dict[int, int] = field(default_factory=dict)


@dataclass
class PoolTopic:
    topic: Topic
    partitions: list[Partition]
    compacted: bool = False


@dataclass
class Producer:
    id: int
    epoch: int


@dataclass
class Session:
    """A fetch session and the next epoch to send."""

    id: int
    epoch: int
    topic: Topic


@dataclass
class Group:
    """A group and its one member, if it has one."""

    name: str
    member: str = ""
    generation: int = -1
    synced: bool = False


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
