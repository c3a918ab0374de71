"""Produce: the normal case and the arguments of a request."""

from uuid import UUID

from .. import batch, bodies
from ..bodies import Topic
from ..sequence import sequence
from ..talk import Talk


@sequence("produce.normal", api="Produce", cases={"all": -1, "one": 1})
def normal(t: Talk, acks: int) -> None:
    topic = t.topic(partitions=2)
    t.send("Produce", bodies.produce(topic, 0, batch.build(3), acks))
    t.send("Produce", bodies.produce_many(topic, {0: batch.build(1), 1: batch.build(2)}, acks))
    t.send_until(lambda answer: all(part["HighWatermark"] == high for part, high in zip(
        answer["Responses"][0]["Partitions"], (4, 2))), "Fetch", bodies.fetch(topic, {0: 0, 1: 0}))


@sequence("produce.no_acks", api="Produce")
def no_acks(t: Talk) -> None:
    topic = t.topic()
    t.post("Produce", bodies.produce(topic, 0, batch.build(3), acks=0))
    t.connection.expect_silence(0.3)
    t.send("Fetch", bodies.fetch(topic, {0: 0}, max_wait=2000))


@sequence("produce.no_acks_error", api="Produce")
def no_acks_error(t: Talk) -> None:
    """An error that cannot be answered closes the connection."""
    t.post("Produce", bodies.produce(Topic(t.name("none"), UUID(int=7)), 0, batch.build(1), acks=0))
    t.connection.expect_silence(5)


@sequence("produce.acks", api="Produce", cases={"2": 2, "-2": -2, "max": 32767, "min": -32768})
def acks(t: Talk, value: int) -> None:
    topic = t.topic()
    t.send("Produce", bodies.produce(topic, 0, batch.build(1), value))


@sequence("produce.unknown_partition", api="Produce", cases={"1": 1, "-1": -1, "max": 2**31 - 1, "min": -2**31})
def unknown_partition(t: Talk, partition: int) -> None:
    topic = t.topic()
    t.send("Produce", bodies.produce_many(topic, {partition: batch.build(1), 0: batch.build(1)}))


@sequence("produce.unknown_topic", api="Produce")
def unknown_topic(t: Talk) -> None:
    t.send("Produce", bodies.produce(Topic(t.name("none"), UUID(int=7)), 0, batch.build(1)))


@sequence("produce.codec", api="Produce", cases=batch.CODECS)
def codec(t: Talk, number: int) -> None:
    topic = t.topic()
    t.send("Produce", bodies.produce(topic, 0, batch.build(5, codec=number)))
    t.send("Fetch", bodies.fetch(topic, {0: 0}, max_wait=500))


@sequence("produce.null_records", api="Produce")
def null_records(t: Talk) -> None:
    t.send("Produce", bodies.produce(t.topic(), 0, None), seconds=3)


@sequence("produce.no_records", api="Produce", cases={"empty": b"", "short": b"abc"})
def no_records(t: Talk, data: bytes) -> None:
    topic = t.topic(partitions=2)
    t.send("Produce", bodies.produce_many(topic, {0: data, 1: batch.build(1)}))


@sequence("produce.no_topics", api="Produce", cases={"empty": [], "null": None})
def no_topics(t: Talk, topics: list | None) -> None:
    t.send("Produce", {"Acks": -1, "TimeoutMs": 1000, "TopicData": topics})


@sequence("produce.no_partitions", api="Produce", cases={"empty": [], "null": None})
def no_partitions(t: Talk, partitions: list | None) -> None:
    topic = t.topic()
    t.send("Produce", {"Acks": -1, "TimeoutMs": 1000, "TopicData": [
        {"Name": topic.name, "TopicId": topic.id, "PartitionData": partitions}]})


@sequence("produce.topic_name", api="Produce", versions=range(3, 13), cases={
    "empty": "", "long": "x" * 250, "slash": "a/b", "dot": ".", "umlaut": "ä", "internal": "__consumer_offsets",
    "null": None})
def topic_name(t: Talk, name: str | None) -> None:
    t.send("Produce", bodies.produce(Topic(name, UUID(int=0)), 0, batch.build(1)))


@sequence("produce.topic_id", api="Produce", versions=(13,), cases={"zero": 0, "one": 1, "other": 2**127})
def topic_id(t: Talk, number: int) -> None:
    topic = t.topic()
    t.send("Produce", bodies.produce(Topic(topic.name, UUID(int=number)), 0, batch.build(1)))


@sequence("produce.topic_twice", api="Produce")
def topic_twice(t: Talk) -> None:
    """One topic stands twice in a request, with different partitions and with the same one."""
    topic = t.topic(partitions=2)

    def part(index: int, data: bytes) -> dict:
        return {"Name": topic.name, "TopicId": topic.id, "PartitionData": [{"Index": index, "Records": data}]}

    t.send("Produce", {"Acks": -1, "TimeoutMs": 1000, "TopicData": [part(0, batch.build(1)), part(1, batch.build(2))]})
    t.send("Produce", {"Acks": -1, "TimeoutMs": 1000, "TopicData": [part(0, batch.build(1)), part(0, batch.build(2))]})
    t.send("ListOffsets", bodies.list_offsets(topic, [0, 1], bodies.LATEST))


@sequence("produce.timeout", api="Produce", cases={"0": 0, "-1": -1, "min": -2**31, "max": 2**31 - 1})
def timeout(t: Talk, millis: int) -> None:
    topic = t.topic()
    t.send("Produce", bodies.produce(topic, 0, batch.build(1), acks=1, timeout=millis))


@sequence("produce.transactional_id", api="Produce", cases={"empty": "", "unknown": "t"})
def transactional_id(t: Talk, text: str) -> None:
    topic = t.topic()
    t.send("Produce", bodies.produce(topic, 0, batch.build(1), transactional_id=text))


@sequence("produce.deleted_topic", api="Produce")
def deleted_topic(t: Talk) -> None:
    topic = t.topic()
    t.fill(topic)
    t.ask("DeleteTopics", {"Topics": [{"Name": topic.name}], "TopicNames": [topic.name], "TimeoutMs": 30_000})
    t.settle()
    t.send("Produce", bodies.produce(topic, 0, batch.build(1)))


@sequence("produce.pipelined", api="Produce")
def pipelined(t: Talk) -> None:
    """Answers come in the order of the requests, errors among them."""
    topic = t.topic()
    waiting = [t.post("Produce", bodies.produce(topic, partition, batch.build(1))) for partition in (0, 1, 0, 5, 0)]
    for one in waiting:
        one.answer()
    t.send("Fetch", bodies.fetch(topic, {0: 0}))
