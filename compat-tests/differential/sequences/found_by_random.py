"""What random sequences found first: limits of fetches, the order of sessions, requests that are refused as a whole."""

from uuid import UUID

from .. import batch, bodies
from ..batch import Record
from ..bodies import Topic
from ..sequence import sequence
from ..talk import Talk

MANY = 20


def _many(t: Talk, partitions: int) -> Topic:
    """Batches of several sizes, more than one entry of the index has."""
    topic = t.topic(partitions=partitions, configs={"index.interval.bytes": "1000"})
    for index in range(partitions):
        for number in range(MANY):
            t.fill(topic, index, data=batch.build([Record(b"x" * (number * 37 % 200))]))
    return topic


@sequence("fetch.sizes", api="Fetch", cases={
    "300": (2**31 - 1, 300), "2000": (2**31 - 1, 2000), "in_all_1": (1, 2000), "in_all_500": (500, 1 << 20),
    "in_all_2500": (2500, 2000), "in_all_5000": (5000, 2000)})
def sizes(t: Talk, limits: tuple[int, int]) -> None:
    """As many batches as there is room for; what Kafka fills up with a part of the next one counts, too."""
    topic, (in_all, each) = _many(t, 3), limits
    for offset in (0, 7, 13, 18):
        t.send("Fetch", bodies.fetch(topic, {0: offset, 1: 0, 2: offset}, max_bytes=in_all, partition_bytes=each))


@sequence("fetch.no_room_committed", api="Fetch", cases={"0": 0, "1": 1, "100": 100, "200": 200, "5000": 5000})
def no_room_committed(t: Talk, in_all: int) -> None:
    """What is said of transactions where nothing fits: nothing if there is a little room, that there are none if none."""
    topic = _many(t, 3)
    t.send("Fetch", bodies.fetch(topic, {0: 0, 1: 3, 2: 0}, max_bytes=in_all, partition_bytes=2000, isolation=1))
    t.send("Fetch", bodies.fetch(topic, {0: 0, 1: 3, 2: 0}, partition_bytes=in_all, isolation=1))


@sequence("fetch.order", api="Fetch")
def order(t: Talk) -> None:
    """What is not there stands last, unknown ids before unknown partitions."""
    topic, unknown = t.topic(partitions=2), {"Partition": 0, "PartitionMaxBytes": 1 << 20}
    body = bodies.fetch(topic, {7: 0, 0: 0, 9: 0, 1: 0})
    none = {"Topic": t.name("none"), "TopicId": UUID(int=7), "Partitions": [unknown]}
    t.send("Fetch", body | {"Topics": [none, *body["Topics"]]})
    t.send("Fetch", body | {"Topics": [*body["Topics"], none]})


@sequence("session.order", api="Fetch", versions=range(7, 19), cases={"known": False, "unknown": True})
def session_order(t: Talk, with_unknown: bool) -> None:
    """In which order partitions share a limit: that of the first answer, then those that gave data go to the end."""
    topic = _many(t, 3)
    asked = ({5: 0} if with_unknown else {}) | {2: 0, 0: 0, 1: 0}
    own = t.send("Fetch", bodies.fetch(topic, asked, epoch=0, max_bytes=1500, partition_bytes=1000))["SessionId"]
    for number in range(1, 6):
        t.send("Fetch", bodies.fetch(topic, session=own, epoch=number, max_bytes=1500))
    t.send("Fetch", bodies.fetch(topic, {1: 5}, session=own, epoch=6, max_bytes=1500, partition_bytes=1000))
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=7, max_bytes=1500))


@sequence("session.last_forgotten", api="Fetch", versions=range(7, 19))
def last_forgotten(t: Talk) -> None:
    """The last partition is forgotten by a request that names it: it is answered once more."""
    topic = t.topic()
    t.fill(topic, 0, 2)
    own = t.send("Fetch", bodies.fetch(topic, {0: 0}, epoch=0))["SessionId"]
    t.send("Fetch", bodies.fetch(topic, {0: 1}, session=own, epoch=1, forgotten=[0]))
    t.send("Fetch", bodies.fetch(topic, {0: 1}, session=own, epoch=2))


