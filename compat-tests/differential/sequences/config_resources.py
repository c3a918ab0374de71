"""Configs of groups, client metrics, brokers' loggers and of what there is not; AlterConfigs; ListConfigResources."""

from .. import bodies
from ..bodies import APPEND, BROKER, BROKER_LOGGER, CLIENT_METRICS, DELETE, GROUP, SUBTRACT, TOPIC
from ..sequence import sequence
from ..talk import Talk

KINDS = {"unknown": 0, "1": 1, "topic": TOPIC, "3": 3, "broker": BROKER, "broker_logger": BROKER_LOGGER,
         "client_metrics": CLIENT_METRICS, "group": GROUP, "64": 64, "-1": -1, "127": 127}


@sequence("config_kinds.describe", api="DescribeConfigs", cases=KINDS)
def describe(t: Talk, kind: int) -> None:
    """Of something that there is not."""
    for name in ("no-such-thing", "", "7"):
        t.send("DescribeConfigs", bodies.describe_configs(kind, name, ["nonsense"]))


@sequence("config_kinds.alter", api="IncrementalAlterConfigs", cases=KINDS)
def alter(t: Talk, kind: int) -> None:
    for name in ("no-such-thing", "", "7"):
        t.send("IncrementalAlterConfigs", bodies.alter_config(kind, name, {"nonsense": "1"}, validate_only=True))


@sequence("config_kinds.alter_all", api="AlterConfigs", cases=KINDS)
def alter_all(t: Talk, kind: int) -> None:
    for name in ("no-such-thing", "", "7"):
        t.send("AlterConfigs", _alter(kind, name, {"nonsense": "1"}, validate=True))


@sequence("config_kinds.twice", api="IncrementalAlterConfigs")
def twice(t: Talk) -> None:
    """One resource twice in a request, and one name twice in a resource."""
    topic = t.topic()
    body = bodies.alter_config(TOPIC, topic.name, {"retention.ms": "5000"})
    t.send("IncrementalAlterConfigs", body | {"Resources": body["Resources"] * 2})
    config = body["Resources"][0]["Configs"][0]
    t.send("IncrementalAlterConfigs", {"Resources": [
        {"ResourceType": TOPIC, "ResourceName": topic.name, "Configs": [config, config | {"Value": "6000"}]}]})


# Groups

GROUP_CONFIGS = {
    "consumer.session.timeout.ms": ["45000", "50000", "60000", "44999", "60001", "0", "-1", "abc", None],
    "consumer.heartbeat.interval.ms": ["5000", "10000", "15000", "4999", "15001", "0", "abc", None],
    "share.session.timeout.ms": ["45000", "60000", "60001", "abc"],
    "share.heartbeat.interval.ms": ["5000", "15000", "15001"],
    "share.record.lock.duration.ms": ["15000", "30000", "60000", "14999", "60001"],
    "share.auto.offset.reset": ["latest", "earliest", "by_duration:PT1H", "none", ""],
    "share.isolation.level": ["read_committed", "read_uncommitted", "nonsense"],
    "streams.session.timeout.ms": ["45000", "60001"],
    "streams.heartbeat.interval.ms": ["5000", "15001"],
    "streams.num.standby.replicas": ["0", "1", "2", "3", "-1"],
    "nonsense": ["1"], "": ["1"],
}


@sequence("group_configs.set", api="IncrementalAlterConfigs", versions="newest", cases=list(GROUP_CONFIGS))
def group_set(t: Talk, key: str) -> None:
    for value in GROUP_CONFIGS[key]:
        t.send("IncrementalAlterConfigs", bodies.alter_config(GROUP, t.name("g"), {key: value}))
        t.settle()
        t.send("DescribeConfigs", bodies.describe_configs(GROUP, t.name("g"), [key], synonyms=True))


@sequence("group_configs.describe", api="DescribeConfigs")
def group_describe(t: Talk) -> None:
    """A group without settings of its own, all its configs."""
    t.send("DescribeConfigs", bodies.describe_configs(GROUP, t.name("g"), None, synonyms=True, documentation=True))
    t.send("DescribeConfigs", bodies.describe_configs(GROUP, "", None))
    t.send("DescribeConfigs", bodies.describe_configs(GROUP, t.name("g"), []))


@sequence("group_configs.operations", api="IncrementalAlterConfigs", cases={"delete": DELETE, "append": APPEND, "subtract": SUBTRACT})
def group_operations(t: Talk, number: int) -> None:
    key = "consumer.session.timeout.ms"
    t.ask("IncrementalAlterConfigs", bodies.alter_config(GROUP, t.name("g"), {key: "50000"}))
    t.send("IncrementalAlterConfigs", bodies.alter_config(GROUP, t.name("g"), {key: "1"}, number))
    t.settle()
    t.send("DescribeConfigs", bodies.describe_configs(GROUP, t.name("g"), [key]))


@sequence("group_configs.name", api="IncrementalAlterConfigs", cases={"empty": "", "slash": "a/b", "long": "x" * 500})
def group_name(t: Talk, name: str) -> None:
    t.send("IncrementalAlterConfigs", bodies.alter_config(GROUP, name, {"consumer.session.timeout.ms": "50000"},
                                                          validate_only=True))


