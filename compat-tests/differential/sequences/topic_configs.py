"""Every config of a topic: what it takes and what not, lists, defaults, synonyms; where it is set and described."""

from .. import bodies
from ..bodies import APPEND, BROKER, DELETE, SET, SUBTRACT, TOPIC, Topic
from ..sequence import sequence
from ..talk import Talk

INT_MAX, LONG_MAX = 2**31 - 1, 2**63 - 1

# How numbers can be written.
WRITTEN = ["", " ", "abc", "1.0", "0x10", "1e3", "1_000", "5L", " 5 ", "+5", "005", "\t6\n", "--1"]
INT = [str(value) for value in (-2**31 - 1, -2**31, -2, -1, 0, 1, INT_MAX, INT_MAX + 1)]
LONG = [str(value) for value in (-2**63 - 1, -2**63, -2, -1, 0, 1, LONG_MAX, LONG_MAX + 1)]
BOOLEAN = ["true", "false", "TRUE", "False", " true ", "t", "yes", "1", "0", "", "null"]

# What each config is given, beside null.
VALUES = {
    "cleanup.policy": ["delete", "compact", "compact,delete", "delete, compact", "delete,delete", " compact ", "DELETE",
                       "none", "compact,none", "compact,", ",", "", " ", "compact;delete"],
    "compression.gzip.level": [*WRITTEN, *INT, "9", "10"],
    "compression.lz4.level": [*INT, "17", "18", "abc"],
    "compression.type": ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd", "none", "GZIP", " gzip", "gzip ",
                         "gzip,lz4", "bzip2", "", " "],
    "compression.zstd.level": [*INT, "22", "23", "-131072", "-131073", "abc"],
    "delete.retention.ms": [*WRITTEN, *LONG],
    "file.delete.delay.ms": LONG,
    "flush.messages": LONG,
    "flush.ms": LONG,
    "follower.replication.throttled.replicas": ["*", "0:1", "0:1,1:2", "0:1,*", "*,*", "0", "0:", ":1", "0:-1", "-1:1", "a:b",
                                                "0:1:2", "0:99", " 0:1 ", "0:1, 1:1", "0:1,0:1", ",", "", " ", "[0:1]", "none"],
    "index.interval.bytes": INT,
    "leader.replication.throttled.replicas": ["*", "0:1", "7:7,0:1", "0", "a:b", "", "**"],
    "local.retention.bytes": [*LONG, "-3"],
    "local.retention.ms": [*LONG, "-3", "604800000", "604800001"],
    "max.compaction.lag.ms": LONG,
    "max.message.bytes": [*WRITTEN, *INT],
    "message.timestamp.after.max.ms": LONG,
    "message.timestamp.before.max.ms": LONG,
    "message.timestamp.type": ["CreateTime", "LogAppendTime", "createtime", "LOGAPPENDTIME", " CreateTime ",
                               "NoTimestampType", "0", "", " "],
    "min.cleanable.dirty.ratio": ["0", "1", "0.5", ".5", "1.", "0.50", "1e-1", "1E-9", "0.5f", "0.25d", " 0.5 ", "+0.5", "-0.0",
                                  "-0.1", "1.1", "0.1L", "Infinity", "-Infinity", "0,5", "abc", "", " ",
                                  "0.30000000000000004", "0.001", "0.0001"],
    "min.compaction.lag.ms": LONG,
    "min.insync.replicas": INT,
    "preallocate": BOOLEAN,
    "remote.log.copy.disable": ["true", "false", "abc"],
    "remote.log.delete.on.disable": ["true", "false", "abc"],
    "remote.storage.enable": BOOLEAN,
    "retention.bytes": [*LONG, "1024"],
    "retention.ms": [*WRITTEN, *LONG],
    "segment.bytes": [*INT, "13", "14", "1048575", "1048576"],
    "segment.index.bytes": [*INT, "3", "4", "8", "13"],
    "segment.jitter.ms": [*LONG, "604800000", "604800001"],
    "segment.ms": LONG,
    "unclean.leader.election.enable": BOOLEAN,
    # What there is not, any more or at all.
    "message.format.version": ["3.0-IV1", "2.8", "abc"],
    "message.timestamp.difference.max.ms": ["1000"],
    "message.downconversion.enable": ["true"],
    "log.retention.ms": ["1000"],
    "RETENTION.MS": ["1000"],
    " retention.ms": ["1000"],
    "retention.ms ": ["1000"],
    "nonsense": ["1", ""],
    "": ["1", ""],
    "a=b": ["1"],
    "x" * 300: ["1"],
    "internal.segment.bytes": ["1", "1048576", "abc"],
    "errors.deadletterqueue.group.enable": ["true"],
}
LISTS = ["cleanup.policy", "follower.replication.throttled.replicas", "leader.replication.throttled.replicas"]
# A value that holds, other than the default.
GOOD = {
    "cleanup.policy": "compact", "compression.gzip.level": "5", "compression.lz4.level": "5", "compression.type": "zstd",
    "compression.zstd.level": "-5", "delete.retention.ms": "5", "file.delete.delay.ms": "5", "flush.messages": "5",
    "flush.ms": "5", "follower.replication.throttled.replicas": "*", "index.interval.bytes": "5",
    "leader.replication.throttled.replicas": "0:1", "local.retention.bytes": "-1", "local.retention.ms": "5",
    "max.compaction.lag.ms": "5", "max.message.bytes": "5", "message.timestamp.after.max.ms": "5",
    "message.timestamp.before.max.ms": "5", "message.timestamp.type": "LogAppendTime", "min.cleanable.dirty.ratio": "0.25",
    "min.compaction.lag.ms": "5", "min.insync.replicas": "2", "preallocate": "true", "remote.log.copy.disable": "true",
    "remote.storage.enable": "false", "retention.bytes": "1000000", "retention.ms": "1000000", "segment.bytes": "2000000",
    "segment.index.bytes": "1000", "segment.jitter.ms": "5", "segment.ms": "5", "unclean.leader.election.enable": "true",
}
KNOWN = {"max.message.bytes": "1000", "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.25", "preallocate": "true",
         "compression.type": "gzip"}


