"""What kcat sends is what kcat reads. It stamps records itself, so their timestamps are only bounded."""

import base64
import tempfile

from common.checks import Checks, equal, eventually, true
from common.cluster import Cluster
from common.lines import Record, same
from common.samples import VOLUME, noise, now_ms
from kcat.command import read, succeed


def register(checks: Checks, cluster: Cluster) -> None:
    for acks in ("0", "1", "all"):
        checks.add(f"produce.acks_{acks}",
                   lambda acks=acks: _plain(cluster, f"acks-{acks}", "-X", f"topic.acks={acks}"))
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        checks.add(f"produce.codec_{codec}", lambda codec=codec: _plain(cluster, f"codec-{codec}", "-z", codec))
    for name, body in (("idempotent", _idempotent), ("large", _large), ("nulls", _nulls), ("headers", _headers),
                       ("create_time", _create_time), ("log_append_time", _log_append_time),
                       ("partitioner", _partitioner), ("volume", _volume)):
        checks.add(f"produce.{name}", lambda body=body: body(cluster))


def _pairs(count: int) -> list[tuple[str, str]]:
    return [(f"key {index % 97}", f"value {index} " + "weir " * (index % 40)) for index in range(count)]


def _input(pairs: list[tuple[str, str]]) -> bytes:
    return "".join(f"{key}|{value}\n" for key, value in pairs).encode()


def _expected(partition: int, pairs: list[tuple[str, str]]) -> list[str]:
    return [Record(partition, 0, key.encode(), value.encode()).line(offset) for offset, (key, value) in
            enumerate(pairs)]


def _plain(cluster: Cluster, what: str, *arguments: str) -> str:
    topic = cluster.topic(what, 2)
    pairs = _pairs(500)
    before = now_ms()
    for partition in (0, 1):
        succeed(cluster.bootstrap, "-P", "-t", topic, "-p", str(partition), "-K", "|", *arguments, stdin=_input(pairs))
    # Nobody says when records of acks=0 and acks=1 can be read.
    eventually("all records are committed", lambda: len(read(cluster.bootstrap, topic)) >= 2 * len(pairs))
    seen = read(cluster.bootstrap, topic)
    for each in seen:
        equal("create", each.timestamp_type, "timestamp type")
        true(before <= each.timestamp <= now_ms(), f"timestamp {each.timestamp}")
    return same(_expected(0, pairs) + _expected(1, pairs), [each.line(0) for each in seen])


def _idempotent(cluster: Cluster) -> str:
    return _plain(cluster, "idempotent", "-X", "enable.idempotence=true", "-X", "batch.num.messages=5")


def _large(cluster: Cluster) -> str:
    """A file as one record of 1 MB that no codec makes much smaller."""
    topic = cluster.topic("large", 1)
    values = [base64.b64encode(noise(750_000, seed)).decode() for seed in range(3)]
    for value in values:
        with tempfile.NamedTemporaryFile() as file:
            file.write(value.encode())
            file.flush()
            succeed(cluster.bootstrap, "-P", "-t", topic, "-p", "0", "-k", "large", "-X", "message.max.bytes=2000000",
                    file.name)
    return same(_expected(0, [("large", value) for value in values]),
                [each.line(0) for each in read(cluster.bootstrap, topic)])


def _nulls(cluster: Cluster) -> str:
    """A tombstone is not an empty value, and no key is not the empty key."""
    topic = cluster.topic("nulls", 2)
    text = b"k1|v1\n|v2\nk3|\n|\nv5\n"
    succeed(cluster.bootstrap, "-P", "-t", topic, "-p", "0", "-K", "|", stdin=text)
    succeed(cluster.bootstrap, "-P", "-t", topic, "-p", "1", "-K", "|", "-Z", stdin=text)
    seen = [(each.key, each.value) for each in read(cluster.bootstrap, topic)]
    equal([("k1", "v1"), ("", "v2"), ("k3", ""), ("", ""), (None, "v5"),
           ("k1", "v1"), (None, "v2"), ("k3", None), (None, None), (None, "v5")], seen, "keys and values")
    return f"{len(seen)} records"


def _headers(cluster: Cluster) -> str:
    """Order, repeated names, null and empty values are kept."""
    topic = cluster.topic("headers", 1)
    given = ["twice=first", "null", "twice=second", "empty=", "größe=ü", "twice=first"]
    succeed(cluster.bootstrap, "-P", "-t", topic, *[word for header in given for word in ("-H", header)], stdin=b"v\n")
    succeed(cluster.bootstrap, "-P", "-t", topic, stdin=b"w\n")
    headers = [("twice", b"first"), ("null", None), ("twice", b"second"), ("empty", b""), ("größe", "ü".encode()),
               ("twice", b"first")]
    expected = [Record(0, 0, None, b"v", headers).line(0), Record(0, 0, None, b"w").line(1)]
    return same(expected, [each.line(0) for each in read(cluster.bootstrap, topic)])


def _create_time(cluster: Cluster) -> str:
    """Timestamps that another client set are shown as they are."""
    topic = cluster.topic("create-time", 1, {"retention.ms": "-1"})
    times = (1_500_000_000_000, 1, now_ms())
    expected = cluster.send(topic, [Record(0, time, None, b"at %d" % time) for time in times])
    seen = read(cluster.bootstrap, topic)
    equal({"create"}, {each.timestamp_type for each in seen}, "timestamp types")
    return same(expected, [each.line() for each in seen])


def _log_append_time(cluster: Cluster) -> str:
    topic = cluster.topic("append-time", 1, {"message.timestamp.type": "LogAppendTime"})
    before = now_ms()
    succeed(cluster.bootstrap, "-P", "-t", topic, "-K", "|", "-z", "lz4", stdin=_input(_pairs(20)))
    after = now_ms()
    seen = read(cluster.bootstrap, topic)
    for each in seen:
        equal("logappend", each.timestamp_type, "timestamp type")
        true(before <= each.timestamp <= after, f"append time {each.timestamp} outside {before} to {after}")
    return same(_expected(0, _pairs(20)), [each.line(0) for each in seen])


def _partitioner(cluster: Cluster) -> str:
    """Without explicit partitions: a key always goes to the same one, and every record arrives."""
    topic = cluster.topic("partitioner", 4)
    succeed(cluster.bootstrap, "-P", "-t", topic, "-K", "|", stdin=_input(_pairs(300)))
    seen = read(cluster.bootstrap, topic)
    homes: dict[str, int] = {}
    for each in seen:
        equal(homes.setdefault(each.key, each.partition), each.partition, f"partition of {each.key}")
    equal(sorted(_pairs(300)), sorted((each.key, each.value) for each in seen), "records")
    return f"{len(seen)} records, {len(homes)} keys"


def _volume(cluster: Cluster) -> str:
    """Enough records for one wrong one among thousands to show; one kcat for each partition."""
    topic = cluster.topic("volume", 3)
    expected = []
    for partition in range(3):
        pairs = [(f"key {partition} {index % 97}", f"value {partition} {index}") for index in range(VOLUME // 3)]
        succeed(cluster.bootstrap, "-P", "-t", topic, "-p", str(partition), "-K", "|", "-X", "topic.acks=all",
                stdin=_input(pairs))
        expected += _expected(partition, pairs)
    return same(expected, [each.line(0) for each in read(cluster.bootstrap, topic)])
