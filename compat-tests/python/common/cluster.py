"""The broker under test, and clients of it. Names are unique for each run, so that a broker can be used again."""

import time
import uuid

from confluent_kafka import (OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, Message, Producer,
                             TopicPartition)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from .checks import PATIENCE_SECONDS, equal, eventually, true
from .lines import Record, line, numbered, same


class Cluster:
    """One broker, reached as a client reaches it."""

    def __init__(self, bootstrap: str, prefix: str):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self._prefix = prefix
        self._run = uuid.uuid4().hex[:8]

    def name(self, what: str) -> str:
        """A name that no other run uses."""
        return f"{self._prefix}-{what}-{self._run}"

    def topic(self, what: str, partitions: int, configs: dict[str, str] | None = None) -> str:
        """Creates a topic, waits until its partitions answer, and returns its name."""
        name = self.name(what)
        self.admin.create_topics([NewTopic(name, partitions, 1, config=configs or {})])[name].result()
        self.await_partitions(name, partitions)
        return name

    def await_partitions(self, topic: str, partitions: int) -> None:
        """Waits until the partitions lead. Kafka answers CreateTopics before; with acks=0 records would be lost."""

        def lead() -> bool:
            query = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(partitions)}
            try:
                # What librdkafka knows of a topic can be older than the partitions.
                self.admin.list_topics(topic, timeout=PATIENCE_SECONDS)
                return all(answer.result() for answer in self.admin.list_offsets(query).values())
            except Exception:
                return False

        eventually(f"{topic} leads", lead)

    def committed(self, group: str, topic: str, partitions: int) -> dict[int, int]:
        """What a group has committed for each partition, -1 for nothing."""
        answer = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result()
        offsets = {part.partition: part.offset for part in answer.topic_partitions if part.topic == topic}
        return {number: offsets.get(number, -1) for number in range(partitions)}

    def producer(self, **configs) -> Producer:
        """Names of settings are written with underscores."""
        return Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5} | _dotted(configs))

    def consumer(self, **configs) -> Consumer:
        """Names of settings are written with underscores."""
        defaults = {"bootstrap.servers": self.bootstrap, "group.id": self.name("unused"), "enable.auto.commit": False,
                    "auto.offset.reset": "error"}
        return Consumer(defaults | _dotted(configs))

    def send(self, topic: str, records: list[Record], **configs) -> list[str]:
        """Produces to empty partitions, checks what was answered, and returns the lines to be read."""
        answers: dict[int, tuple] = {}
        producer = self.producer(**configs)
        for index, record in enumerate(records):
            produce(producer, topic, record,
                    lambda error, message, index=index: answers.__setitem__(index, (error, message)))
            producer.poll(0)
        equal(0, producer.flush(PATIENCE_SECONDS), "records without an answer")
        ends: dict[int, int] = {}
        for index, record in enumerate(records):
            error, message = answers[index]
            true(error is None, f"record {index} failed: {error}")
            if str(configs.get("acks")) != "0":
                equal(ends.get(record.partition, 0), message.offset(), f"offset of record {index}")
            ends[record.partition] = ends.get(record.partition, 0) + 1
        return numbered(records)

    def round_trip(self, topic: str, records: list[Record], **configs) -> str:
        """Produces to an empty topic, reads it whole and compares."""
        expected = self.send(topic, records, **configs)
        if str(configs.get("acks")) in ("0", "1"):
            # Nobody says when the records can be read: with acks=1 they are written, and not yet committed.
            eventually("all records are committed", lambda: len(self.read(topic)) >= len(records))
        return same(expected, self.read(topic))

    def read(self, topic: str, **configs) -> list[str]:
        """Every record of the topic as a line, by partition and offset."""
        return [text_of(message) for message in self.read_messages(topic, **configs)]

    def read_messages(self, topic: str, **configs) -> list[Message]:
        """Every record of the topic, by partition and offset."""
        consumer = self.consumer(**configs)
        try:
            partitions = list(consumer.list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic].partitions)
            ends = {number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=PATIENCE_SECONDS)[1]
                    for number in partitions}
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
            return sorted(poll(consumer, sum(ends.values())), key=lambda m: (m.partition(), m.offset()))
        finally:
            consumer.close()


def produce(producer: Producer, topic: str, record: Record, on_delivery) -> None:
    """Hands one record to a producer."""
    producer.produce(topic, value=record.value, key=record.key, partition=record.partition, headers=record.headers,
                     timestamp=record.timestamp, on_delivery=on_delivery)


def poll(consumer: Consumer, count: int) -> list[Message]:
    """Reads exactly so many records; an error of the consumer is raised."""
    messages: list[Message] = []
    end = time.monotonic() + PATIENCE_SECONDS
    while len(messages) < count:
        true(time.monotonic() < end, f"{len(messages)} of {count} records came")
        for message in consumer.consume(min(500, count - len(messages)), timeout=0.2):
            true(message.error() is None, f"consumer error: {message.error()}")
            messages.append(message)
    return messages


def text_of(message: Message) -> str:
    """The line of a record that was read."""
    return line(message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(),
                message.headers() or [])


def _dotted(configs: dict) -> dict:
    return {name if callable(value) else name.replace("_", "."): value for name, value in configs.items()}
