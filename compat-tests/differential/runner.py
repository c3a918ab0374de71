"""Runs sequences against brokers, several at a time, each in a process of a small pool.

A broker's answers can be kept (`Recording`) and compared with another's later.
"""

import multiprocessing
import pickle
import signal
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterator

from harness.process import die_with_parent

from . import aged, masks
from .compare import Difference, compare
from .connection import STOPPED, Connection, Exchange
from .differences import ACCEPTED, Accepted
from .schema import Schemas
from .sequence import ALL, Instance
from .talk import Talk, Target

WORKERS = 10
# The settings of brokers that sequences run on.
PROFILES = ("differential", "limits")
# Enough names to meet every partition of the topic of groups.
WARM_GROUPS = 64


@dataclass
class Recording:
    """What a broker answered, by the instances' names, and what is needed to ask another one the same."""

    versions: dict[str, tuple[int, int]]
    token: str
    now: int
    first_epoch: int = 0
    epochs: tuple[int, ...] = ()
    transcripts: dict[str, list[Exchange]] = field(default_factory=dict)
    # The tokens of what was run again: it needed other names.
    tokens: dict[str, str] = field(default_factory=dict)

    def of(self, instance: Instance) -> list[Exchange]:
        """What was answered to an instance; nothing if it was not run."""
        return self.transcripts.get(instance.name, [])

    def token_of(self, instance: Instance) -> str:
        return self.tokens.get(instance.name, self.token)

    def replace(self, again: "Recording") -> None:
        """Takes over what was run again."""
        self.transcripts |= again.transcripts
        self.tokens |= dict.fromkeys(again.transcripts, again.token)

    def save(self, path: Path) -> None:
        path.write_bytes(pickle.dumps(self))

    @staticmethod
    def load(path: Path) -> "Recording":
        return pickle.loads(path.read_bytes())


def open_recording(bootstrap: str, schemas: Schemas, token: str) -> Recording:
    """An empty recording of a Kafka: asks for what it advertises."""
    host, port = bootstrap.rsplit(":", 1)
    connection = Connection((host, int(port)), schemas, [])
    body = {"ClientSoftwareName": "differential", "ClientSoftwareVersion": "1"}
    answer = connection.ask("ApiVersions", schemas["ApiVersionsRequest"].versions[1], body)
    connection.close()
    versions = {schemas.api(api["ApiKey"]): (api["MinVersion"], api["MaxVersion"]) for api in answer["ApiKeys"]}
    # Advertised only for librdkafka's sake; sent, they close the connection.
    versions["Produce"] = (schemas["ProduceRequest"].versions[0], versions["Produce"][1])
    return Recording(versions, token, int(time.time() * 1000))


def instances(filters: list[str], versions: dict[str, tuple[int, int]], profile: str) -> list[Instance]:
    """All runs on brokers of a profile, or those whose name contains one of the filters, in the order of the registry."""
    found = [instance for sequence in ALL.values() if sequence.profile == profile for instance in sequence.instances(versions)]
    return [instance for instance in found if not filters or any(text in instance.name for text in filters)]


def target(kind: str, bootstrap: str, schemas: Schemas, recording: Recording) -> Target:
    """A broker that is asked what the recording's was (or will be) asked, ready: its topic of groups is there."""
    host, port = bootstrap.rsplit(":", 1)
    aim = Target(kind, (host, int(port)), schemas, recording.versions, recording.token, recording.now)
    talk = Talk(aim, Instance(next(iter(ALL.values())), None))
    try:
        talk.ask_until(lambda answer: answer["Coordinators"][0]["ErrorCode"] == 0, "FindCoordinator",
                       {"KeyType": 0, "CoordinatorKeys": ["warm"]}, talk.versions("FindCoordinator")[1])
        for index in range(WARM_GROUPS):
            talk.coordinator(f"{aim.token}warm-{index}")
        talk.producer()
        return replace(aim, first_epoch=talk.leader_epoch(talk.topic("warm")), epochs=aged.epochs(talk))
    finally:
        talk.close()