def _label(key: str) -> str:
    return {"": "empty", " retention.ms": "space_before", "retention.ms ": "space_after", "x" * 300: "long"}.get(key, key)


CASES = {_label(key): key for key in VALUES}


def _describe(t: Talk, topic: Topic, keys: list[str] | None, synonyms: bool = True) -> None:
    t.send("DescribeConfigs", bodies.describe_configs(TOPIC, topic.name, keys, synonyms))


def _alter(topic: Topic, values: dict[str, str | None], operation: int = SET, validate_only: bool = False) -> dict:
    return bodies.alter_config(TOPIC, topic.name, values, operation, validate_only)


def _alter_all(topic: Topic, values: dict[str, str | None], validate_only: bool = False) -> dict:
    return {"ValidateOnly": validate_only, "Resources": [{"ResourceType": TOPIC, "ResourceName": topic.name, "Configs": [
        {"Name": key, "Value": value} for key, value in values.items()]}]}


@sequence("topic_config.value", api="CreateTopics", versions="newest", cases=CASES)
def value(t: Talk, key: str) -> None:
    """A topic for each value: which ones come into being, and how their value is described."""
    values = [*VALUES[key], None]
    topics = [bodies.create_topic(t.name(f"t{number}"), configs={key: value})["Topics"][0]
              for number, value in enumerate(values)]
    t.send("CreateTopics", {"timeoutMs": 30_000, "Topics": topics})
    t.settle()
    t.send("DescribeConfigs", {"IncludeSynonyms": True, "Resources": [
        {"ResourceType": TOPIC, "ResourceName": topic["Name"], "ConfigurationKeys": [key]} for topic in topics]})


@sequence("topic_config.change", api="IncrementalAlterConfigs", versions="newest", cases=CASES)
def change(t: Talk, key: str) -> None:
    """Each value as a change, of one config and of all."""
    topic = t.topic()
    for value in [*VALUES[key], None]:
        t.send("IncrementalAlterConfigs", _alter(topic, {key: value}, validate_only=True))
        t.send("AlterConfigs", _alter_all(topic, {key: value}, validate_only=True))


