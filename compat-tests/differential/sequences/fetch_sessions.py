"""Fetch sessions: their epochs, what an incremental answer leaves out, and names against ids."""

from uuid import UUID

from .. import batch, bodies
from ..bodies import Topic
from ..sequence import sequence
from ..talk import Talk

SESSIONS = range(7, 19)
NONE = Topic("no-such-topic", UUID(int=7))


def _open(t: Talk, topic: Topic, *partitions: int) -> int:
    return t.send("Fetch", bodies.fetch(topic, {index: 0 for index in partitions}, epoch=0))["SessionId"]


@sequence("session.epoch", api="Fetch", versions=SESSIONS, cases={"same": 1, "back": 0, "ahead": 3, "-2": -2, "max": 2**31 - 1,
                                                                 "min": -2**31})
def epoch(t: Talk, number: int) -> None:
    """After epochs 0 and 1 comes 2; others are refused, 0 begins anew, and then 2 once more."""
    topic = t.topic()
    own = _open(t, topic, 0)
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=1))
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=number))
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=2))


@sequence("session.wrong_id", api="Fetch", versions=SESSIONS, cases={"0": 0, "1": 1, "-1": -1, "max": 2**31 - 1})
def wrong_id(t: Talk, number: int) -> None:
    topic = t.topic()
    for number_epoch in (1, 0, -1):
        t.send("Fetch", bodies.fetch(topic, {0: 0}, session=number, epoch=number_epoch))


@sequence("session.nothing_new", api="Fetch", versions=SESSIONS)
def nothing_new(t: Talk) -> None:
    """What has not changed is left out; a change of the log's start or end comes."""
    topic = t.topic(partitions=2)
    t.fill(topic, 0, 2)
    own = _open(t, topic, 0, 1)
    t.send("Fetch", bodies.fetch(topic, {0: 2, 1: 0}, session=own, epoch=1))
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=2))
    t.fill(topic, 1, 1)
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=3))
    t.send("Fetch", bodies.fetch(topic, {1: 1}, session=own, epoch=4))
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=5))


@sequence("session.same_again", api="Fetch", versions=SESSIONS)
def same_again(t: Talk) -> None:
    """A partition whose offset does not move on comes again and again."""
    topic = t.topic()
    t.fill(topic, 0, 2)
    own = _open(t, topic, 0)
    for number in (1, 2):
        t.send("Fetch", bodies.fetch(topic, session=own, epoch=number))


@sequence("session.errors", api="Fetch", versions=SESSIONS)
def errors(t: Talk) -> None:
    """A partition with an error comes each time."""
    topic = t.topic()
    t.fill(topic, 0, 2)
    own = t.send("Fetch", bodies.fetch(topic, {0: 99}, epoch=0))["SessionId"]
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=1))
    t.send("Fetch", bodies.fetch(topic, {0: 2}, session=own, epoch=2))
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=3))


@sequence("session.forgotten", api="Fetch", versions=SESSIONS)
def forgotten(t: Talk) -> None:
    topic = t.topic(partitions=3)
    for index in range(3):
        t.fill(topic, index, 1)
    own = _open(t, topic, 0, 1, 2)
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=1, forgotten=[1]))
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=2, forgotten=[1, 7]))
    t.send("Fetch", bodies.fetch(topic, {1: 0}, session=own, epoch=3, forgotten=[0]))
    t.send("Fetch", bodies.fetch(topic, {2: 0}, session=own, epoch=4, forgotten=[2]))


@sequence("session.all_forgotten", api="Fetch", versions=SESSIONS)
def all_forgotten(t: Talk) -> None:
    """A session without partitions ends."""
    topic = t.topic(partitions=2)
    own = _open(t, topic, 0, 1)
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=1, forgotten=[0, 1]))
    t.send("Fetch", bodies.fetch(topic, {0: 0}, session=own, epoch=2))


@sequence("session.empty", api="Fetch", versions=SESSIONS)
def empty(t: Talk) -> None:
    """Without partitions there is no session."""
    t.send("Fetch", bodies.fetch(epoch=0))


