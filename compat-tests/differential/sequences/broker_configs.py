"""The configs of brokers: which can be changed while they run, how they are described, and what they do."""

from .. import batch, bodies
from ..bodies import APPEND, BROKER, DELETE, SET, SUBTRACT, TOPIC
from ..sequence import sequence
from ..talk import Talk

# Of those that can be changed: a good value, and bad ones.
DYNAMIC = {
    "background.threads": ("9", "0", "21", "4", "abc"),
    "compression.gzip.level": ("5", "0", "10"),
    "compression.lz4.level": ("5", "0", "18"),
    "compression.type": ("gzip", "none", ""),
    "compression.zstd.level": ("5", "23"),
    "connection.failed.authentication.delay.ms": ("50", "-1"),
    "follower.fetch.last.tiered.offset.enable": ("true", "abc"),
    "log.cleaner.backoff.ms": ("400", "-1", "abc"),
    "log.cleaner.dedupe.buffer.size": ("100000000", "1", "abc"),
    "log.cleaner.delete.retention.ms": ("1000", "-1"),
    "log.cleaner.io.buffer.load.factor": ("0.8", "abc"),
    "log.cleaner.io.buffer.size": ("600000", "-1"),
    "log.cleaner.io.max.bytes.per.second": ("1e9", "abc"),
    "log.cleaner.max.compaction.lag.ms": ("1000", "0"),
    "log.cleaner.min.cleanable.ratio": ("0.4", "2"),
    "log.cleaner.min.compaction.lag.ms": ("0", "-1"),
    "log.cleaner.threads": ("1", "-1", "5"),
    "log.cleanup.policy": ("delete", "none", "compact,compact"),
    "log.flush.interval.messages": ("100", "0"),
    "log.flush.interval.ms": ("100000", "-1", "abc"),
    "log.index.interval.bytes": ("4000", "-1"),
    "log.index.size.max.bytes": ("1000000", "3"),
    "log.local.retention.bytes": ("-1", "-3", "0"),
    "log.local.retention.ms": ("-1", "-3", "0"),
    "log.message.timestamp.after.max.ms": ("3600001", "-1"),
    "log.message.timestamp.before.max.ms": ("3600001", "-1"),
    "log.message.timestamp.type": ("LogAppendTime", "createtime"),
    "log.preallocate": ("true", "1"),
    "log.retention.bytes": ("-1", "abc"),
    "log.retention.ms": ("-1", "0", "-2"),
    "log.roll.jitter.ms": ("0", "-1"),
    "log.roll.ms": ("604800000", "0"),
    "log.segment.bytes": ("1048576", "1048575", "14"),
    "log.segment.delete.delay.ms": ("50000", "-1"),
    "max.connection.creation.rate": ("1000", "-1"),
    "max.connections": ("100000", "-1", "abc"),
    "max.connections.per.ip": ("100000", "-1", "0"),
    "max.connections.per.ip.overrides": ("127.0.0.9:5", "127.0.0.9", "127.0.0.9:x", ":5", ""),
    "message.max.bytes": ("1000000", "-1"),
    "metric.reporters": ("", "no.such.Class"),
    "num.io.threads": ("7", "0", "100", "3"),
    "num.network.threads": ("2", "0", "100"),
    "num.recovery.threads.per.data.dir": ("1", "0", "100"),
    "num.replica.alter.log.dirs.threads": ("2", "0"),
    "num.replica.fetchers": ("2", "0", "100"),
    "producer.id.expiration.ms": ("80000000", "0", "abc"),
    "remote.fetch.max.wait.ms": ("400", "0"),
    "remote.log.manager.copier.thread.pool.size": ("9", "0"),
    "remote.list.offsets.request.timeout.ms": ("20000", "0"),
    "transaction.partition.verification.enable": ("false", "abc"),
    "unclean.leader.election.enable": ("true", "abc"),
    "group.coordinator.threads": ("2",),
    "listeners": ("PLAINTEXT://127.0.0.1:1",),
    "advertised.listeners": ("PLAINTEXT://127.0.0.1:1",),
    "leader.replication.throttled.rate": ("1000", "-1", "abc"),
    "follower.replication.throttled.rate": ("1000", "-1"),
    "replica.alter.log.dirs.io.max.bytes.per.second": ("1000", "-1"),
}
READ_ONLY = ["auto.create.topics.enable", "broker.id", "node.id", "broker.rack", "default.replication.factor", "delete.topic.enable",
             "fetch.max.bytes", "group.initial.rebalance.delay.ms", "group.max.session.timeout.ms", "group.max.size", "log.dirs",
             "log.retention.hours", "log.retention.minutes", "log.roll.hours", "log.flush.scheduler.interval.ms",
             "log.retention.check.interval.ms", "num.partitions", "offset.metadata.max.bytes", "offsets.retention.minutes",
             "process.roles", "queued.max.requests", "socket.request.max.bytes", "controller.quorum.voters", "security.providers"]