@sequence("session.mixed_versions", api="Fetch", versions=(7, 11))
def mixed_versions(t: Talk) -> None:
    """A session that begins with an epoch of the last record goes on in a version that cannot tell of a divergence."""
    topic = t.topic()
    t.fill(topic, 0, 2)
    body = bodies.fetch(topic, {0: 0}, epoch=0, LastFetchedEpoch=t.leader_epoch(topic))
    own = t.send("Fetch", body, version=12)["SessionId"]
    body = bodies.fetch(topic, {0: 5}, session=own, epoch=1, LastFetchedEpoch=t.leader_epoch(topic))
    t.send("Fetch", body, version=12)
    t.send("Fetch", bodies.fetch(topic, session=own, epoch=2))


@sequence("session.wrong_twice", api="Fetch", versions=range(7, 19))
def wrong_twice(t: Talk) -> None:
    """Neither the epoch is the session's nor the way to name topics: the epoch is told."""
    topic = t.topic()
    own = t.send("Fetch", bodies.fetch(topic, {0: 0}, epoch=0), version=12 if t.version > 12 else 13)["SessionId"]
    for number in (5, 1, 1):
        t.send("Fetch", bodies.fetch(topic, {0: 0}, session=own, epoch=number))


@sequence("list_offsets.deleted", api="ListOffsets", versions=range(7, 12))
def deleted(t: Talk) -> None:
    """The newest record, after it was deleted."""
    topic = t.topic()
    for stamp in (2000, 1000):
        t.fill(topic, data=batch.build(2, base_timestamp=batch.BASE_TIMESTAMP + stamp))
    t.ask("DeleteRecords", {"TimeoutMs": 30_000, "Topics": [{"Name": topic.name, "Partitions": [
        {"PartitionIndex": 0, "Offset": 3}]}]})
    t.send("ListOffsets", bodies.list_offsets(topic, [0], batch.BASE_TIMESTAMP))
    t.send("ListOffsets", bodies.list_offsets(topic, [0], bodies.MAX_TIMESTAMP))


@sequence("produce.one_unframed", api="Produce", cases={
    "magic": {"magic": 3}, "length": {"length": 5}, "crc": {"crc": 1}, "count": {"count": 0}})
def one_unframed(t: Talk, fields: dict) -> None:
    """Of three partitions one gets something that is no batch at all, or a batch that is bad."""
    topic = t.topic(partitions=3)
    t.send("Produce", bodies.produce_many(topic, {0: batch.build(1), 1: batch.build(1, **fields), 2: batch.build(1)}))
    t.send("ListOffsets", bodies.list_offsets(topic, [0, 1, 2], bodies.LATEST))


@sequence("produce.acks_and_more", api="Produce", cases={
    "zstd": batch.build(1, codec=batch.ZSTD), "two": batch.build(1) + batch.build(1), "none": b"", "crc": batch.build(1, crc=1),
    "old": batch.old_message(1)})
def acks_and_more(t: Talk, data: bytes) -> None:
    """What is wrong with the request comes before acks that there are not, what is wrong with the batch after."""
    t.send("Produce", bodies.produce(t.topic(), 0, data, acks=7))


@sequence("idempotence.no_epoch", api="Produce")
def no_epoch(t: Talk) -> None:
    """A producer with an id and without an epoch may send any sequence."""
    topic, (own, epoch) = t.topic(), t.producer()
    for sent_epoch, number in ((-1, 0), (-1, 0), (-1, 7), (-1, 3), (epoch, 5), (epoch, 6), (-1, 0), (-2, 0)):
        data = batch.build(1, producer_id=own, producer_epoch=sent_epoch, sequence=number)
        t.send("Produce", bodies.produce(topic, 0, data))