@sequence("topic_config.operations", api="IncrementalAlterConfigs", versions="newest", cases=CASES)
def operations(t: Talk, key: str) -> None:
    """What is not set is deleted, and what is, whatever value comes with that; and only lists are appended to."""
    good = GOOD.get(key)
    topic = t.topic(configs={key: good} if good else None)
    if key not in LISTS:
        for operation_ in (APPEND, SUBTRACT):
            for value in (good, "1", "", None):
                t.send("IncrementalAlterConfigs", _alter(topic, {key: value}, operation_))
    for value in ("whatever", None):
        t.send("IncrementalAlterConfigs", _alter(topic, {key: value}, DELETE))
    t.settle()
    _describe(t, topic, [key])


@sequence("topic_config.list", api="IncrementalAlterConfigs", versions="newest", cases={
    f"{key}_{start or 'default'}": (key, start) for key, starts in {
        "cleanup.policy": (None, "", "delete", "compact", "compact,delete", "compact, delete", "delete,delete"),
        "follower.replication.throttled.replicas": (None, "", "0:1", "0:1,1:1", "0:1, 1:1", "*", ","),
        "leader.replication.throttled.replicas": (None, "0:1,1:1,2:1")}.items() for start in starts})
def change_list(t: Talk, case: tuple[str, str | None]) -> None:
    """Each change of a topic of its own, all in one request."""
    key, start = case
    changes = [(operation_, value) for operation_ in (APPEND, SUBTRACT) for value in (
        "compact", "compact,delete", "delete", "none", " compact", "delete,delete", "", ",", "compact,", ",compact", None)]
    if key != "cleanup.policy":
        changes = [(operation_, value) for operation_ in (APPEND, SUBTRACT) for value in (
            "0:1", "1:1", "1:1,2:1", "9:9", "x", "", ",", "*", "0:1,", ",0:1", " 1:1 , 2:1", "3:1,3:1", None)]
    configs = {} if start is None else {key: start}
    t.send("CreateTopics", {"timeoutMs": 30_000, "Topics": [
        bodies.create_topic(t.name(f"t{number}"), configs=configs)["Topics"][0] for number in range(len(changes))]})
    t.send("IncrementalAlterConfigs", {"Resources": [
        {"ResourceType": TOPIC, "ResourceName": t.name(f"t{number}"), "Configs": [
            {"Name": key, "ConfigOperation": operation_, "Value": value}]}
        for number, (operation_, value) in enumerate(changes)]})
    t.settle()
    t.send("DescribeConfigs", {"Resources": [
        {"ResourceType": TOPIC, "ResourceName": t.name(f"t{number}"), "ConfigurationKeys": [key]}
        for number in range(len(changes))]})


# What is asked in one request

@sequence("topic_config.names_twice", api="IncrementalAlterConfigs")
def names_twice(t: Talk) -> None:
    """One name twice, in the same and in different operations, good and bad."""
    topic = t.topic()
    for first, second in (("5000", "5000"), ("5000", "abc"), ("abc", "5000")):
        for operations in ((SET, SET), (SET, DELETE), (DELETE, SET), (DELETE, DELETE)):
            t.send("IncrementalAlterConfigs", {"Resources": [{"ResourceType": TOPIC, "ResourceName": topic.name, "Configs": [
                {"Name": "retention.ms", "ConfigOperation": operation, "Value": value}
                for operation, value in zip(operations, (first, second))]}]})
    t.settle()
    _describe(t, topic, ["retention.ms"])


@sequence("topic_config.operation", api="IncrementalAlterConfigs", versions="newest", alone=True)
def operation(t: Talk) -> None:
    """An operation that there is not: Kafka's controller fails on it and needs a while to be back."""
    topic = t.topic()
    for value in (None, "5000"):
        t.send("IncrementalAlterConfigs", _alter(topic, {"retention.ms": value}, 4))
    t.settle()


