"""What a topic's configs do, as far as a request shows it; changed while the topic is in use."""

from .. import batch, bodies
from ..batch import BASE_TIMESTAMP, Record
from ..bodies import DELETE, TOPIC, Topic
from ..sequence import sequence
from ..talk import Talk

HOUR_MS = 3_600_000
# Segments cannot be smaller than 1 MiB: two of these do not fit in one.
LARGE = 700_000


def _set(t: Talk, topic: Topic, key: str, value: str | None) -> None:
    """Sets a config, or takes it back."""
    t.send("IncrementalAlterConfigs", bodies.alter_config(TOPIC, topic.name, {key: value}, DELETE if value is None else 0))
    t.settle()


def _produce(t: Talk, topic: Topic, data: bytes) -> None:
    t.send("Produce", bodies.produce(topic, 0, data))


def _fetch(t: Talk, topic: Topic, records: int) -> None:
    """All records, once there are so many."""
    t.send_until(lambda answer: answer["Responses"][0]["Partitions"][0]["HighWatermark"] == records, "Fetch",
                 bodies.fetch(topic, {0: 0}))


def _starts_at(t: Talk, topic: Topic, offset: int) -> None:
    t.send_until(lambda answer: answer["Topics"][0]["Partitions"][0]["Offset"] == offset, "ListOffsets",
                 bodies.list_offsets(topic, [0], bodies.EARLIEST))


def _large(size: int = LARGE, timestamp: int = BASE_TIMESTAMP) -> bytes:
    return batch.build([Record(b"x" * size)], base_timestamp=timestamp)


@sequence("config_effect.max_message_bytes", api="Produce", versions="newest", cases={"plain": 0, "gzip": batch.GZIP})
def max_message_bytes(t: Talk, codec: int) -> None:
    """Lowered and raised again; it is about a batch as it is sent, compressed or not."""
    topic = t.topic()
    data = [batch.build([Record(bytes(range(256)) * times)], codec=codec) for times in (1, 8, 64)]
    for value in ("100", "1000", "10000", "0", None):
        _set(t, topic, "max.message.bytes", value)
        for each in data:
            _produce(t, topic, each)
    _produce(t, topic, data[0] + data[1])


@sequence("config_effect.timestamp_type", api="Produce")
def timestamp_type(t: Talk) -> None:
    """Batches keep what held when they were appended."""
    topic = t.topic()
    for value in ("CreateTime", "LogAppendTime", None):
        _set(t, topic, "message.timestamp.type", value)
        _produce(t, topic, batch.build(2))
    _fetch(t, topic, 6)
    for timestamp in (BASE_TIMESTAMP, t.now, -3):
        t.send("ListOffsets", bodies.list_offsets(topic, [0], timestamp))


@sequence("config_effect.timestamp_limits", api="Produce", versions="newest", cases={
    "before": ("message.timestamp.before.max.ms", -1), "after": ("message.timestamp.after.max.ms", 1)})
def timestamp_limits(t: Talk, case: tuple[str, int]) -> None:
    """Set, wider, and taken back; not looked at where the broker's clock counts."""
    key, sign = case
    topic = t.topic()
    for value in (HOUR_MS, 10 * HOUR_MS, 0, None):
        _set(t, topic, key, None if value is None else str(value))
        for hours in (0.5, 5, 50):
            _produce(t, topic, batch.build(2, base_timestamp=t.now + int(sign * hours * HOUR_MS)))
    _set(t, topic, key, "0")
    _set(t, topic, "message.timestamp.type", "LogAppendTime")
    for distance in (0, sign * 50 * HOUR_MS):
        _produce(t, topic, batch.build(2, base_timestamp=t.now + distance))


@sequence("config_effect.compression", api="Produce", versions="newest", recompressed=True,
          cases=["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"])
def compression(t: Talk, codec: str) -> None:
    """A topic's codec over each of the producers'; then it is taken back."""
    topic = t.topic()
    _set(t, topic, "compression.type", codec)
    for number in batch.CODECS.values():
        _produce(t, topic, batch.build(2, codec=number))
    _set(t, topic, "compression.type", None)
    _produce(t, topic, batch.build(2, codec=batch.GZIP))
    _fetch(t, topic, 12)


@sequence("config_effect.compression_level", api="Produce", versions="newest", recompressed=True, cases={
    "gzip": ("gzip", "1", "9"), "lz4": ("lz4", "1", "17"), "zstd": ("zstd", "-7", "9")})
def compression_level(t: Talk, case: tuple[str, str, str]) -> None:
    codec, *levels = case
    topic = t.topic(configs={"compression.type": codec})
    for level in levels:
        _set(t, topic, f"compression.{codec}.level", level)
        _produce(t, topic, batch.build([Record(b"abc" * 100)]))
    _fetch(t, topic, 2)


