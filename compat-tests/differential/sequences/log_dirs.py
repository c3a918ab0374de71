"""DescribeLogDirs: what lies where, and how large it is."""

from ..sequence import sequence
from ..talk import Talk


@sequence("log_dirs.own", api="DescribeLogDirs")
def own(t: Talk) -> None:
    """The sizes of partitions with and without records."""
    topic = t.topic(partitions=3)
    t.fill(topic, 0, 3)
    t.fill(topic, 1, 1)
    t.fill(topic, 1, 7)
    t.send("DescribeLogDirs", {"Topics": [{"Topic": topic.name, "Partitions": [0, 1, 2]}]})
    t.send("DescribeLogDirs", {"Topics": [{"Topic": topic.name, "Partitions": [1]}]})


@sequence("log_dirs.unknown", api="DescribeLogDirs", cases={"partition": ("t", [0, 5, -1]), "topic": ("none", [0]),
                                                           "no_partitions": ("t", []), "twice": ("t", [0, 0])})
def unknown(t: Talk, case: tuple[str, list[int]]) -> None:
    t.topic()
    t.send("DescribeLogDirs", {"Topics": [{"Topic": t.name(case[0]), "Partitions": case[1]}]})


@sequence("log_dirs.name", api="DescribeLogDirs", cases={"empty": "", "bad": "a/b", "long": "x" * 300})
def name(t: Talk, text: str) -> None:
    t.send("DescribeLogDirs", {"Topics": [{"Topic": text, "Partitions": [0]}]})


@sequence("log_dirs.all", api="DescribeLogDirs", alone=True)
def everything(t: Talk) -> None:
    """Null stands for all topics, an empty list for none."""
    topic = t.topic()
    t.fill(topic, 0, 3)
    t.send("DescribeLogDirs", {"Topics": None})
    t.send("DescribeLogDirs", {"Topics": []})


@sequence("log_dirs.after_delete_records", api="DescribeLogDirs", versions="newest")
def after_delete_records(t: Talk) -> None:
    """Records before the log's start still take room while their segment is there."""
    topic = t.topic()
    t.fill(topic, 0, 3)
    t.send("DeleteRecords", {"Topics": [{"Name": topic.name, "Partitions": [{"PartitionIndex": 0, "Offset": 2}]}],
                             "TimeoutMs": 30_000})
    t.send("DescribeLogDirs", {"Topics": [{"Topic": topic.name, "Partitions": [0]}]})


@sequence("log_dirs.deleted_topic", api="DescribeLogDirs")
def deleted_topic(t: Talk) -> None:
    topic = t.topic()
    t.ask("DeleteTopics", {"Topics": [{"Name": topic.name}], "TopicNames": [topic.name], "TimeoutMs": 30_000})
    t.settle()
    t.send("DescribeLogDirs", {"Topics": [{"Topic": topic.name, "Partitions": [0]}]})


@sequence("producers.describe", api="DescribeProducers")
def producers(t: Talk) -> None:
    topic = t.topic(partitions=2)
    for suffix in range(2):
        identity, epoch = t.producer()
        t.fill(topic, 0, 2, producer_id=identity, producer_epoch=epoch, sequence=suffix)
    t.fill(topic, 0, 2)
    t.send("DescribeProducers", {"Topics": [{"Name": topic.name, "PartitionIndexes": [0, 1]}]})


@sequence("producers.unknown", api="DescribeProducers", cases={
    "partition": ("t", [1, -1, 2**31 - 1]), "topic": ("none", [0]), "twice": ("t", [0, 0]), "no_partitions": ("t", [])})
def producers_unknown(t: Talk, case: tuple[str, list[int]]) -> None:
    t.topic()
    t.send("DescribeProducers", {"Topics": [{"Name": t.name(case[0]), "PartitionIndexes": case[1]}]})


@sequence("producers.name", api="DescribeProducers", cases={"empty": "", "bad": "a/b", "internal": "__consumer_offsets"})
def producers_name(t: Talk, text: str) -> None:
    t.send("DescribeProducers", {"Topics": [{"Name": text, "PartitionIndexes": [0]}]})


@sequence("producers.topic_twice", api="DescribeProducers")
def producers_twice(t: Talk) -> None:
    topic = t.topic(partitions=2)
    t.send("DescribeProducers", {"Topics": [{"Name": topic.name, "PartitionIndexes": [0]},
                                            {"Name": topic.name, "PartitionIndexes": [1]}]})