@sequence("topic_config.several", api="IncrementalAlterConfigs")
def several(t: Talk) -> None:
    """Good and bad names in one resource, and good and bad resources in one request: a resource is all or nothing."""
    topic, other = t.topic(), t.topic("u")
    t.send("IncrementalAlterConfigs", _alter(topic, {"retention.ms": "5000", "nonsense": "1"}))
    t.send("IncrementalAlterConfigs", _alter(topic, {"flush.ms": "abc", "retention.ms": "5000"}))
    names = [topic.name, t.name("none"), other.name, "a/b", ""]
    t.send("IncrementalAlterConfigs", {"Resources": [
        {"ResourceType": TOPIC, "ResourceName": name, "Configs": [{"Name": "flush.ms", "ConfigOperation": SET, "Value": "7"}]}
        for name in names]})
    t.settle()
    for each in (topic, other):
        _describe(t, each, ["retention.ms", "flush.ms"])


@sequence("topic_config.nothing", api="IncrementalAlterConfigs")
def nothing(t: Talk) -> None:
    topic = t.topic(configs={"flush.ms": "7"})
    t.send("IncrementalAlterConfigs", {"Resources": []})
    t.send("IncrementalAlterConfigs", _alter(topic, {}))
    t.send("IncrementalAlterConfigs", _alter(Topic(t.name("none"), topic.id), {}))
    _describe(t, topic, ["flush.ms"])


@sequence("topic_config.validate_only", api="IncrementalAlterConfigs")
def validate_only(t: Talk) -> None:
    topic = t.topic(configs={"flush.ms": "7"})
    for values, operation_ in (({"flush.ms": "8"}, SET), ({"flush.ms": None}, DELETE), ({"flush.ms": "abc"}, SET),
                               ({"cleanup.policy": "compact"}, APPEND)):
        t.send("IncrementalAlterConfigs", _alter(topic, values, operation_, validate_only=True))
    t.settle()
    _describe(t, topic, ["flush.ms", "cleanup.policy"])


@sequence("topic_config.unknown_topic", api="IncrementalAlterConfigs", cases={
    "none": "no-such-topic", "empty": "", "dot": ".", "long": "x" * 250, "slash": "a/b", "offsets": "__consumer_offsets",
    "metadata": "__cluster_metadata"})
def unknown_topic(t: Talk, name: str) -> None:
    for values in ({"flush.ms": "5"}, {"flush.ms": "abc"}, {"nonsense": "1"}):
        t.send("IncrementalAlterConfigs", bodies.alter_config(TOPIC, name, values, validate_only=True))
        t.send("AlterConfigs", _alter_all(Topic(name, None), values, validate_only=True))


@sequence("topic_config.odd_number", api="IncrementalAlterConfigs", versions="newest", cases={
    "other_digits": ("retention.ms", "٣"), "not_a_number": ("min.cleanable.dirty.ratio", "NaN"),
    "hexadecimal": ("min.cleanable.dirty.ratio", "0x1p-2")})
def odd_number(t: Talk, case: tuple[str, str]) -> None:
    t.send("IncrementalAlterConfigs", _alter(t.topic(), dict([case]), validate_only=True))


# Values that do not go together