# Client metrics

METRICS_CONFIGS = {
    "metrics": ["org.apache.kafka.producer.", "*", "", "a,b", None],
    "interval.ms": ["100", "99", "3600000", "3600001", "-1", "abc", None],
    "match": ["client_id=c", "client_id=[", "client_id=a,client_software_name=b", "nonsense=1", "client_id", "", None],
    "nonsense": ["1"],
}


@sequence("client_metrics.set", api="IncrementalAlterConfigs", versions="newest", cases=list(METRICS_CONFIGS))
def metrics_set(t: Talk, key: str) -> None:
    for value in METRICS_CONFIGS[key]:
        t.send("IncrementalAlterConfigs", bodies.alter_config(CLIENT_METRICS, t.name("m"), {key: value}))
        t.settle()
        t.send("DescribeConfigs", bodies.describe_configs(CLIENT_METRICS, t.name("m"), [key], synonyms=True))


@sequence("client_metrics.delete", api="IncrementalAlterConfigs")
def metrics_delete(t: Talk) -> None:
    t.ask("IncrementalAlterConfigs", bodies.alter_config(CLIENT_METRICS, t.name("m"), {"interval.ms": "5000", "match": ""}))
    t.send("IncrementalAlterConfigs", bodies.alter_config(CLIENT_METRICS, t.name("m"), {"interval.ms": None}, DELETE))
    t.settle()
    t.send("DescribeConfigs", bodies.describe_configs(CLIENT_METRICS, t.name("m"), None))
    t.send("IncrementalAlterConfigs", bodies.alter_config(CLIENT_METRICS, t.name("m"), {"match": None}, DELETE))
    t.settle()
    t.send("DescribeConfigs", bodies.describe_configs(CLIENT_METRICS, t.name("m"), None))


@sequence("client_metrics.lists", api="IncrementalAlterConfigs", cases={"append": APPEND, "subtract": SUBTRACT})
def metrics_lists(t: Talk, number: int) -> None:
    t.ask("IncrementalAlterConfigs", bodies.alter_config(CLIENT_METRICS, t.name("m"), {"metrics": "a.,b."}))
    for value in ("b.", "c.", ""):
        t.send("IncrementalAlterConfigs", bodies.alter_config(CLIENT_METRICS, t.name("m"), {"metrics": value}, number))
        t.settle()
        t.send("DescribeConfigs", bodies.describe_configs(CLIENT_METRICS, t.name("m"), ["metrics"]))


@sequence("client_metrics.describe", api="DescribeConfigs")
def metrics_describe(t: Talk) -> None:
    for name in (t.name("none"), ""):
        t.send("DescribeConfigs", bodies.describe_configs(CLIENT_METRICS, name, None, synonyms=True, documentation=True))


@sequence("client_metrics.name", api="IncrementalAlterConfigs", cases={"empty": "", "slash": "a/b", "long": "x" * 500})
def metrics_name(t: Talk, name: str) -> None:
    t.send("IncrementalAlterConfigs", bodies.alter_config(CLIENT_METRICS, name, {"interval.ms": "5000"}, validate_only=True))


# Loggers. Their names are the broker's own, but for the root.

@sequence("broker_logger.describe", api="DescribeConfigs", cases={"one": "1", "other": "2", "empty": "", "text": "abc"})
def logger_describe(t: Talk, broker: str) -> None:
    for keys in (["root"], ["no.such.logger"], []):
        t.send("DescribeConfigs", bodies.describe_configs(BROKER_LOGGER, broker, keys, synonyms=True))


@sequence("broker_logger.set", api="IncrementalAlterConfigs", alone=True, cases={
    "valid": ("root", "WARN"), "lower_case": ("root", "warn"), "unknown_level": ("root", "LOUD"), "null": ("root", None),
    "empty": ("root", ""), "unknown_logger": ("no.such.logger", "WARN")})
def logger_set(t: Talk, case: tuple[str, str | None]) -> None:
    """Validated only, then set, then as it was."""
    for validate in (True, False):
        t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER_LOGGER, "1", {case[0]: case[1]}, validate_only=validate))
        t.send("DescribeConfigs", bodies.describe_configs(BROKER_LOGGER, "1", [case[0]]))
    t.ask("IncrementalAlterConfigs", bodies.alter_config(BROKER_LOGGER, "1", {"root": "INFO"}))


@sequence("broker_logger.operation", api="IncrementalAlterConfigs", cases={"delete": DELETE, "append": APPEND, "subtract": SUBTRACT})
def logger_operation(t: Talk, number: int) -> None:
    t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER_LOGGER, "1", {"root": "INFO"}, number, validate_only=True))
    t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER_LOGGER, "1", {"no.such.logger": ""}, number, validate_only=True))


@sequence("broker_logger.alter_all", api="AlterConfigs")
def logger_alter_all(t: Talk) -> None:
    t.send("AlterConfigs", _alter(BROKER_LOGGER, "1", {"root": "INFO"}))


