"""What is refused, in kcat's words. The broker runs with auto.create.topics.enable=false."""

from common.checks import Checks, equal, true
from common.cluster import Cluster
from common.samples import records
from kcat.command import fail, read, succeed


def register(checks: Checks, cluster: Cluster) -> None:
    for name, body in (("unknown_topic", _unknown_topic), ("message_too_large", _message_too_large),
                       ("invalid_topic", _invalid_topic), ("offset_out_of_range", _offset_out_of_range),
                       ("unknown_partition", _unknown_partition), ("no_key", _no_key)):
        checks.add(f"error.{name}", lambda body=body: body(cluster))


def _unknown_topic(cluster: Cluster) -> str:
    missing = cluster.name("missing")
    fail(cluster.bootstrap, "Unknown topic or partition", "-P", "-t", missing, stdin=b"v\n")
    fail(cluster.bootstrap, "Unknown topic or partition", "-C", "-e", "-t", missing)
    true(missing not in succeed(cluster.bootstrap, "-L"), "it was created")
    return "Unknown topic or partition"


def _message_too_large(cluster: Cluster) -> str:
    """A refused record takes no offset."""
    topic = cluster.topic("too-large", 1, {"max.message.bytes": "2000"})
    fail(cluster.bootstrap, "Message size too large", "-P", "-t", topic, stdin=b"x" * 5000 + b"\n")
    succeed(cluster.bootstrap, "-P", "-t", topic, stdin=b"small\n")
    equal([(0, "small")], [(each.offset, each.value) for each in read(cluster.bootstrap, topic)], "records")
    return "Message size too large"


def _invalid_topic(cluster: Cluster) -> str:
    fail(cluster.bootstrap, "Invalid topic", "-P", "-t", "with space", stdin=b"v\n")
    return "Invalid topic"


def _offset_out_of_range(cluster: Cluster) -> str:
    topic = cluster.topic("out-of-range", 1)
    lines = cluster.send(topic, records(1, 10, 1))
    fail(cluster.bootstrap, "Offset out of range", "-C", "-e", "-t", topic, "-p", "0", "-o", "11",
         "-X", "topic.auto.offset.reset=error")
    equal(lines[9:], [each.line() for each in read(cluster.bootstrap, topic, "-p", "0", "-o", "9")], "the last record")
    return "Offset out of range"


def _unknown_partition(cluster: Cluster) -> str:
    topic = cluster.topic("unknown-partition", 2)
    fail(cluster.bootstrap, "Unknown partition", "-P", "-t", topic, "-p", "2", stdin=b"v\n")
    fail(cluster.bootstrap, "partition 2 does not exist", "-C", "-e", "-t", topic, "-p", "2")
    equal([], read(cluster.bootstrap, topic), "records")
    return "partition 2 of 2"


def _no_key(cluster: Cluster) -> str:
    """Compacted topics take no record without a key."""
    topic = cluster.topic("no-key", 1, {"cleanup.policy": "compact"})
    fail(cluster.bootstrap, "failed to validate record", "-P", "-t", topic, stdin=b"no key\n")
    succeed(cluster.bootstrap, "-P", "-t", topic, "-k", "key", stdin=b"value\n")
    equal([(0, "key", "value")], [(each.offset, each.key, each.value) for each in read(cluster.bootstrap, topic)],
          "records")
    return "failed to validate record"
