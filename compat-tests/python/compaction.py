"""The log cleaner: the same keyed records, in the same batches, on each broker; what is left once it has cleaned.

The topics' cleaners are held back while they are written to, so that each phase is one round on every broker; segments
roll at the same records, by size and by the records' own time.
"""

import random
import time
from pathlib import Path

from confluent_kafka import KafkaError, OFFSET_BEGINNING, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from common.checks import PATIENCE_SECONDS, Checks, equal, eventually, true
from common.cluster import Cluster, text_of
from common.lines import offset_of

# Of every record; the last of a phase is later by more than segment.ms, so that all before it is in closed segments.
START_MS = 1_700_000_000_000
SEGMENT_MS = 3_600_000
DAY_MS = 24 * 3_600_000
# Several times `log.cleaner.backoff.ms`.
LOOKS_SECONDS = 2
KEYS = 400
BATCHES = 250
HELD = {"min.cleanable.dirty.ratio": "1.0"}
FREE = {"min.cleanable.dirty.ratio": "0.0001"}
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def register(checks: Checks, cluster: Cluster, folder: Path) -> None:
    for name, configs, phases in (
            # Tombstones outlive the check; they go in the round after the one that met them; several segments become one.
            ("long_lived_tombstones", {"delete.retention.ms": "86400000"}, 2),
            ("short_lived_tombstones", {"delete.retention.ms": "1"}, 3),
            ("log_append_time", {"message.timestamp.type": "LogAppendTime", "segment.ms": "1000"}, 1)):
        checks.add(f"compaction.{name}", lambda name=name, configs=configs, phases=phases: _clean(
            cluster, folder, name, configs, phases))
    checks.add("compaction.records_without_key", lambda: _without_keys(cluster, folder))
    checks.add("compaction.compact_and_delete", lambda: _compact_and_delete(cluster, folder))
    checks.add("compaction.max_compaction_lag", lambda: _max_lag(cluster, folder))
    checks.add("compaction.min_compaction_lag", lambda: _min_lag(cluster, folder))


def _clean(cluster: Cluster, folder: Path, name: str, configs: dict, phases: int) -> str:
    topic = _topic(cluster, name, configs | {"cleanup.policy": "compact"})
    writer = Writer(cluster, topic, name)
    has_own_time = "message.timestamp.type" not in configs
    for _ in range(phases):
        _set(cluster, topic, HELD)
        writer.write(BATCHES)
        if not has_own_time:
            # The segment rolls by the broker's clock.
            time.sleep(1.5)
        end = writer.roll()
        _set(cluster, topic, FREE)
        # The horizon of what the round before has met.
        _await_clean(cluster, topic, end)
    return _note(cluster, folder, name, topic, has_own_time)


def _without_keys(cluster: Cluster, folder: Path) -> str:
    """A topic that becomes compacted loses the records that have no key."""
    topic = _topic(cluster, "without_key", {"cleanup.policy": "delete", "retention.ms": "-1"})
    writer = Writer(cluster, topic, "without_key")
    writer.keyless = 0.2
    writer.write(BATCHES)
    end = writer.roll()
    _set(cluster, topic, FREE | {"cleanup.policy": "compact"})
    _await_clean(cluster, topic, end)
    return _note(cluster, folder, "without_key", topic, True)


def _compact_and_delete(cluster: Cluster, folder: Path) -> str:
    """What is clean expires by its records' time; what came after is cleaned, and knows nothing of it."""
    topic = _topic(cluster, "compact_and_delete", {"cleanup.policy": "compact,delete", "retention.ms": "-1"})
    writer = Writer(cluster, topic, "compact_and_delete")
    writer.write(BATCHES)
    first = writer.roll()
    boundary = writer.before_roll()
    _set(cluster, topic, FREE)
    _await_clean(cluster, topic, first)
    _set(cluster, topic, HELD)
    writer.write(BATCHES)
    end = writer.roll()
    _set(cluster, topic, {"retention.ms": str(_now_ms() - boundary)})
    eventually(f"{topic} begins at {first}", lambda: _begin(cluster, topic) == first, PATIENCE_SECONDS)
    _set(cluster, topic, FREE)
    _await_clean(cluster, topic, end)
    equal(first, _begin(cluster, topic), "the log's start")
    return _note(cluster, folder, "compact_and_delete", topic, True)


def _max_lag(cluster: Cluster, folder: Path) -> str:
    """However little is dirty, what is older than the largest lag is cleaned, and nothing else."""
    age = _now_ms() - START_MS
    topic = _topic(cluster, "max_compaction_lag", {
        "cleanup.policy": "compact", "max.compaction.lag.ms": str(age + DAY_MS)})
    writer = Writer(cluster, topic, "max_compaction_lag")
    writer.write(BATCHES)
    end = writer.roll()
    _stays_whole(cluster, topic, 0, end)
    _set(cluster, topic, {"max.compaction.lag.ms": str(age - DAY_MS)})
    _await_clean(cluster, topic, end)
    return _note(cluster, folder, "max_compaction_lag", topic, True)


def _min_lag(cluster: Cluster, folder: Path) -> str:
    """What is younger than the least lag is left alone, though a key in it has several records."""
    topic = _topic(cluster, "min_compaction_lag", {"cleanup.policy": "compact"})
    writer = Writer(cluster, topic, "min_compaction_lag")
    writer.write(BATCHES)
    first = writer.roll()
    boundary = writer.before_roll()
    writer.write(BATCHES)
    end = writer.roll()
    _set(cluster, topic, FREE | {"min.compaction.lag.ms": str(_now_ms() - boundary)})
    _await_clean(cluster, topic, first)
    _stays_whole(cluster, topic, first, end)
    return _note(cluster, folder, "min_compaction_lag", topic, True)


