"""CreateTopics, DeleteTopics, CreatePartitions and Metadata; DescribeCluster and DescribeTopicPartitions."""

from uuid import UUID

from .. import batch, bodies
from ..bodies import Topic
from ..primitives import ZERO_UUID
from ..sequence import sequence
from ..talk import Talk

NO_ID = UUID(int=7)


def _new(name: str | None, partitions: int = -1, replication: int = -1,
         assignments: list[tuple[int, list[int]]] | None = None) -> dict:
    """A topic of a CreateTopics request; an assignment may name a partition twice."""
    return {"Name": name, "NumPartitions": partitions, "ReplicationFactor": replication, "Configs": [],
            "Assignments": [{"PartitionIndex": index, "BrokerIds": brokers} for index, brokers in assignments or []]}


def _create(*topics: dict, validate_only: bool = False, timeout: int = 30_000) -> dict:
    return {"timeoutMs": timeout, "validateOnly": validate_only, "Topics": list(topics)}


# CreateTopics

@sequence("create_topics.normal", api="CreateTopics")
def normal(t: Talk) -> None:
    t.send("CreateTopics", bodies.create_topic(t.name(), 3))
    t.settle()
    t.send("Metadata", {"Topics": [{"Name": t.name()}]})
    t.send("CreateTopics", bodies.create_topic(t.name(), 3))


@sequence("create_topics.name", api="CreateTopics", cases={
    "empty": "", "dot": ".", "dots": "..", "long": "x" * 250, "slash": "a/b", "space": "a b", "umlaut": "ä", "nul": "a\0",
    "colon": "a:b", "null": None, "internal": "__consumer_offsets", "metadata": "__cluster_metadata"})
def name(t: Talk, text: str | None) -> None:
    t.send("CreateTopics", bodies.create_topic(text, 1))


@sequence("create_topics.good_name", api="CreateTopics", versions="newest", cases={
    "249": "x", "three_dots": "...", "dashes": "--", "underscores": "__x", "digits": "0123456789", "upper_case": "ABC",
    "transactions": "__transaction_state", "share": "__share_group_state", "remote": "__remote_log_metadata"})
def good_name(t: Talk, text: str) -> None:
    """Validated only, as the names cannot be this run's own."""
    t.send("CreateTopics", _create(_new(text * 249 if text == "x" else text, 1, 1), validate_only=True))


@sequence("create_topics.collision", api="CreateTopics", versions="newest")
def collision(t: Talk) -> None:
    """Names that differ only in . and _ would have the same metrics."""
    t.send("CreateTopics", _create(_new(t.name("a.b_c"), 1, 1)))
    for other in ("a_b_c", "a.b.c", "a_b.c", "a.b_c", "a.b-c", "A.b_c"):
        t.send("CreateTopics", _create(_new(t.name(other), 1, 1), validate_only=True))
    t.send("CreateTopics", _create(_new(t.name("x.y"), 1, 1), _new(t.name("x_y"), 1, 1)))


@sequence("create_topics.partitions", api="CreateTopics", cases={"0": 0, "-1": -1, "-2": -2, "min": -2**31, "max": 2**31 - 1,
                                                                  "10001": 10_001})
def partitions(t: Talk, count: int) -> None:
    t.send("CreateTopics", bodies.create_topic(t.name(), count))


@sequence("create_topics.partitions_validated", api="CreateTopics", versions="newest",
          cases={"9999": 9_999, "10000": 10_000, "10001": 10_001, "100000": 100_000})