@sequence("broker_logger.other_broker", api="IncrementalAlterConfigs", cases={"2": "2", "empty": "", "text": "abc"})
def logger_other(t: Talk, broker: str) -> None:
    t.send("IncrementalAlterConfigs", bodies.alter_config(BROKER_LOGGER, broker, {"root": "INFO"}, validate_only=True))


# AlterConfigs: all settings at once

def _alter(kind: int, name: str, values: dict[str, str | None], validate: bool = False) -> dict:
    return {"ValidateOnly": validate, "Resources": [{"ResourceType": kind, "ResourceName": name, "Configs": [
        {"Name": key, "Value": value} for key, value in values.items()]}]}


@sequence("alter_configs.replaces", api="AlterConfigs")
def replaces(t: Talk) -> None:
    """What is not named goes back to its default."""
    topic = t.topic(configs={"retention.ms": "1000000", "segment.bytes": "2000000"})
    for values in ({"retention.ms": "2000000"}, {"flush.ms": "5", "retention.ms": "3000000"}, {}):
        t.send("AlterConfigs", _alter(TOPIC, topic.name, values))
        t.settle()
        t.send("DescribeConfigs", bodies.describe_configs(TOPIC, topic.name, ["retention.ms", "segment.bytes", "flush.ms"]))


@sequence("alter_configs.validate_only", api="AlterConfigs")
def validate_only(t: Talk) -> None:
    topic = t.topic(configs={"retention.ms": "1000000"})
    t.send("AlterConfigs", _alter(TOPIC, topic.name, {"flush.ms": "5"}, validate=True))
    t.send("AlterConfigs", _alter(TOPIC, topic.name, {"flush.ms": "abc"}, validate=True))
    t.settle()
    t.send("DescribeConfigs", bodies.describe_configs(TOPIC, topic.name, ["retention.ms", "flush.ms"]))


@sequence("alter_configs.wrong", api="AlterConfigs", cases={
    "value": {"retention.ms": "abc"}, "null": {"retention.ms": None}, "name": {"nonsense": "1"}, "empty_name": {"": "1"},
    "range": {"segment.bytes": "1"}, "one_of_two": {"retention.ms": "5000", "nonsense": "1"}})
def wrong(t: Talk, values: dict[str, str | None]) -> None:
    topic = t.topic(configs={"flush.ms": "7"})
    t.send("AlterConfigs", _alter(TOPIC, topic.name, values))
    t.settle()
    t.send("DescribeConfigs", bodies.describe_configs(TOPIC, topic.name, ["retention.ms", "flush.ms", "segment.bytes"]))


@sequence("alter_configs.twice", api="AlterConfigs")
def alter_twice(t: Talk) -> None:
    topic = t.topic()
    body = _alter(TOPIC, topic.name, {"retention.ms": "5000"})
    t.send("AlterConfigs", body | {"Resources": body["Resources"] * 2}, seconds=3)
    config = body["Resources"][0]["Configs"][0]
    t.send("AlterConfigs", {"Resources": [
        {"ResourceType": TOPIC, "ResourceName": topic.name, "Configs": [config, config | {"Value": "6000"}]}]}, seconds=3)


@sequence("alter_configs.several", api="AlterConfigs")
def several(t: Talk) -> None:
    """One good and one bad resource in a request."""
    topic = t.topic()
    good, bad = (_alter(TOPIC, name, {"flush.ms": "9"})["Resources"][0] for name in (topic.name, t.name("none")))
    t.send("AlterConfigs", {"Resources": [good, bad]})
    t.settle()
    t.send("DescribeConfigs", bodies.describe_configs(TOPIC, topic.name, ["flush.ms"]))


@sequence("alter_configs.group", api="AlterConfigs")
def alter_group(t: Talk) -> None:
    for values in ({"consumer.session.timeout.ms": "50000"}, {"consumer.session.timeout.ms": "1"}, {}):
        t.send("AlterConfigs", _alter(GROUP, t.name("g"), values))
        t.settle()
        t.send("DescribeConfigs", bodies.describe_configs(GROUP, t.name("g"), ["consumer.session.timeout.ms"]))


# ListConfigResources

@sequence("config_resources.list", api="ListConfigResources", alone=True, cases={
    "topics": [TOPIC], "brokers": [BROKER], "loggers": [BROKER_LOGGER], "metrics": [CLIENT_METRICS], "groups": [GROUP],
    "all": [], "several": [TOPIC, GROUP], "twice": [BROKER, BROKER], "0": [0], "99": [99], "-1": [-1], "null": None,
    "one_bad": [BROKER, 99]})
def list_resources(t: Talk, kinds: list[int] | None) -> None:
    t.topic()
    t.ask("IncrementalAlterConfigs", bodies.alter_config(GROUP, t.name("g"), {"consumer.session.timeout.ms": "50000"}))
    t.ask("IncrementalAlterConfigs", bodies.alter_config(CLIENT_METRICS, t.name("m"), {"interval.ms": "5000"}))
    t.settle()
    t.send("ListConfigResources", {"ResourceTypes": kinds})
