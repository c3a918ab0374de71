"""CreateTopics, DeleteTopics, CreatePartitions and Metadata."""

from .. import bodies
from ..sequence import sequence
from ..talk import Talk


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


@sequence("create_topics.partitions", api="CreateTopics", cases={"0": 0, "-1": -1, "-2": -2, "min": -2**31, "max": 2**31 - 1,
                                                                  "10001": 10_001})
def partitions(t: Talk, count: int) -> None:
    t.send("CreateTopics", bodies.create_topic(t.name(), count))


@sequence("create_topics.replication", api="CreateTopics", cases={"0": 0, "-1": -1, "-2": -2, "2": 2, "max": 32767})
def replication(t: Talk, factor: int) -> None:
    t.send("CreateTopics", bodies.create_topic(t.name(), 1, factor))


@sequence("create_partitions.count", api="CreatePartitions", cases={"0": 0, "-1": -1, "less": 1, "same": 2, "more": 3})
def count(t: Talk, total: int) -> None:
    topic = t.topic(partitions=2)
    t.send("CreatePartitions", {"Topics": [{"Name": topic.name, "Count": total, "Assignments": None}], "TimeoutMs": 30_000})
    t.settle()
    t.send("Metadata", {"Topics": [{"Name": topic.name}]})