TOGETHER = {
    "lags": {"min.compaction.lag.ms": "11", "max.compaction.lag.ms": "10"},
    "lags_same": {"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "10"},
    "local_bytes": {"retention.bytes": "100", "local.retention.bytes": "101", "remote.storage.enable": "false"},
    "local_ms": {"retention.ms": "100", "local.retention.ms": "101"},
    "local_ms_forever": {"retention.ms": "100", "local.retention.ms": "-1"},
    "remote": {"remote.storage.enable": "true"},
    "remote_compact": {"remote.storage.enable": "true", "cleanup.policy": "compact"},
    "remote_copy": {"remote.log.copy.disable": "true", "remote.storage.enable": "false"},
    "jitter": {"segment.ms": "100", "segment.jitter.ms": "101"},
    "index": {"segment.bytes": "1048576", "segment.index.bytes": "4"},
    "delete_on_disable": {"remote.log.delete.on.disable": "true"},
    "no_cleanup": {"cleanup.policy": "", "retention.ms": "-1"},
    "message_above_segment": {"max.message.bytes": "2000000", "segment.bytes": "1048576"},
    "replicas": {"min.insync.replicas": "2"},
}


@sequence("topic_config.together", api="CreateTopics", versions="newest", cases=TOGETHER)
def together(t: Talk, values: dict[str, str]) -> None:
    """At once at the creation, at once in a change, and the second to what the first has set."""
    t.send("CreateTopics", bodies.create_topic(t.name(), configs=values, validate_only=True))
    topic = t.topic()
    t.send("IncrementalAlterConfigs", _alter(topic, values, validate_only=True))
    t.send("AlterConfigs", _alter_all(topic, values, validate_only=True))
    for key, value in values.items():
        t.send("IncrementalAlterConfigs", _alter(topic, {key: value}))
    t.settle()
    _describe(t, topic, sorted(values))


# Creation

@sequence("topic_config.created", api="CreateTopics", cases={
    "none": {}, "some": KNOWN, "null": {"retention.ms": None}, "null_and_good": {"retention.ms": None, "flush.ms": "5"},
    "bad": {"retention.ms": "abc"}, "good_and_bad": {"flush.ms": "5", "retention.ms": "abc"}, "nonsense": {"nonsense": "1"}})
def created(t: Talk, values: dict[str, str | None]) -> None:
    """The answer of version 5 and later has all that holds for the topic; validated first, then created."""
    for validate in ((True, False) if t.version >= 1 else (False,)):
        t.send("CreateTopics", bodies.create_topic(t.name(), 2, configs=values, validate_only=validate))
    t.settle()
    t.send("DescribeConfigs", bodies.describe_configs(TOPIC, t.name(), sorted(values) or ["flush.ms"]))


@sequence("topic_config.created_twice", api="CreateTopics", versions=(4, 7))
def created_twice(t: Talk) -> None:
    """One name twice: the last one counts, or not."""
    for first, second in (("5", "6"), ("abc", "6"), ("5", "abc")):
        body = bodies.create_topic(t.name(), configs={"flush.ms": first})
        body["Topics"][0]["Configs"].append({"Name": "flush.ms", "Value": second})
        t.send("CreateTopics", body | {"validateOnly": True})


# DescribeConfigs

KEYS = {"all": None, "none": [], "some": ["retention.ms", "cleanup.policy"], "unknown": ["nonsense"],
        "one_unknown": ["retention.ms", "nonsense"], "twice": ["retention.ms", "retention.ms"], "empty": [""],
        "of_broker": ["log.retention.ms"], "upper_case": ["RETENTION.MS"], "unsorted": ["segment.ms", "flush.ms", "flush.ms"]}


@sequence("topic_config.describe", api="DescribeConfigs", cases=KEYS)
def describe(t: Talk, keys: list[str] | None) -> None:
    """With synonyms and documentation and without; of a topic with configs of its own."""
    topic = t.topic(configs=KNOWN)
    for synonyms in (False, True):
        t.send("DescribeConfigs", bodies.describe_configs(TOPIC, topic.name, keys, synonyms, documentation=synonyms))


@sequence("topic_config.describe_several", api="DescribeConfigs")
def describe_several(t: Talk) -> None:
    """Several resources, one of them twice, one that there is not, each with other keys."""
    topic, other = t.topic(), t.topic("u", configs={"flush.ms": "5"})
    t.send("DescribeConfigs", {"Resources": [
        {"ResourceType": TOPIC, "ResourceName": name, "ConfigurationKeys": keys}
        for name, keys in ((topic.name, ["flush.ms"]), (other.name, []), (t.name("none"), None), (topic.name, ["retention.ms"]),
                           (other.name, ["flush.ms"]))]})
    t.send("DescribeConfigs", {"Resources": []})


@sequence("topic_config.describe_name", api="DescribeConfigs", cases={
    "none": "no-such-topic", "empty": "", "dot": ".", "dots": "..", "long": "x" * 250, "slash": "a/b", "metadata": "__cluster_metadata"})
def describe_name(t: Talk, name: str) -> None:
    for keys in (None, [], ["retention.ms"]):
        t.send("DescribeConfigs", bodies.describe_configs(TOPIC, name, keys))


@sequence("topic_config.internal", api="DescribeConfigs", cases={"offsets": "__consumer_offsets"})
def internal(t: Talk, name: str) -> None:
    t.send("DescribeConfigs", bodies.describe_configs(TOPIC, name, [
        "cleanup.policy", "compression.type", "segment.bytes", "min.insync.replicas", "retention.ms"], synonyms=True))


# A broker's config that gives topics their default, set while it runs

FROM_BROKER = {
    "log.retention.ms": ("retention.ms", "9000000000000000"), "log.segment.bytes": ("segment.bytes", "2000000"),
    "log.cleanup.policy": ("cleanup.policy", ""), "message.max.bytes": ("max.message.bytes", "900000"),
    "log.message.timestamp.type": ("message.timestamp.type", "LogAppendTime"), "compression.type": ("compression.type", "zstd"),
    "compression.gzip.level": ("compression.gzip.level", "3"), "compression.lz4.level": ("compression.lz4.level", "4"),
    "compression.zstd.level": ("compression.zstd.level", "5"),
    "log.flush.interval.messages": ("flush.messages", "77"), "log.index.interval.bytes": ("index.interval.bytes", "5000"),
    "log.cleaner.min.cleanable.ratio": ("min.cleanable.dirty.ratio", "0.75"), "log.preallocate": ("preallocate", "false"),
    "log.cleaner.delete.retention.ms": ("delete.retention.ms", "5000"), "log.roll.ms": ("segment.ms", "1000000"),
    "log.cleaner.min.compaction.lag.ms": ("min.compaction.lag.ms", "999999"),
    "log.cleaner.max.compaction.lag.ms": ("max.compaction.lag.ms", "9999999"),
    "log.retention.bytes": ("retention.bytes", "100000000"), "log.segment.delete.delay.ms": ("file.delete.delay.ms", "1000"),
    "unclean.leader.election.enable": ("unclean.leader.election.enable", "true"),
    "log.message.timestamp.after.max.ms": ("message.timestamp.after.max.ms", "1000000"),
    "log.message.timestamp.before.max.ms": ("message.timestamp.before.max.ms", "9000000000000"),
    "log.roll.jitter.ms": ("segment.jitter.ms", "10"), "log.index.size.max.bytes": ("segment.index.bytes", "1000000"),
    "log.local.retention.ms": ("local.retention.ms", "1000"), "log.local.retention.bytes": ("local.retention.bytes", "1000"),
    "log.flush.interval.ms": ("flush.ms", "60000"),
}


@sequence("topic_config.from_broker", api="IncrementalAlterConfigs", versions="newest", alone=True)
def from_broker(t: Talk) -> None:
    """Set for all brokers, then for one, then by a topic; then taken back in the same order."""
    topic, own = t.topic(), t.topic("own")
    keys = [key for key, _ in FROM_BROKER.values()]
    values = {broker: value for broker, (_, value) in FROM_BROKER.items()}
    try:
        for name in ("", "1"):
            t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER, name, values))
            t.settle()
            _describe(t, topic, keys)
            t.send("DescribeConfigs", bodies.describe_configs(BROKER, name, list(values), synonyms=True))
        t.send("CreateTopics", bodies.create_topic(t.name("n"), validate_only=True))
        t.send("IncrementalAlterConfigs", _alter(own, dict(FROM_BROKER.values())))
        t.settle()
        _describe(t, own, keys)
    finally:
        for name in ("", "1"):
            t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER, name, dict.fromkeys(values), DELETE))
            t.settle()
            _describe(t, own, keys)


@sequence("topic_config.min_insync_from_broker", api="IncrementalAlterConfigs", versions="newest", alone=True)
def min_insync(t: Talk) -> None:
    for name in ("", "1"):
        for operation_ in (SET, DELETE):
            t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER, name, {"min.insync.replicas": "1"}, operation_))
