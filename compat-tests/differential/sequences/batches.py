"""Record batches with a field that is wrong or odd, and what a topic's configuration makes of batches."""

from .. import batch, bodies
from ..batch import Record
from ..sequence import sequence
from ..talk import Talk


def _produce_and_look(t: Talk, configs: dict[str, str] | None, *data: bytes) -> None:
    """Produces each, then reads what is there."""
    topic = t.topic(configs=configs)
    for one in data:
        t.send("Produce", bodies.produce(topic, 0, one))
    t.send("Fetch", bodies.fetch(topic, {0: 0}))


@sequence("batch.field", api="Produce", cases={
    "crc": {"crc": 1}, "count_0": {"count": 0}, "count_-1": {"count": -1}, "count_max": {"count": 2**31 - 1},
    "count_more": {"count": 3}, "count_less": {"count": 1}, "length_more": {"length": 100}, "length_0": {"length": 0},
    "length_less": {"length": 60}, "length_header": {"length": 49}, "length_negative": {"length": -1},
    "length_max": {"length": 2**31 - 1}, "last_offset_delta_more": {"last_offset_delta": 5},
    "last_offset_delta_less": {"last_offset_delta": 0}, "last_offset_delta_-1": {"last_offset_delta": -1},
    "base_offset": {"base_offset": 7}, "base_offset_-1": {"base_offset": -1}, "leader_epoch": {"leader_epoch": 5},
    "codec_5": {"codec": 5}, "codec_7": {"codec": 7}, "control": {"attributes": batch.CONTROL},
    "transactional": {"attributes": batch.TRANSACTIONAL}, "log_append_time": {"attributes": batch.LOG_APPEND_TIME},
    "delete_horizon": {"attributes": batch.DELETE_HORIZON}, "unused_bits": {"attributes": 0x80},
    "all_bits": {"attributes": 0x7F80}, "max_timestamp_less": {"max_timestamp": 5}, "max_timestamp_-1": {"max_timestamp": -1},
    "max_timestamp_more": {"max_timestamp": batch.BASE_TIMESTAMP + 1000}, "timestamp_-1": {"base_timestamp": -1},
    "timestamp_-2": {"base_timestamp": -2}, "timestamp_0": {"base_timestamp": 0}, "timestamp_max": {"base_timestamp": 2**63 - 1},
    "sequence_alone": {"sequence": 5}, "epoch_alone": {"producer_epoch": 5}, "producer_-2": {"producer_id": -2}})
def one_field(t: Talk, fields: dict) -> None:
    """A batch of two records with one field that is wrong or odd."""
    _produce_and_look(t, None, batch.build(2, **fields))


@sequence("batch.magic", api="Produce", cases={"-1": -1, "3": 3, "127": 127})
def magic(t: Talk, number: int) -> None:
    _produce_and_look(t, None, batch.build(2, magic=number))


@sequence("batch.old_magic", api="Produce", cases={"0": 0, "1": 1})
def old_magic(t: Talk, number: int) -> None:
    _produce_and_look(t, None, batch.old_message(number))


@sequence("batch.two", api="Produce")
def two(t: Talk) -> None:
    """Two batches for one partition, and a batch with bytes behind it."""
    _produce_and_look(t, None, batch.build(1) + batch.build(1), batch.build(1) + b"abc", batch.build(1) + bytes(61))


@sequence("batch.cut", api="Produce", cases={"1": 1, "11": 11, "12": 12, "17": 17, "60": 60, "61": 61, "70": 70})
def cut(t: Talk, size: int) -> None:
    _produce_and_look(t, None, batch.build(2)[:size])


@sequence("batch.record", api="Produce", cases={
    "null_value": [Record(None, b"k")], "null_both": [Record(None)], "empty_value": [Record(b"", b"")],
    "headers": [Record(b"v", headers=[(b"a", b"1"), (b"a", None), (b"", b"")])],
    "null_header_key": [Record(b"v", headers=[(None, b"1")])], "attributes": [Record(b"v", attributes=5)],
    "length_less": [Record(b"value", length=3)], "length_more": [Record(b"value", length=50)],
    "length_negative": [Record(b"value", length=-1)], "trailing": [Record(b"value", trailing=b"abc")],
    "offset_same": [Record(b"a"), Record(b"b", offset_delta=0)],
    "offset_gap": [Record(b"a"), Record(b"b", offset_delta=5)],
    "offset_back": [Record(b"a", offset_delta=1), Record(b"b", offset_delta=0)],
    "offset_first": [Record(b"a", offset_delta=1)], "offset_negative": [Record(b"a", offset_delta=-1)],
    "timestamp_back": [Record(b"a", timestamp_delta=100), Record(b"b", timestamp_delta=-100)],
    "timestamp_far": [Record(b"a", timestamp_delta=2**40)]})
def one_record(t: Talk, content: list[Record]) -> None:
    _produce_and_look(t, None, batch.build(content))