@sequence("session.close", api="Fetch", versions=SESSIONS)
def close(t: Talk) -> None:
    topic = t.topic()
    own = _open(t, topic, 0)
    t.send("Fetch", bodies.fetch(session=own, epoch=-1))
    t.send("Fetch", bodies.fetch(session=own, epoch=1))
    t.send("Fetch", bodies.fetch(session=own, epoch=-1))


@sequence("session.replace", api="Fetch", versions=SESSIONS)
def replace(t: Talk) -> None:
    """Epoch 0 with a session's id begins a new one and ends the old."""
    topic = t.topic()
    own = _open(t, topic, 0)
    new = t.send("Fetch", bodies.fetch(topic, {0: 0}, session=own, epoch=0))["SessionId"]
    t.send("Fetch", bodies.fetch(session=own, epoch=1))
    t.send("Fetch", bodies.fetch(session=new, epoch=1))


@sequence("session.other_connection", api="Fetch", versions=(7, 12, 13, 18))
def other_connection(t: Talk) -> None:
    topic = t.topic()
    t.fill(topic, 0, 1)
    own = _open(t, topic, 0)
    t.send("Fetch", bodies.fetch(session=own, epoch=1), on=t.connect())
    t.send("Fetch", bodies.fetch(session=own, epoch=2))


@sequence("session.names_then_ids", api="Fetch", versions=(7, 11, 12))
def names_then_ids(t: Talk) -> None:
    """A session that was begun with names is used with ids, and the other way round."""
    topic = t.topic()
    t.fill(topic, 0, 1)
    own = _open(t, topic, 0)
    t.send("Fetch", bodies.fetch(topic, {0: 1}, session=own, epoch=1), version=13)
    t.send("Fetch", bodies.fetch(topic, {0: 1}, session=own, epoch=2))
    other = t.send("Fetch", bodies.fetch(topic, {0: 0}, epoch=0), version=13)["SessionId"]
    t.send("Fetch", bodies.fetch(session=other, epoch=1))


@sequence("session.unknown_topic", api="Fetch", versions=SESSIONS)
def unknown_topic(t: Talk) -> None:
    topic = t.topic()
    own = _open(t, topic, 0)
    t.send("Fetch", bodies.fetch(NONE, {0: 0}, session=own, epoch=1))
    t.send("Fetch", bodies.fetch(session=own, epoch=2))


@sequence("session.deleted_topic", api="Fetch", versions=SESSIONS)
def deleted_topic(t: Talk) -> None:
    """The topic of a session goes, and comes again under its name."""
    topic = t.topic()
    t.fill(topic, 0, 1)
    own = t.send("Fetch", bodies.fetch(topic, {0: 1}, epoch=0))["SessionId"]
    t.ask("DeleteTopics", {"Topics": [{"Name": topic.name}], "TopicNames": [topic.name], "TimeoutMs": 30_000})
    t.settle()
    t.send("Fetch", bodies.fetch(session=own, epoch=1))
    t.topic()
    t.settle()
    t.send("Fetch", bodies.fetch(session=own, epoch=2))
    t.send("Fetch", bodies.fetch(topic, {0: 0}))


@sequence("session.waits", api="Fetch", versions=(7, 12, 18))
def waits(t: Talk) -> None:
    """An incremental fetch of a session that has nothing new waits, and wakes."""
    topic = t.topic()
    own = _open(t, topic, 0)
    t.send("Fetch", bodies.fetch(session=own, epoch=1, max_wait=200))
    waiting = t.post("Fetch", bodies.fetch(session=own, epoch=2, max_wait=20_000))
    t.pause(0.3)
    t.fill(topic, 0, 1)
    waiting.answer()


@sequence("fetch.topic_id", api="Fetch", versions=range(13, 19), cases={"zero": 0, "one": 1, "other": 2**127})
def topic_id(t: Talk, number: int) -> None:
    topic = t.topic()
    t.send("Fetch", bodies.fetch(Topic(topic.name, UUID(int=number)), {0: 0}))
    t.send("Fetch", bodies.fetch(Topic(topic.name, UUID(int=number)), {0: 0}, epoch=0))


