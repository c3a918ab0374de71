"""What one node says about a cluster: quorum, features, elections, reassignments, quotas."""

from ..sequence import sequence
from ..talk import Talk

METADATA = "__cluster_metadata"


@sequence("quorum.describe", api="DescribeQuorum")
def quorum(t: Talk) -> None:
    t.send("DescribeQuorum", {"Topics": [{"TopicName": METADATA, "Partitions": [{"PartitionIndex": 0}]}]})


@sequence("quorum.other", api="DescribeQuorum", cases={
    "partition": [(METADATA, [1])], "partitions": [(METADATA, [0, 1])], "topic": [("none", [0])], "empty": [],
    "no_partitions": [(METADATA, [])], "two_topics": [(METADATA, [0]), ("none", [0])], "offsets": [("__consumer_offsets", [0])],
    "empty_name": [("", [0])]})
def quorum_other(t: Talk, topics: list) -> None:
    t.send("DescribeQuorum", {"Topics": [{"TopicName": name, "Partitions": [{"PartitionIndex": index} for index in indexes]}
                                         for name, indexes in topics]})


def _update(feature: str, level: int, kind: int = 1, validate: bool = False) -> dict:
    return {"timeoutMs": 30_000, "ValidateOnly": validate, "FeatureUpdates": [
        {"Feature": feature, "MaxVersionLevel": level, "UpgradeType": kind, "AllowDowngrade": kind != 1}]}


@sequence("features.unknown", api="UpdateFeatures", cases={"name": "nonsense", "empty": "", "long": "x" * 300})
def unknown_feature(t: Talk, feature: str) -> None:
    t.send("UpdateFeatures", _update(feature, 1))
    t.send("UpdateFeatures", _update(feature, 1, validate=True))


@sequence("features.metadata_version", api="UpdateFeatures", cases={
    "0": 0, "-1": -1, "same": 30, "more": 31, "max": 32767, "min": -32768, "7": 7, "6": 6})
def metadata_version(t: Talk, level: int) -> None:
    """Validated only: nothing changes."""
    for kind in (1, 2, 3):
        t.send("UpdateFeatures", _update("metadata.version", level, kind, validate=True))


@sequence("features.upgrade_type", api="UpdateFeatures", versions=(1, 2), cases={"0": 0, "4": 4, "-1": -1, "127": 127})
def upgrade_type(t: Talk, kind: int) -> None:
    t.send("UpdateFeatures", _update("metadata.version", 30, kind, validate=True))


@sequence("features.group_version", api="UpdateFeatures", cases={"same": 1, "more": 2, "0": 0})
def group_version(t: Talk, level: int) -> None:
    t.send("UpdateFeatures", _update("group.version", level, validate=True))


@sequence("features.twice", api="UpdateFeatures")
def feature_twice(t: Talk) -> None:
    one = _update("metadata.version", 30, validate=True)
    t.send("UpdateFeatures", one | {"FeatureUpdates": one["FeatureUpdates"] * 2})


@sequence("features.none", api="UpdateFeatures")
def no_features(t: Talk) -> None:
    t.send("UpdateFeatures", {"timeoutMs": 30_000, "FeatureUpdates": []})


@sequence("elect_leaders.own", api="ElectLeaders", cases={"preferred": 0, "unclean": 1})
def elect(t: Talk, kind: int) -> None:
    """The only replica leads already."""
    topic = t.topic(partitions=3)
    t.send("ElectLeaders", {"ElectionType": kind, "TimeoutMs": 30_000, "TopicPartitions": [
        {"Topic": topic.name, "Partitions": [0, 1, 2]}]})


@sequence("elect_leaders.unknown", api="ElectLeaders", cases={
    "partition": ("t", [1, -1]), "topic": ("none", [0]), "twice": ("t", [0, 0]), "no_partitions": ("t", [])})
def elect_unknown(t: Talk, case: tuple[str, list[int]]) -> None:
    t.topic()
    t.send("ElectLeaders", {"ElectionType": 0, "TimeoutMs": 30_000, "TopicPartitions": [
        {"Topic": t.name(case[0]), "Partitions": case[1]}]})


@sequence("elect_leaders.kind", api="ElectLeaders", versions=(1, 2), cases={"2": 2, "-1": -1, "127": 127})
def elect_kind(t: Talk, kind: int) -> None:
    topic = t.topic()
    t.send("ElectLeaders", {"ElectionType": kind, "TimeoutMs": 30_000, "TopicPartitions": [
        {"Topic": topic.name, "Partitions": [0]}]}, seconds=5)


@sequence("elect_leaders.name", api="ElectLeaders", cases={"empty": "", "bad": "a/b", "metadata": METADATA})
def elect_name(t: Talk, text: str) -> None:
    t.send("ElectLeaders", {"ElectionType": 0, "TimeoutMs": 30_000, "TopicPartitions": [{"Topic": text, "Partitions": [0]}]})


@sequence("elect_leaders.empty", api="ElectLeaders")
def elect_nothing(t: Talk) -> None:
    t.send("ElectLeaders", {"ElectionType": 0, "TimeoutMs": 30_000, "TopicPartitions": []})


@sequence("elect_leaders.all", api="ElectLeaders", alone=True)
def elect_all(t: Talk) -> None:
    """Of all partitions those are left out that need no election."""
    t.topic()
    t.send("ElectLeaders", {"ElectionType": 0, "TimeoutMs": 30_000, "TopicPartitions": None})
    t.send("ElectLeaders", {"ElectionType": 1, "TimeoutMs": 30_000, "TopicPartitions": None})