def partitions_validated(t: Talk, count: int) -> None:
    t.send("CreateTopics", _create(_new(t.name(), count, 1), validate_only=True))
    t.send("CreateTopics", _create(_new(t.name("a"), count // 2, 1), _new(t.name("b"), count - count // 2, 1), validate_only=True))


@sequence("create_topics.replication", api="CreateTopics", cases={"0": 0, "-1": -1, "-2": -2, "2": 2, "max": 32767})
def replication(t: Talk, factor: int) -> None:
    t.send("CreateTopics", bodies.create_topic(t.name(), 1, factor))


@sequence("create_topics.both_wrong", api="CreateTopics", versions=(2, 7))
def both_wrong(t: Talk) -> None:
    """Which of several mistakes is answered."""
    bad = {"Configs": [{"Name": "nonsense", "Value": "1"}]}
    for topic in (_new(t.name(), 0, 0), _new(t.name(), 0, 2), _new("a/b", 0, 0), _new(t.name(), 0, 1) | bad,
                  _new(t.name(), 1, 2) | bad, _new("", 1, 1) | bad, _new("__consumer_offsets", 0, 0)):
        t.send("CreateTopics", _create(topic))


ASSIGNMENTS = {
    "one": [(0, [1])], "three": [(0, [1]), (1, [1]), (2, [1])], "any_order": [(1, [1]), (0, [1])], "gap": [(0, [1]), (2, [1])],
    "not_from_0": [(1, [1])], "negative": [(-1, [1])], "twice": [(0, [1]), (0, [1])], "unknown": [(0, [7])],
    "unknown_later": [(0, [1]), (1, [7])], "no_brokers": [(0, [])], "broker_twice": [(0, [1, 1])], "two": [(0, [1, 7])],
    "uneven": [(0, [1]), (1, [1, 7])], "negative_broker": [(0, [-1])], "max": [(2**31 - 1, [1])],
}


@sequence("create_topics.assignment", api="CreateTopics", cases=ASSIGNMENTS)
def assignment(t: Talk, assigned: list[tuple[int, list[int]]]) -> None:
    t.send("CreateTopics", _create(_new(t.name(), -1, -1, assigned), validate_only=True))


@sequence("create_topics.assignment_and_numbers", api="CreateTopics", versions=(2, 4, 7), cases={
    "count": (1, -1), "factor": (-1, 1), "both": (1, 1), "wrong_count": (2, -1), "zero": (0, 0), "minus_two": (-2, -2)})
def assignment_and_numbers(t: Talk, case: tuple[int, int]) -> None:
    t.send("CreateTopics", _create(_new(t.name(), *case, [(0, [1])]), validate_only=True))


@sequence("create_topics.twice", api="CreateTopics")
def twice(t: Talk) -> None:
    """A topic that stands twice in a request, beside a good one."""
    one = _new(t.name(), 1, 1)
    t.send("CreateTopics", _create(one, one))
    t.send("CreateTopics", _create(one, one | {"NumPartitions": 2}, _new(t.name("b"), 1, 1)))
    t.send("CreateTopics", _create(one, validate_only=True))


@sequence("create_topics.several", api="CreateTopics")
def several(t: Talk) -> None:
    """Good and bad ones: each by itself."""
    t.send("CreateTopics", _create(_new(t.name("a"), 2, 1), _new("a/b", 1, 1), _new(t.name("c"), 0, 1), _new(t.name("d"), 1, 1)))
    t.settle()
    t.send("Metadata", {"Topics": [{"Name": t.name(each)} for each in "acd"]})


@sequence("create_topics.nothing", api="CreateTopics", cases={"empty": [], "null": None})
def nothing(t: Talk, topics: list | None) -> None:
    t.send("CreateTopics", _create() | {"Topics": topics})


@sequence("create_topics.timeout", api="CreateTopics", cases={"-1": -1, "min": -2**31, "max": 2**31 - 1})
def create_timeout(t: Talk, timeout: int) -> None:
    t.send("CreateTopics", _create(_new("a/b", 1, 1), validate_only=True, timeout=timeout))


@sequence("create_topics.again", api="CreateTopics", versions="newest")
def again(t: Talk) -> None:
    """A name that was deleted is free, and its successor is another topic."""
    topic = t.topic(partitions=2)
    t.fill(topic, 0, count=3)
    t.send("DeleteTopics", {"TimeoutMs": 30_000, "Topics": [{"Name": topic.name}]})
    t.send_until(lambda answer: answer["Topics"][0]["ErrorCode"] == 0, "CreateTopics", _create(_new(topic.name, 1, 1)))
    t.settle()
    new = t.lead(Topic(topic.name, t.ask("Metadata", {"Topics": [{"Name": topic.name}]})["Topics"][0]["TopicId"]))
    t.send("ListOffsets", bodies.list_offsets(new, [0, 1], bodies.LATEST))
    t.send("Metadata", {"Topics": [{"TopicId": topic.id, "Name": None}, {"TopicId": new.id, "Name": None}]})
    t.send("Produce", bodies.produce(topic, 0, batch.build(1)), version=13)


# CreatePartitions

def _grow(name: str | None, count: int, assigned: list[list[int]] | None = None) -> dict:
    return {"Name": name, "Count": count,
            "Assignments": None if assigned is None else [{"BrokerIds": brokers} for brokers in assigned]}


def _grow_all(*topics: dict, validate_only: bool = False, timeout: int = 30_000) -> dict:
    return {"Topics": list(topics), "TimeoutMs": timeout, "ValidateOnly": validate_only}


@sequence("create_partitions.count", api="CreatePartitions", cases={"0": 0, "-1": -1, "less": 1, "same": 2, "more": 3})
def count(t: Talk, total: int) -> None:
    topic = t.topic(partitions=2)
    t.send("CreatePartitions", {"Topics": [{"Name": topic.name, "Count": total, "Assignments": None}], "TimeoutMs": 30_000})
    t.settle()
    t.send("Metadata", {"Topics": [{"Name": topic.name}]})


@sequence("create_partitions.far", api="CreatePartitions", versions="newest", cases={
    "9999": 9_999, "10001": 10_001, "10003": 10_003, "max": 2**31 - 1, "min": -2**31})
def count_far(t: Talk, total: int) -> None:
    t.send("CreatePartitions", _grow_all(_grow(t.topic(partitions=2).name, total), validate_only=True))


@sequence("create_partitions.assignment", api="CreatePartitions", cases={
    "right": (4, [[1], [1]]), "none": (3, []), "too_few": (4, [[1]]), "too_many": (3, [[1], [1]]), "unknown": (3, [[7]]),
    "no_brokers": (3, [[]]), "broker_twice": (3, [[1, 1]]), "two": (3, [[1, 7]]), "same_count": (2, []), "same_count_one": (2, [[1]]),
    "less": (1, [[1]]), "negative": (3, [[-1]])})
def grow_assigned(t: Talk, case: tuple[int, list[list[int]]]) -> None:
    topic = t.topic(partitions=2)
    t.send("CreatePartitions", _grow_all(_grow(topic.name, *case), validate_only=True))


@sequence("create_partitions.unknown", api="CreatePartitions", cases={
    "none": "no-such-topic", "empty": "", "slash": "a/b", "long": "x" * 250, "dots": "..", "null": None})
def grow_unknown(t: Talk, topic: str | None) -> None:
    t.send("CreatePartitions", _grow_all(_grow(topic, 3)))


@sequence("create_partitions.internal", api="CreatePartitions", versions="newest", cases=["__consumer_offsets", "__cluster_metadata"])
def grow_internal(t: Talk, topic: str) -> None:
    t.send("CreatePartitions", _grow_all(_grow(topic, 60), validate_only=True))


@sequence("create_partitions.several", api="CreatePartitions")
def grow_several(t: Talk) -> None:
    """Validated only, then done: good and bad ones, one of them twice, and one that is there twice and good."""
    topic, other = t.topic(), t.topic("u")
    for validate in (True, False):
        t.send("CreatePartitions", _grow_all(_grow(topic.name, 3), _grow(other.name, 2), _grow(t.name("none"), 2),
                                             _grow(topic.name, 2), validate_only=validate))
    t.send("CreatePartitions", _grow_all(_grow(topic.name, 2), _grow(topic.name, 2)))
    t.send("CreatePartitions", _grow_all())
    t.settle()
    t.send("Metadata", {"Topics": [{"Name": topic.name}, {"Name": other.name}]})


@sequence("create_partitions.used", api="CreatePartitions", versions="newest")
def grow_used(t: Talk) -> None:
    """The new partition takes records; a reader by time finds it empty."""
    topic = t.topic()
    t.fill(topic, 0, count=2)
    t.send("CreatePartitions", _grow_all(_grow(topic.name, 2)))
    t.settle()
    t.lead(topic, 2)
    t.send("Produce", bodies.produce(topic, 1, batch.build(1)))
    t.send("ListOffsets", bodies.list_offsets(topic, [0, 1], bodies.LATEST))


@sequence("create_partitions.timeout", api="CreatePartitions", versions=(0, 3), cases={"-1": -1, "max": 2**31 - 1})
def grow_timeout(t: Talk, timeout: int) -> None:
    t.send("CreatePartitions", _grow_all(_grow(t.topic().name, 1), _grow("no-such-topic", 2), timeout=timeout))


# DeleteTopics

def _delete(*topics: Topic | str | UUID, timeout: int = 30_000) -> dict:
    """By name and, from version 6 on, by name or id."""
    named = [{"Name": topic, "TopicId": ZERO_UUID} if isinstance(topic, str) else {"Name": None, "TopicId": topic}
             for topic in topics]
    return {"TimeoutMs": timeout, "Topics": named, "TopicNames": [topic for topic in topics if isinstance(topic, str)]}


@sequence("delete_topics.by_name", api="DeleteTopics")
def delete_by_name(t: Talk) -> None:
    topic = t.topic()
    t.fill(topic)
    t.send("DeleteTopics", _delete(topic.name))
    t.settle()
    t.send("DeleteTopics", _delete(topic.name))
    t.send("Metadata", {"Topics": [{"Name": topic.name}]})
    t.send("Fetch", bodies.fetch(topic, {0: 0}))
    t.send("Produce", bodies.produce(topic, 0, batch.build(1)))
    t.send("ListOffsets", bodies.list_offsets(topic, [0], bodies.LATEST))
    t.send("DescribeConfigs", bodies.describe_configs(bodies.TOPIC, topic.name, ["retention.ms"]))


@sequence("delete_topics.name", api="DeleteTopics", cases={
    "none": "no-such-topic", "empty": "", "slash": "a/b", "long": "x" * 250, "dots": "..", "metadata": "__cluster_metadata"})
def delete_name(t: Talk, topic: str) -> None:
    t.send("DeleteTopics", _delete(topic))


@sequence("delete_topics.by_id", api="DeleteTopics", versions=(6,))
def delete_by_id(t: Talk) -> None:
    topic = t.topic()
    t.send("DeleteTopics", _delete(NO_ID))
    t.send("DeleteTopics", _delete(ZERO_UUID))
    t.send("DeleteTopics", _delete(topic.id, NO_ID))
    t.send("DeleteTopics", _delete(topic.id))


@sequence("delete_topics.both", api="DeleteTopics", versions=(6,), cases={
    "same": "t", "other": "u", "unknown_name": "none", "empty_name": None})
def delete_both(t: Talk, suffix: str | None) -> None:
    """Name and id in one entry."""
    topic, other = t.topic(), t.topic("u")
    t.send("DeleteTopics", {"TimeoutMs": 30_000, "Topics": [{"Name": t.name(suffix) if suffix else "", "TopicId": topic.id}]})
    t.send("DeleteTopics", {"TimeoutMs": 30_000, "Topics": [
        {"Name": topic.name, "TopicId": ZERO_UUID}, {"Name": None, "TopicId": topic.id}]})
    t.send("DeleteTopics", {"TimeoutMs": 30_000, "Topics": [
        {"Name": other.name, "TopicId": NO_ID}, {"Name": other.name, "TopicId": ZERO_UUID}]})
    t.send("DeleteTopics", {"TimeoutMs": 30_000, "Topics": [{"Name": None, "TopicId": ZERO_UUID}]})


@sequence("delete_topics.twice", api="DeleteTopics")
def delete_twice(t: Talk) -> None:
    topic, other = t.topic(), t.topic("u")
    t.send("DeleteTopics", _delete(topic.name, topic.name))
    t.send("DeleteTopics", _delete(topic.name, other.name, topic.name, t.name("none")))
    t.settle()
    t.send("Metadata", {"Topics": [{"Name": topic.name}, {"Name": other.name}]})


@sequence("delete_topics.nothing", api="DeleteTopics")
def delete_nothing(t: Talk) -> None:
    t.send("DeleteTopics", _delete())


@sequence("delete_topics.timeout", api="DeleteTopics", versions=(1, 6), cases={"-1": -1, "max": 2**31 - 1})
def delete_timeout(t: Talk, timeout: int) -> None:
    t.send("DeleteTopics", _delete("no-such-topic", "nor-this", timeout=timeout))
    if t.version >= 6:
        t.send("DeleteTopics", _delete("no-such-topic", NO_ID, timeout=timeout))


# Metadata

def _metadata(*names: str | None, create: bool = False, operations: bool = False) -> dict:
    return {"Topics": [{"Name": name} for name in names], "AllowAutoTopicCreation": create,
            "IncludeTopicAuthorizedOperations": operations, "IncludeClusterAuthorizedOperations": operations}


@sequence("metadata.name", api="Metadata", cases={
    "none": "no-such-topic", "empty": "", "dot": ".", "dots": "..", "long": "x" * 250, "249": "x" * 249, "slash": "a/b",
    "umlaut": "ä", "metadata": "__cluster_metadata", "transactions": "__transaction_state"})
def metadata_name(t: Talk, topic: str) -> None:
    """Topics that there are not, whether they may be created or not (this broker creates none)."""
    for create in (False, True):
        t.send("Metadata", _metadata(topic, create=create))


@sequence("metadata.several", api="Metadata")
def metadata_several(t: Talk) -> None:
    """Two topics, one of them twice, and some that there are not."""
    topic, other = t.topic(partitions=3), t.topic("u")
    t.send("Metadata", _metadata(other.name, topic.name, topic.name, t.name("none"), "a/b", other.name))


@sequence("metadata.all", api="Metadata", alone=True, cases={"null": None, "empty": []})
def metadata_all(t: Talk, topics: list | None) -> None:
    """All topics or none; in version 0 the empty list stands for all."""
    t.topic(partitions=2)
    t.settle()
    t.send("Metadata", {"Topics": topics})


@sequence("metadata.operations", api="Metadata", versions=range(8, 14))
def metadata_operations(t: Talk) -> None:
    topic = t.topic()
    for cluster, of_topics in ((False, True), (True, False), (True, True)):
        t.send("Metadata", _metadata(topic.name, "no-such-topic") | {
            "IncludeTopicAuthorizedOperations": of_topics, "IncludeClusterAuthorizedOperations": cluster})


@sequence("metadata.by_id", api="Metadata", versions=range(10, 14))
def metadata_by_id(t: Talk) -> None:
    """Ids are read from version 12 on; before that they are not for clients."""
    topic, other = t.topic(), t.topic("u")
    for entries in ([(None, topic.id)], [(None, NO_ID)], [(None, ZERO_UUID)], [(topic.name, topic.id)], [(topic.name, other.id)],
                    [(topic.name, NO_ID)], [("", topic.id)], [(None, topic.id), (None, topic.id)],
                    [(None, topic.id), (other.name, ZERO_UUID)], [(None, topic.id), (None, NO_ID)]):
        t.send("Metadata", {"Topics": [{"Name": name, "TopicId": id_} for name, id_ in entries], "AllowAutoTopicCreation": False})


@sequence("metadata.null_name", api="Metadata")
def metadata_null_name(t: Talk) -> None:
    t.send("Metadata", _metadata(None))


# DescribeCluster

@sequence("describe_cluster.normal", api="DescribeCluster")
def cluster(t: Talk) -> None:
    for operations in (False, True):
        t.send("DescribeCluster", {"IncludeClusterAuthorizedOperations": operations})


@sequence("describe_cluster.endpoint", api="DescribeCluster", versions=(1, 2), cases={
    "0": 0, "brokers": 1, "controllers": 2, "3": 3, "-1": -1, "127": 127})
def cluster_endpoint(t: Talk, kind: int) -> None:
    t.send("DescribeCluster", {"EndpointType": kind})


@sequence("describe_cluster.fenced", api="DescribeCluster", versions=(2,))
def cluster_fenced(t: Talk) -> None:
    t.send("DescribeCluster", {"EndpointType": 1, "IncludeFencedBrokers": True})
    t.send("DescribeCluster", {"EndpointType": 2, "IncludeFencedBrokers": True})


# DescribeTopicPartitions

def _partitions(*names: str | None, limit: int = 2000, cursor: tuple[str, int] | None = None) -> dict:
    return {"Topics": [{"Name": name} for name in names], "ResponsePartitionLimit": limit,
            "Cursor": None if cursor is None else {"TopicName": cursor[0], "PartitionIndex": cursor[1]}}


@sequence("topic_partitions.normal", api="DescribeTopicPartitions")
def describe_partitions(t: Talk) -> None:
    topic, other = t.topic(partitions=3), t.topic("a", partitions=2)
    t.send("DescribeTopicPartitions", _partitions(topic.name))
    t.send("DescribeTopicPartitions", _partitions(topic.name, other.name, topic.name))


@sequence("topic_partitions.name", api="DescribeTopicPartitions", cases={
    "none": "no-such-topic", "empty": "", "dots": "..", "long": "x" * 250, "slash": "a/b", "offsets": "__consumer_offsets",
    "metadata": "__cluster_metadata"})
def describe_partitions_name(t: Talk, topic: str) -> None:
    t.send("DescribeTopicPartitions", _partitions(topic))
    t.send("DescribeTopicPartitions", _partitions(topic, t.topic().name))


@sequence("topic_partitions.limit", api="DescribeTopicPartitions", cases={
    "0": 0, "-1": -1, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6, "2000": 2000, "2001": 2001, "max": 2**31 - 1, "min": -2**31})
def describe_partitions_limit(t: Talk, limit: int) -> None:
    """Page after page."""
    names = [t.topic(suffix, partitions=partitions).name for suffix, partitions in (("a", 3), ("b", 1), ("c", 2))]
    cursor = None
    for _ in range(8):
        answer = t.send("DescribeTopicPartitions", _partitions(*names, limit=limit, cursor=cursor))
        if not answer.get("NextCursor"):
            break
        cursor = (answer["NextCursor"]["TopicName"], answer["NextCursor"]["PartitionIndex"])


@sequence("topic_partitions.cursor", api="DescribeTopicPartitions", cases={
    "start": ("a", 0), "inside": ("b", 1), "end": ("b", 3), "past": ("b", 4), "last": ("c", 2), "negative": ("b", -1),
    "min": ("b", -2**31), "max": ("b", 2**31 - 1), "unknown": ("bb", 0), "unknown_inside": ("bb", 1), "before": ("0", 0), "after": ("z", 0)})
def describe_partitions_cursor(t: Talk, case: tuple[str, int]) -> None:
    names = [t.topic(suffix, partitions=3).name for suffix in "abc"]
    t.send("DescribeTopicPartitions", _partitions(*names, cursor=(t.name(case[0]), case[1])))
    t.send("DescribeTopicPartitions", _partitions(names[2], names[0], cursor=(t.name(case[0]), case[1])))


@sequence("topic_partitions.empty_cursor", api="DescribeTopicPartitions")
def describe_partitions_empty_cursor(t: Talk) -> None:
    t.send("DescribeTopicPartitions", _partitions(t.topic().name, cursor=("", 0)))


@sequence("topic_partitions.all", api="DescribeTopicPartitions", alone=True)
def describe_all_partitions(t: Talk) -> None:
    """No names are all names."""
    t.topic()
    t.settle()
    t.send("DescribeTopicPartitions", _partitions(cursor=(t.name(""), 0), limit=1))