@sequence("fetch.twice", api="Fetch")
def twice(t: Talk) -> None:
    """A topic that stands twice, with another partition and with the same."""
    topic = t.topic(partitions=2)
    t.fill(topic, 0, 2)
    t.fill(topic, 1, 1)
    for second in (1, 0):
        body = bodies.fetch(topic, {0: 0})
        t.send("Fetch", body | {"Topics": body["Topics"] + bodies.fetch(topic, {second: 1})["Topics"]})


@sequence("fetch.isolation", api="Fetch", cases={"1": 1, "2": 2, "-1": -1})
def isolation(t: Talk, level: int) -> None:
    topic = t.topic()
    t.fill(topic, 0, 2)
    t.send("Fetch", bodies.fetch(topic, {0: 0}, isolation=level), seconds=5)


@sequence("fetch.replica", api="Fetch", versions=range(4, 15), cases={"1": 1, "7": 7, "-2": -2, "-3": -3})
def replica(t: Talk, number: int) -> None:
    """As another broker or a debugging tool would ask."""
    topic = t.topic()
    t.fill(topic, 0, 2)
    t.send("Fetch", bodies.fetch(topic, {0: 0}) | {"ReplicaId": number}, seconds=10)


@sequence("fetch.current_leader_epoch", api="Fetch", versions=range(9, 19), cases={"-2": -2, "min": -2**31})
def negative_leader_epoch(t: Talk, number: int) -> None:
    topic = t.topic()
    t.fill(topic, 0, 1)
    t.send("Fetch", bodies.fetch(topic, {0: 0}, CurrentLeaderEpoch=number))


@sequence("fetch.last_fetched_epoch", api="Fetch", versions=range(12, 19), cases={"own": 0, "next": 1, "far": 10**6})
def last_fetched_epoch(t: Talk, distance: int) -> None:
    """A consumer that says from which epoch its last record was hears where it diverges."""
    topic = t.topic()
    t.fill(topic, 0, 3)
    own = t.leader_epoch(topic)
    for offset in (1, 3, 5):
        t.send("Fetch", bodies.fetch(topic, {0: offset}, LastFetchedEpoch=own + distance, CurrentLeaderEpoch=own))


@sequence("fetch.rack", api="Fetch", versions=range(11, 19), cases={"empty": "", "some": "r", "null": None})
def rack(t: Talk, name: str | None) -> None:
    topic = t.topic()
    t.send("Fetch", bodies.fetch(topic, {0: 0}) | {"RackId": name}, seconds=5)


@sequence("fetch.large_batch", api="Fetch")
def large_batch(t: Talk) -> None:
    """A batch larger than every limit comes whole, and alone."""
    topic = t.topic(partitions=2)
    for partition in (0, 1):
        t.fill(topic, partition, data=batch.build([batch.Record(bytes(5000))]))
        t.fill(topic, partition, 1)
    t.send("Fetch", bodies.fetch(topic, {0: 0, 1: 0}, max_bytes=1000, partition_bytes=1000))
    t.send("Fetch", bodies.fetch(topic, {1: 0, 0: 0}, max_bytes=100_000, partition_bytes=1000))
    t.send("Fetch", bodies.fetch(topic, {0: 0, 1: 0}, max_bytes=6000, partition_bytes=100_000))
    t.send("Fetch", bodies.fetch(topic, {0: 1, 1: 0}, max_bytes=1, partition_bytes=1))


@sequence("fetch.min_bytes_value", api="Fetch", cases={"0": 0, "-1": -1, "min": -2**31, "max": 2**31 - 1})
def min_bytes_value(t: Talk, size: int) -> None:
    topic = t.topic()
    t.fill(topic, 0, 1)
    t.send("Fetch", bodies.fetch(topic, {0: 0}, min_bytes=size, max_wait=100))
    t.send("Fetch", bodies.fetch(topic, {0: 1}, min_bytes=size, max_wait=100))
