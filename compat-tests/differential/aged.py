"""A topic that was led in several epochs: prepared before the sequences, which only read it.

A broker's epoch of a partition moves on when the broker restarts, so the topic grows in phases, and between two phases
somebody restarts the broker: `python -m differential.aged ADDRESS PHASE`, or `grow`.
"""

import sys

from harness import paths

from . import batch, bodies, schema
from .bodies import Topic
from .connection import Connection
from .schema import Schemas
from .sequence import Instance, Sequence
from .talk import Talk, Target

NAME = "aged"
GROUP = "aged-group"
PHASES = 3
# Between the timestamps of two phases.
PHASE_MS = 1000

# Partition: how many records it gets in each phase. `DELETED` loses its first ones.
GROWTH = {0: (3, 2, 4), 1: (0, 0, 1), 2: (2, 0, 0), 3: (0, 0, 0), 4: (2, 0, 2), 5: (3, 2, 4), 6: (0, 2, 0)}
DELETED, DELETED_TO = 5, 4

_WHERE = {"Topics": [{"Name": NAME}], "AllowAutoTopicCreation": False}


def grow(kind: str, bootstrap: str, schemas: Schemas, phase: int) -> None:
    """What is done before restart number `phase`, counted from 0; after the last there is none."""
    talk = _talk(kind, bootstrap, schemas)
    try:
        topic = _topic(talk, create=phase == 0)
        for partition, counts in GROWTH.items():
            if counts[phase]:
                talk.fill(topic, partition, counts[phase], base_timestamp=batch.BASE_TIMESTAMP + phase * PHASE_MS)
        _commit(talk, topic, phase)
        if phase == PHASES - 1:
            talk.ask("DeleteRecords", {"TimeoutMs": 30_000, "Topics": [{"Name": NAME, "Partitions": [
                {"PartitionIndex": DELETED, "Offset": DELETED_TO}]}]})
    finally:
        talk.close()


def epochs(talk: Talk) -> tuple[int, ...]:
    """The leader epochs of the phases on this broker, the oldest first; none if nothing was prepared."""
    if talk.ask("Metadata", _WHERE)["Topics"][0]["ErrorCode"] != 0:
        return ()
    topic = _topic(talk, create=False)
    answer = talk.ask("Fetch", bodies.fetch(topic, {0: 0}))
    data = answer["Responses"][0]["Partitions"][0]["Records"]
    return tuple(dict.fromkeys(one["PartitionLeaderEpoch"] for one in batch.parse(data)))


def topic(talk: Talk) -> Topic:
    """The topic, by its name and this broker's id for it."""
    return _topic(talk, create=False)


def _topic(talk: Talk, create: bool) -> Topic:
    if create:
        talk.ask_until(lambda answer: answer["Topics"][0]["ErrorCode"] in (0, 36), "CreateTopics",
                       bodies.create_topic(NAME, len(GROWTH)))
    found = talk.ask_until(lambda answer: answer["Topics"][0]["ErrorCode"] == 0, "Metadata", _WHERE)
    return talk.lead(Topic(NAME, found["Topics"][0]["TopicId"]), len(GROWTH))


def _commit(talk: Talk, topic: Topic, phase: int) -> None:
    """Commits one partition in each phase, with the epoch of that phase."""
    talk.ask_until(lambda answer: answer["Coordinators"][0]["ErrorCode"] == 0, "FindCoordinator",
                   {"KeyType": 0, "CoordinatorKeys": [GROUP]})
    talk.coordinator(GROUP)
    talk.ask_until(lambda answer: answer["Topics"][0]["Partitions"][0]["ErrorCode"] == 0, "OffsetCommit",
                   bodies.commit(GROUP, topic, {phase: phase + 1}, leader_epoch=talk.leader_epoch(topic)))


def _talk(kind: str, bootstrap: str, schemas: Schemas) -> Talk:
    host, port = bootstrap.rsplit(":", 1)
    connection = Connection((host, int(port)), schemas, [])
    newest = schemas["ApiVersionsRequest"].versions[1]
    answer = connection.ask("ApiVersions", newest, {"ClientSoftwareName": "differential", "ClientSoftwareVersion": "1"})
    connection.close()
    versions = {schemas.api(api["ApiKey"]): (api["MinVersion"], api["MaxVersion"]) for api in answer["ApiKeys"]}
    nothing = Sequence(NAME, lambda _: None, None, None, None, False, False, False)
    return Talk(Target(kind, (host, int(port)), schemas, versions, "", 0), Instance(nothing, None))


if __name__ == "__main__":
    grow("", sys.argv[1], schema.load(paths.LIBS), int(sys.argv[2]))