@sequence("elect_leaders.timeout", api="ElectLeaders", cases={"0": 0, "-1": -1})
def elect_timeout(t: Talk, millis: int) -> None:
    topic = t.topic()
    t.send("ElectLeaders", {"ElectionType": 0, "TimeoutMs": millis, "TopicPartitions": [
        {"Topic": topic.name, "Partitions": [5]}]})


def _reassign(name: str, replicas: dict[int, list[int] | None], change: bool = True) -> dict:
    return {"TimeoutMs": 30_000, "AllowReplicationFactorChange": change, "Topics": [{"Name": name, "Partitions": [
        {"PartitionIndex": index, "Replicas": brokers} for index, brokers in replicas.items()]}]}


@sequence("reassign.replicas", api="AlterPartitionReassignments", cases={
    "own": [1], "none": [], "cancel": None, "twice": [1, 1], "unknown": [2], "both": [1, 2], "negative": [-1], "max": [2**31 - 1]})
def reassign(t: Talk, replicas: list[int] | None) -> None:
    topic = t.topic(partitions=2)
    t.send("AlterPartitionReassignments", _reassign(topic.name, {0: replicas}))
    t.send("AlterPartitionReassignments", _reassign(topic.name, {1: replicas}, change=False))
    t.send("ListPartitionReassignments", {"TimeoutMs": 30_000, "Topics": [{"Name": topic.name, "PartitionIndexes": [0, 1]}]})
    t.settle()
    t.send("Metadata", {"Topics": [{"Name": topic.name}]})


@sequence("reassign.unknown", api="AlterPartitionReassignments", cases={
    "partition": ("t", 1), "negative": ("t", -1), "topic": ("none", 0)})
def reassign_unknown(t: Talk, case: tuple[str, int]) -> None:
    t.topic()
    t.send("AlterPartitionReassignments", _reassign(t.name(case[0]), {case[1]: [1]}))
    t.send("AlterPartitionReassignments", _reassign(t.name(case[0]), {case[1]: None}))


@sequence("reassign.name", api="AlterPartitionReassignments", cases={"empty": "", "bad": "a/b", "internal": "__consumer_offsets"})
def reassign_name(t: Talk, text: str) -> None:
    t.send("AlterPartitionReassignments", _reassign(text, {0: None}))


@sequence("reassign.nothing", api="AlterPartitionReassignments")
def reassign_nothing(t: Talk) -> None:
    topic = t.topic()
    t.send("AlterPartitionReassignments", {"TimeoutMs": 30_000, "Topics": []})
    t.send("AlterPartitionReassignments", _reassign(topic.name, {}))


@sequence("reassign.twice", api="AlterPartitionReassignments")
def reassign_twice(t: Talk) -> None:
    topic = t.topic()
    one = _reassign(topic.name, {0: [1]})
    t.send("AlterPartitionReassignments", one | {"Topics": one["Topics"] * 2})
    part = one["Topics"][0]["Partitions"][0]
    t.send("AlterPartitionReassignments", {"TimeoutMs": 30_000, "Topics": [{"Name": topic.name, "Partitions": [part, part]}]})


@sequence("reassign.list", api="ListPartitionReassignments", cases={
    "own": ("t", [0]), "unknown_partition": ("t", [7]), "unknown_topic": ("none", [0]), "no_partitions": ("t", [])})
def list_reassignments(t: Talk, case: tuple[str, list[int]]) -> None:
    t.topic()
    t.send("ListPartitionReassignments", {"TimeoutMs": 30_000, "Topics": [
        {"Name": t.name(case[0]), "PartitionIndexes": case[1]}]})


@sequence("reassign.list_all", api="ListPartitionReassignments", cases={"all": None, "none": []})
def list_all_reassignments(t: Talk, topics: list | None) -> None:
    t.send("ListPartitionReassignments", {"TimeoutMs": 30_000, "Topics": topics})


def _component(kind: str, match: int, name: str | None = None) -> dict:
    return {"EntityType": kind, "MatchType": match, "Match": name}


@sequence("quotas.describe", api="DescribeClientQuotas", cases={
    "all": [], "user": [_component("user", 0, "u")], "default_user": [_component("user", 1)], "any_user": [_component("user", 2)],
    "client": [_component("client-id", 0, "c")], "any_client": [_component("client-id", 2)], "ip": [_component("ip", 0, "127.0.0.1")],
    "any_ip": [_component("ip", 2)], "bad_ip": [_component("ip", 0, "nonsense")], "both": [_component("user", 2), _component("client-id", 2)],
    "ip_and_user": [_component("ip", 2), _component("user", 2)], "twice": [_component("user", 2), _component("user", 1)],
    "unknown_kind": [_component("nonsense", 2)], "empty_kind": [_component("", 2)], "match_3": [_component("user", 3)],
    "match_-1": [_component("user", -1)], "exact_without_name": [_component("user", 0)],
    "default_with_name": [_component("user", 1, "u")], "any_with_name": [_component("user", 2, "u")]})
def quotas(t: Talk, components: list[dict]) -> None:
    for strict in (False, True):
        t.send("DescribeClientQuotas", {"Components": components, "Strict": strict})
