"""Produce: the normal case and the arguments of a request."""

from uuid import UUID

from .. import batch, bodies
from ..bodies import Topic
from ..sequence import sequence
from ..talk import Talk


@sequence("produce.normal", api="Produce", cases={"all": -1, "one": 1})
def normal(t: Talk, acks: int) -> None:
    topic = t.topic(partitions=2)
    t.send("Produce", bodies.produce(topic, 0, batch.build(3), acks))
    t.send("Produce", bodies.produce_many(topic, {0: batch.build(1), 1: batch.build(2)}, acks))
    t.send_until(lambda answer: all(part["HighWatermark"] == high for part, high in zip(
        answer["Responses"][0]["Partitions"], (4, 2))), "Fetch", bodies.fetch(topic, {0: 0, 1: 0}))


@sequence("produce.no_acks", api="Produce")
def no_acks(t: Talk) -> None:
    topic = t.topic()
    t.post("Produce", bodies.produce(topic, 0, batch.build(3), acks=0))
    t.connection.expect_silence(0.3)
    t.send("Fetch", bodies.fetch(topic, {0: 0}, max_wait=2000))


@sequence("produce.no_acks_error", api="Produce")
def no_acks_error(t: Talk) -> None:
    """An error that cannot be answered closes the connection."""
    t.post("Produce", bodies.produce(Topic(t.name("none"), UUID(int=7)), 0, batch.build(1), acks=0))
    t.connection.expect_silence(5)


@sequence("produce.acks", api="Produce", cases={"2": 2, "-2": -2, "max": 32767, "min": -32768})
def acks(t: Talk, value: int) -> None:
    topic = t.topic()
    t.send("Produce", bodies.produce(topic, 0, batch.build(1), value))


@sequence("produce.unknown_partition", api="Produce", cases={"1": 1, "-1": -1, "max": 2**31 - 1, "min": -2**31})
def unknown_partition(t: Talk, partition: int) -> None:
    topic = t.topic()
    t.send("Produce", bodies.produce_many(topic, {partition: batch.build(1), 0: batch.build(1)}))


@sequence("produce.unknown_topic", api="Produce")
def unknown_topic(t: Talk) -> None:
    t.send("Produce", bodies.produce(Topic(t.name("none"), UUID(int=7)), 0, batch.build(1)))


@sequence("produce.codec", api="Produce", cases=batch.CODECS)
def codec(t: Talk, number: int) -> None:
    topic = t.topic()
    t.send("Produce", bodies.produce(topic, 0, batch.build(5, codec=number)))
    t.send("Fetch", bodies.fetch(topic, {0: 0}, max_wait=500))


@sequence("produce.field", api="Produce", versions="newest", cases={
    "crc": {"crc": 1}, "magic_3": {"magic": 3}, "magic_-1": {"magic": -1}, "count_0": {"count": 0}, "count_-1": {"count": -1},
    "count_more": {"count": 3}, "count_less": {"count": 1}, "length_more": {"length": 100}, "length_0": {"length": 0},
    "length_negative": {"length": -1}, "last_offset_delta": {"last_offset_delta": 5}, "base_offset": {"base_offset": 7},
    "leader_epoch": {"leader_epoch": 5}, "codec_5": {"codec": 5}, "codec_7": {"codec": 7},
    "control": {"attributes": batch.CONTROL}, "transactional": {"attributes": batch.TRANSACTIONAL},
    "log_append_time": {"attributes": batch.LOG_APPEND_TIME}, "unused_bits": {"attributes": 0x80},
    "max_timestamp": {"max_timestamp": 5}, "base_timestamp_-1": {"base_timestamp": -1},
    "timestamp_0": {"base_timestamp": 0, "max_timestamp": 0}})
def one_field(t: Talk, fields: dict) -> None:
    """A batch of two records with one field that is wrong or odd."""
    topic = t.topic()
    t.send("Produce", bodies.produce(topic, 0, batch.build(2, **fields)))
    t.send("Fetch", bodies.fetch(topic, {0: 0}, max_wait=0))
