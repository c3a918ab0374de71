"""Random sequences of requests, from a seed.

They come in blocks of 100 that share a pool of topics and groups. A block is made from the seed and its number alone, so
it can be run again by itself and a long run can go on where it stopped. Which request comes next depends on the answers
before it, hence within a block only the first sequence that differs says something; the rest of it is left out.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from . import bodies, coverage, runner
from .compare import Difference
from .connection import ANSWER, Exchange
from .grammar import STEPS
from .random_state import Group, Partition, PoolTopic, State
from .runner import Recording
from .sequence import Instance, Sequence
from .talk import Talk, Target

BLOCK = 100
STEPS_OF_SEQUENCE = (2, 7)
# A member id that is asked for is how a member joins.
_NO_FAILURE = (0, 79)
BEGIN = "(random sequence)"


@dataclass(frozen=True)
class Block:
    """The arguments of one block; APIs that one broker lacks are left out."""

    seed: int
    number: int
    lacking: frozenset[str] = frozenset()


def blocks(seed: int, first: int, count: int, lacking: frozenset[str] = frozenset()) -> list[Instance]:
    """The blocks that hold these random sequences."""
    numbers = range(first // BLOCK, -(-(first + count) // BLOCK))
    return [Instance(Sequence(f"random.{seed}.{number}", _run, None, None, Block(seed, number, lacking), True, False,
                              False), None) for number in numbers]


def _run(t: Talk, block: Block) -> None:
    def topic(name: str, partitions: int = 1, configs: dict[str, str] | None = None, **kind: bool) -> PoolTopic:
        return PoolTopic(t.topic(name, partitions, configs), [Partition() for _ in range(partitions)], **kind)

    topics = [topic("a"), topic("b", 3), topic("c", 1, {"cleanup.policy": "compact"}, compacted=True),
              topic("d", 1, {"segment.ms": "60000", "index.interval.bytes": "100"}, rolled=True),
              topic("e", 1, {"message.timestamp.type": "LogAppendTime"}, stamped=True)]
    groups = [Group(t.group("g")), Group(t.group("h")), Group(t.group("s"), "static")]
    state = State(t, Random(f"{block.seed}/{block.number}"), topics, groups)
    chosen = [(step, weight) for step, weight, apis in STEPS if not block.lacking.intersection(apis)]
    steps, weights = [step for step, _ in chosen], [weight for _, weight in chosen]
    for index in range(BLOCK):
        number = block.number * BLOCK + index
        t.transcript.append(Exchange(BEGIN, 0, number, ANSWER))
        state.random = Random(f"{block.seed}/{number}")
        for step in state.random.choices(steps, weights, k=state.random.randint(*STEPS_OF_SEQUENCE)):
            step(state)
    _clean_up(t, state)


def _clean_up(t: Talk, state: State) -> None:
    """Leaves no topics and groups behind: a long run would have too many."""
    for group in state.groups:
        if group.member:
            t.ask("LeaveGroup", bodies.leave(group.name, group.member, group.instance))
    t.ask("DeleteGroups", {"GroupsNames": [group.name for group in state.groups]})
    t.ask("DeleteTopics", {"Topics": [{"Name": topic.topic.name} for topic in state.topics], "TimeoutMs": 30_000})


@dataclass
class Tally:
    """What came of random sequences."""

    sequences: int = 0
    requests: int = 0
    # Sequences in which Kafka answered no error.
    succeeded: int = 0
    # Sequences that were compared to their end, and those left out after a difference in their block.
    compared: int = 0
    left_out: int = 0
    apis: Counter = field(default_factory=Counter)
    differences: list[tuple[int, Difference]] = field(default_factory=list)
    # Whether to report also what differs after a block's first difference: much of it follows from that.
    everything: bool = False

    def add(self, instance: Instance, aim: Target, recording: Recording, kafka: list[Exchange], weir: list[Exchange]
            ) -> list[tuple[int, Difference]]:
        """Takes one block; returns the differences of its first sequence that has any, with that sequence's number."""
        parts = self.count(kafka)
        bad = runner.Verdict().judge(instance, aim, recording, kafka, weir)
        if not bad:
            self.compared += len(parts)
            return []
        first = _sequence_of(kafka, bad[0].entry)
        own = [(first, difference) for difference in bad
               if self.everything or _sequence_of(kafka, difference.entry) == first]
        before = sum(1 for part in parts if part[0].request < first)
        self.compared += before + 1
        self.left_out += len(parts) - before - 1
        self.differences += own
        return own

    def count(self, kafka: list[Exchange]) -> list[list[Exchange]]:
        """Counts Kafka's side of a block; returns it by sequence."""
        parts = _split(kafka)
        for part in parts:
            self.sequences += 1
            self.requests += len(part) - 1
            self.succeeded += all(_succeeded(exchange) for exchange in part)
            self.apis.update((exchange.api, exchange.version) for exchange in part[1:])
        return parts

    def summary(self) -> str:
        share = 100 * self.succeeded / self.sequences if self.sequences else 0
        compared = f", {self.compared} compared, {self.left_out} left out after a difference" if self.compared else ""
        return (f"{self.sequences} random sequences with {self.requests} requests, {self.succeeded} without an error on "
                f"Kafka ({share:.0f} %){compared}")


def _split(transcript: list[Exchange]) -> list[list[Exchange]]:
    parts: list[list[Exchange]] = []
    for exchange in transcript:
        if exchange.api == BEGIN:
            parts.append([])
        if parts:
            parts[-1].append(exchange)
    return parts


def _sequence_of(transcript: list[Exchange], entry: int) -> int:
    """The number of the random sequence in which an exchange lies."""
    numbers = [exchange.request for exchange in transcript[:entry + 1] if exchange.api == BEGIN]
    return numbers[-1] if numbers else -1


def _succeeded(exchange: Exchange) -> bool:
    if exchange.api == BEGIN:
        return True
    codes = coverage.codes(dict(exchange.answer or {}))
    return exchange.outcome == ANSWER and all(code in _NO_FAILURE for code in codes)