@sequence("batch.record_compressed", api="Produce", versions="newest", cases={
    "length_less": [Record(b"value", length=3)], "length_more": [Record(b"value", length=50)],
    "trailing": [Record(b"value", trailing=b"abc")], "offset_same": [Record(b"a"), Record(b"b", offset_delta=0)],
    "offset_gap": [Record(b"a"), Record(b"b", offset_delta=5)], "offset_first": [Record(b"a", offset_delta=1)],
    "null_header_key": [Record(b"v", headers=[(None, b"1")])]})
def record_compressed(t: Talk, content: list[Record]) -> None:
    _produce_and_look(t, None, *(batch.build(content, codec=codec) for codec in batch.CODECS.values() if codec))


@sequence("batch.not_compressed", api="Produce", cases={name: codec for name, codec in batch.CODECS.items() if codec})
def not_compressed(t: Talk, codec: int) -> None:
    """The codec is named, the bytes are something else."""
    _produce_and_look(t, None, batch.build(2, codec=codec, payload=b"these are not compressed bytes"),
                      batch.build(2, codec=codec, payload=b""))


@sequence("batch.bytes_after_compressed", api="Produce", versions="newest",
          cases={name: codec for name, codec in batch.CODECS.items() if codec})
def bytes_after_compressed(t: Talk, codec: int) -> None:
    good = batch.compress(codec, Record(b"v").encode(0))
    _produce_and_look(t, None, batch.build(1, codec=codec, payload=good + b"abc"))


@sequence("batch.count_compressed", api="Produce", versions="newest", cases={"less": 1, "more": 3, "0": 0, "-1": -1})
def count_compressed(t: Talk, count: int) -> None:
    _produce_and_look(t, None, *(batch.build(2, codec=codec, count=count) for codec in (batch.GZIP, batch.ZSTD)))


@sequence("batch.compacted", api="Produce", cases={
    "no_key": [Record(b"v")], "key": [Record(b"v", b"k")], "empty_key": [Record(b"v", b"")], "tombstone": [Record(None, b"k")],
    "second": [Record(b"v", b"k"), Record(b"v")]})
def compacted(t: Talk, content: list[Record]) -> None:
    """A compacted topic wants keys."""
    _produce_and_look(t, {"cleanup.policy": "compact"}, batch.build(content), batch.build(content, codec=batch.GZIP))


@sequence("batch.compact_and_delete", api="Produce", versions="newest")
def compact_and_delete(t: Talk) -> None:
    _produce_and_look(t, {"cleanup.policy": "compact,delete"}, batch.build(1), batch.build([Record(b"v", b"k")]))


@sequence("batch.size", api="Produce", cases={"at": 0, "over": 1, "far_over": 1000})
def size(t: Talk, over: int) -> None:
    """A batch as large as the topic allows, and larger."""
    empty = len(batch.build([Record(b"")]))
    # Lengths of records over 63 bytes take a byte more, twice.
    _produce_and_look(t, {"max.message.bytes": "200"}, batch.build([Record(b"x" * (200 - empty - 2 + over))]))


@sequence("batch.size_compressed", api="Produce", versions="newest")
def size_compressed(t: Talk) -> None:
    """What counts is the size on the wire."""
    _produce_and_look(t, {"max.message.bytes": "200"}, batch.build([Record(bytes(5000))], codec=batch.ZSTD),
                      batch.build([Record(bytes(5000))]))


@sequence("batch.default_limit", api="Produce", versions="newest", cases={"below": 1_048_400, "above": 1_048_600})
def default_limit(t: Talk, size: int) -> None:
    topic = t.topic()
    t.send("Produce", bodies.produce(topic, 0, batch.build([Record(bytes(size))])))
    t.send("ListOffsets", bodies.list_offsets(topic, [0], bodies.LATEST))


@sequence("batch.log_append_time", api="Produce")
def log_append_time(t: Talk) -> None:
    _produce_and_look(t, {"message.timestamp.type": "LogAppendTime"}, batch.build(2),
                      batch.build(2, codec=batch.LZ4), batch.build(1, base_timestamp=-1))


@sequence("batch.timestamp_limits", api="Produce", cases={
    "before": {"message.timestamp.before.max.ms": "1000"}, "after": {"message.timestamp.after.max.ms": "1000"}})
def timestamp_limits(t: Talk, configs: dict[str, str]) -> None:
    """Far from the broker's clock, on either side, and without a timestamp."""
    hours = 7_200_000
    _produce_and_look(t, configs, batch.build(1, base_timestamp=t.now - hours), batch.build(1, base_timestamp=t.now + hours),
                      batch.build(1, base_timestamp=-1), batch.build(2, base_timestamp=t.now - hours, codec=batch.GZIP))


@sequence("batch.topic_codec", api="Produce", recompressed=True,
          cases=["uncompressed", "producer", "gzip", "snappy", "lz4", "zstd"])
def topic_codec(t: Talk, codec: str) -> None:
    """The topic's codec replaces the producer's."""
    data = [batch.build([Record(b"x" * 200)] * 2, codec=number) for number in batch.CODECS.values()]
    _produce_and_look(t, {"compression.type": codec}, *data)