def _stays_whole(cluster: Cluster, topic: str, begin: int, end: int) -> None:
    """No offset of these goes while the cleaner looks at the log several times."""
    time.sleep(LOOKS_SECONDS)
    there = {offset_of(text) for text in _read(cluster, topic)}
    missing = [offset for offset in range(begin, end) if offset not in there]
    true(not missing, f"{len(missing)} records from {begin} to {end} are gone, the first at {missing[:1]}")


def _begin(cluster: Cluster, topic: str) -> int:
    consumer = cluster.consumer()
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE_SECONDS)[0]
    finally:
        consumer.close()


def _now_ms() -> int:
    return int(time.time() * 1000)


def _topic(cluster: Cluster, name: str, configs: dict) -> str:
    # Found by its name when the broker has stopped; that of an earlier try is not.
    topic = cluster.name(name)
    for old in cluster.admin.list_topics(timeout=PATIENCE_SECONDS).topics:
        if old.startswith(f"compaction-{name}-"):
            cluster.admin.delete_topics([old])[old].result()
    defaults = HELD | {"segment.bytes": str(1 << 20), "segment.ms": str(SEGMENT_MS)}
    cluster.admin.create_topics([NewTopic(topic, 1, 1, config=defaults | configs)])[topic].result()
    cluster.await_partitions(topic, 1)
    return topic


def _set(cluster: Cluster, topic: str, configs: dict) -> None:
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
               for name, value in configs.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    cluster.admin.incremental_alter_configs([resource])[resource].result()


def _await_clean(cluster: Cluster, topic: str, end: int) -> None:
    """Waits until each key stands once below `end`, where the active segment begins."""

    def is_clean() -> bool:
        keys = [text.split(" ")[3] for text in _read(cluster, topic) if offset_of(text) < end]
        return len(keys) == len(set(keys)) and "k-" not in keys

    eventually(f"{topic} is clean below {end}", is_clean, PATIENCE_SECONDS)


def _read(cluster: Cluster, topic: str) -> list[str]:
    """What is left, up to the end; how many records that are nobody knows."""
    consumer = cluster.consumer(enable_partition_eof=True)
    lines: list[str] = []
    end = time.monotonic() + PATIENCE_SECONDS
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        while time.monotonic() < end:
            for message in consumer.consume(500, timeout=0.2):
                if message.error() is None:
                    lines.append(text_of(message))
                    continue
                true(message.error().code() == KafkaError._PARTITION_EOF, f"consumer error: {message.error()}")
                return lines
        raise AssertionError(f"the end of {topic} was not reached")
    finally:
        consumer.close()


def _note(cluster: Cluster, folder: Path, name: str, topic: str, has_own_time: bool) -> str:
    """Writes down what is left, for the other broker's run to compare with."""
    lines = _read(cluster, topic)
    if not has_own_time:
        lines = [" ".join(word for word in text.split(" ") if not word.startswith("t")) for text in lines]
    own = folder / f"{name}.txt"
    own.write_text("".join(text + "\n" for text in lines))
    others = [path for path in folder.parent.glob(f"*/{name}.txt") if path != own]
    for other in others:
        found = other.read_text().splitlines()
        for one, two in zip(found, lines):
            equal(one, two, f"what {other.parent.name} has left")
        equal(len(found), len(lines), "records left")
    tombstones = sum(" v- " in text for text in lines)
    return f"{len(lines)} records left, {tombstones} of them tombstones, compared with {len(others)} other"


class Writer:
    """Writes batches whose bounds do not depend on time: each is flushed."""

    def __init__(self, cluster: Cluster, topic: str, seed: str):
        self._topic = topic
        self._random = random.Random(seed)
        self._now = START_MS
        self._offset = 0
        self.keyless = 0.0
        self._producers = [
            cluster.producer(linger_ms=60_000, compression_type=codec, enable_idempotence=idempotent, acks="all")
            for codec in CODECS for idempotent in (False, True)]

    def write(self, batches: int) -> None:
        for _ in range(batches):
            producer = self._random.choice(self._producers)
            for _ in range(self._random.randrange(1, 60)):
                self._record(producer)
            self._flush(producer)

    def roll(self) -> int:
        """A record that begins a new segment; its offset."""
        self._now += 2 * SEGMENT_MS
        offset = self._offset
        self._produce(self._producers[0], b"roll", b"", [])
        self._flush(self._producers[0])
        return offset

    def before_roll(self) -> int:
        """A time that lies between the last roll and what was before."""
        return self._now - SEGMENT_MS

    def _record(self, producer) -> None:
        draw = self._random
        self._now += draw.randrange(0, 20)
        key = None if draw.random() < self.keyless else b"key-%d" % draw.randrange(KEYS)
        value = None if key and draw.random() < 0.2 else draw.randbytes(draw.randrange(0, 40)) * draw.randrange(1, 45)
        headers = [("n", b"%d" % draw.randrange(9)), ("null", None)] if draw.random() < 0.3 else []
        self._produce(producer, key, value, headers)

    def _produce(self, producer, key, value, headers) -> None:
        producer.produce(self._topic, value, key, 0, timestamp=self._now - self._random.randrange(0, 500),
                         headers=headers, on_delivery=self._delivered)
        self._offset += 1

    @staticmethod
    def _delivered(error, _message) -> None:
        true(error is None, f"a record was refused: {error}")

    @staticmethod
    def _flush(producer) -> None:
        equal(0, producer.flush(PATIENCE_SECONDS), "records without an answer")