UNKNOWN = ["log.message.format.version", "inter.broker.protocol.version", "nonsense", "", "retention.ms", "zookeeper.connect"]


@sequence("broker_config.change", api="IncrementalAlterConfigs", versions="newest", cases=list(DYNAMIC))
def change(t: Talk, key: str) -> None:
    """Validated for one broker and for all."""
    for value in (*DYNAMIC[key], " ", None):
        for name in ("", "1"):
            t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER, name, {key: value}, validate_only=True))
    for operation in (DELETE, APPEND, SUBTRACT):
        t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER, "1", {key: DYNAMIC[key][0]}, operation, validate_only=True))


def _fixed(t: Talk, key: str) -> None:
    """Validated only: set and taken back, for all brokers and for one; and as all that there is."""
    for name in ("", "1"):
        for operation in (SET, DELETE):
            t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER, name, {key: "1"}, operation, validate_only=True))
        t.send("AlterConfigs", {"ValidateOnly": True, "Resources": [
            {"ResourceType": BROKER, "ResourceName": name, "Configs": [{"Name": key, "Value": "1"}]}]})


@sequence("broker_config.read_only", api="IncrementalAlterConfigs", versions="newest", cases=READ_ONLY)
def read_only(t: Talk, key: str) -> None:
    _fixed(t, key)


@sequence("broker_config.unknown", api="IncrementalAlterConfigs", versions="newest", cases={key or "empty": key for key in UNKNOWN})
def unknown(t: Talk, key: str) -> None:
    _fixed(t, key)


@sequence("broker_config.describe", api="DescribeConfigs", alone=True, cases={
    "own": ("1", None), "all": ("", None), "none": ("1", []), "none_of_all": ("", []), "some": ("1", ["log.retention.ms", "nonsense"]),
    "twice": ("1", ["num.partitions", "num.partitions"]), "of_topic": ("1", ["retention.ms"])})
def describe(t: Talk, case: tuple[str, list[str] | None]) -> None:
    name, keys = case
    for synonyms in (False, True):
        t.send("DescribeConfigs", bodies.describe_configs(BROKER, name, keys, synonyms, documentation=synonyms))


@sequence("broker_config.retention_family", api="DescribeConfigs", versions="newest", alone=True)
def families(t: Talk) -> None:
    """Configs with several names, of which the finest counts."""
    for name in ("log.retention.ms", "log.retention.minutes", "log.retention.hours", "log.roll.ms", "log.roll.hours",
                 "log.roll.jitter.ms", "log.roll.jitter.hours", "log.flush.interval.ms", "log.flush.scheduler.interval.ms"):
        t.send("DescribeConfigs", bodies.describe_configs(BROKER, "1", [name], synonyms=True))


@sequence("broker_config.effect", api="Produce", versions="newest", alone=True)
def effect(t: Talk) -> None:
    """Limits for all topics that have none of their own, set while producers are at work."""
    topic, own = t.topic(), t.topic("own", configs={"max.message.bytes": "5000", "message.timestamp.type": "CreateTime"})
    large = batch.build([batch.Record(b"x" * 2000)])
    try:
        for values in ({"message.max.bytes": "1000"}, {"message.max.bytes": "3000", "log.message.timestamp.type": "LogAppendTime"}):
            t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER, "", values))
            t.settle()
            for each in (topic, own):
                t.send("Produce", bodies.produce(each, 0, large))
    finally:
        t.send("IncrementalAlterConfigs", bodies.alter_config(
            BROKER, "", {"message.max.bytes": None, "log.message.timestamp.type": None}, DELETE))
        t.settle()
    t.send("Produce", bodies.produce(topic, 0, large))


@sequence("broker_config.alter_all", api="AlterConfigs", alone=True)
def alter_all(t: Talk) -> None:
    """All that is set on a broker is replaced."""
    def alter(values: dict[str, str]) -> dict:
        return {"Resources": [{"ResourceType": BROKER, "ResourceName": "1", "Configs": [
            {"Name": key, "Value": value} for key, value in values.items()]}]}
    topic = t.topic()
    for values in ({"log.segment.bytes": "2000000", "message.max.bytes": "900000"}, {"log.segment.bytes": "3000000"}, {}):
        t.send("AlterConfigs", alter(values))
        t.settle()
        t.send("DescribeConfigs", bodies.describe_configs(BROKER, "1", ["log.segment.bytes", "message.max.bytes"], synonyms=True))
        t.send("DescribeConfigs", bodies.describe_configs(TOPIC, topic.name, ["segment.bytes", "max.message.bytes"]))


@sequence("broker_config.name", api="IncrementalAlterConfigs", cases={"2": "2", "-1": "-1", "text": "abc", "space": " 1", "zero": "01"})
def name(t: Talk, broker: str) -> None:
    t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER, broker, {"log.cleaner.backoff.ms": "500"}, validate_only=True))
    t.send("DescribeConfigs", bodies.describe_configs(BROKER, broker, ["log.cleaner.backoff.ms"]))