def run_one(instance: Instance, aim: Target) -> list[Exchange]:
    """One run; what keeps it from its end is its transcript's last entry."""
    talk = Talk(aim, instance)
    try:
        arguments = (talk, instance.sequence.case) if instance.sequence.has_case else (talk,)
        instance.sequence.function(*arguments)
    except Exception as problem:  # Whatever a sequence meets belongs into its transcript.
        where = traceback.extract_tb(problem.__traceback__)
        line = next((frame.lineno for frame in where if "sequences" in frame.filename), 0)
        talk.transcript.append(Exchange("(sequence)", 0, {}, STOPPED, None,
                                        f"{type(problem).__name__} at line {line}: {str(problem)[:300]}"))
    finally:
        talk.close()
    return talk.transcript


# What the pool's processes work on; they inherit it.
_work: tuple[list[Instance], list[Target]] = ([], [])


def _work_on(index: int) -> tuple[int, list[list[Exchange]], float]:
    """One instance against every target, at once."""
    instance, targets = _work[0][index], _work[1]
    begin = time.monotonic()
    if len(targets) == 1:
        transcripts = [run_one(instance, targets[0])]
    else:
        with ThreadPoolExecutor(len(targets)) as threads:
            transcripts = list(threads.map(lambda aim: run_one(instance, aim), targets))
    return index, transcripts, time.monotonic() - begin


def _begin_process() -> None:
    """A process of the pool ends when it is told to, and with its parent."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent()


def run(chosen: list[Instance], targets: list[Target], workers: int = WORKERS
        ) -> Iterator[tuple[Instance, list[list[Exchange]], float]]:
    """Runs all instances against each target, as they end: the transcripts by target, and the seconds it took."""
    global _work
    for alone in (False, True):
        batch = [instance for instance in chosen if instance.sequence.alone == alone]
        if not batch:
            continue
        _work = (batch, targets)
        with multiprocessing.get_context("fork").Pool(1 if alone else min(workers, len(batch)), _begin_process) as pool:
            for index, transcripts, seconds in pool.imap_unordered(_work_on, range(len(batch))):
                yield batch[index], transcripts, seconds


@dataclass
class Verdict:
    """What comparing all runs came to."""

    runs: int = 0
    failed: dict[str, list[Difference]] = field(default_factory=dict)
    accepted: set[Accepted] = field(default_factory=set)

    def judge(self, instance: Instance, aim: Target, recording: Recording, kafka: list[Exchange], weir: list[Exchange]
              ) -> list[Difference]:
        """Compares one run; returns the differences that are not accepted."""
        sides = [masks.masked(side, masks.Run(token, token + instance.prefix, aim.now, first_epoch,
                                              epochs if instance.sequence.aged else (), instance.sequence.recompressed))
                 for side, token, first_epoch, epochs in (
                     (kafka, recording.token_of(instance), recording.first_epoch, recording.epochs),
                     (weir, aim.token, aim.first_epoch, aim.epochs))]
        bad = []
        for difference in compare(instance.sequence.name, instance.version, *sides):
            entry = next((entry for entry in ACCEPTED if entry.covers(difference)), None)
            if entry is None:
                bad.append(difference)
            else:
                self.accepted.add(entry)
        self.runs += 1
        if bad:
            self.failed[instance.name] = bad
        return bad

    def stale(self) -> list[Accepted]:
        """Accepted differences that did not occur."""
        return [entry for entry in ACCEPTED if entry not in self.accepted and not entry.sometimes]


def stopped(transcript: list[Exchange]) -> str | None:
    """Why a run did not come to its end, if it did not: on Kafka that is a mistake in the sequence."""
    return next((exchange.detail for exchange in transcript if exchange.outcome == STOPPED), None)