@sequence("config_effect.cleanup_policy", api="Produce", versions="newest")
def cleanup_policy(t: Talk) -> None:
    """What has no key is refused while the topic is compacted, as are deletions of records where nothing is deleted."""
    topic = t.topic()
    for policy in ("delete", "compact", "compact,delete", "", None):
        _set(t, topic, "cleanup.policy", policy)
        for key in (None, b"", b"k"):
            _produce(t, topic, batch.build([Record(b"v", key)]))
        t.send("DeleteRecords", {"Topics": [{"Name": topic.name, "Partitions": [{"PartitionIndex": 0, "Offset": 1}]}],
                                 "TimeoutMs": 30_000})


@sequence("config_effect.min_insync_replicas", api="Produce")
def min_insync_replicas(t: Talk) -> None:
    """More than there are replicas."""
    topic = t.topic(configs={"min.insync.replicas": "2"})
    for acks in (-1, 1):
        t.send("Produce", bodies.produce(topic, 0, batch.build(1), acks))
    _fetch(t, topic, 2)


@sequence("config_effect.retention_ms", api="Produce", versions="newest", cases={
    "delete": "delete", "compact": "compact", "both": "compact,delete", "none": ""})
def retention_ms(t: Talk, policy: str) -> None:
    """Old records go where the policy is to delete, and the log starts where they ended; new ones stay."""
    topic = t.topic(configs={"cleanup.policy": policy})
    t.fill(topic, data=batch.build([Record(b"v", b"k"), Record(b"v", b"l")]))
    _set(t, topic, "retention.ms", "60000")
    gone = 2 if "delete" in policy else 0
    if not gone:
        t.pause(2.5)
    _starts_at(t, topic, gone)
    _produce(t, topic, batch.build([Record(b"v", b"k")], base_timestamp=t.now + HOUR_MS // 2))
    t.pause(1.5)
    _starts_at(t, topic, gone)
    t.send("Fetch", bodies.fetch(topic, {0: 0}))
    t.send("Fetch", bodies.fetch(topic, {0: gone}))


@sequence("config_effect.retention_of_segments", api="ListOffsets", versions="newest", cases={
    "ms": ("retention.ms", "60000"), "bytes": ("retention.bytes", "750000"), "no_bytes": ("retention.bytes", "0"),
    "all_bytes": ("retention.bytes", "2500000")})
def retention_of_segments(t: Talk, case: tuple[str, str]) -> None:
    """By time up to the first segment with a new record, by size up to what fits."""
    topic = t.topic(configs={"segment.bytes": "1048576"})
    now = t.now + HOUR_MS // 2
    for timestamp in (BASE_TIMESTAMP, BASE_TIMESTAMP + 1, now, BASE_TIMESTAMP + 2):
        _produce(t, topic, _large(timestamp=timestamp))
    _set(t, topic, *case)
    _starts_at(t, topic, {"60000": 2, "750000": 2, "0": 4, "2500000": 0}[case[1]])
    t.pause(1.5)
    for timestamp in (bodies.EARLIEST, bodies.LATEST, BASE_TIMESTAMP, now, bodies.MAX_TIMESTAMP):
        t.send("ListOffsets", bodies.list_offsets(topic, [0], timestamp))
    t.send("Fetch", bodies.fetch(topic, {0: 0}, partition_bytes=1000))


@sequence("config_effect.segment_ms", api="ListOffsets", versions="newest")
def segment_ms(t: Talk) -> None:
    """A segment is closed by the time of its records, so that size can remove it."""
    topic = t.topic(configs={"segment.ms": "1000", "retention.bytes": "1"})
    for minutes in (0, 1, 2):
        _produce(t, topic, batch.build(1, base_timestamp=BASE_TIMESTAMP + 60_000 * minutes))
    _starts_at(t, topic, 2)


@sequence("config_effect.local_retention", api="ListOffsets", versions="newest")
def local_retention(t: Talk) -> None:
    """It is about tiered topics only."""
    topic = t.topic(configs={"local.retention.ms": "1", "local.retention.bytes": "1"})
    t.fill(topic, count=3)
    t.pause(2.5)
    _starts_at(t, topic, 0)


@sequence("config_effect.message_above_segment", api="Produce", versions="newest")
def message_above_segment(t: Talk) -> None:
    """A batch larger than a segment."""
    topic = t.topic(configs={"segment.bytes": "1048576", "max.message.bytes": "3000000"})
    for size in (1_048_000, 1_048_570, 2_000_000):
        _produce(t, topic, _large(size))
