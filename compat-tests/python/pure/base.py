"""What the checks of the Python clients share: sending, reading, comparing."""

import time

from common.checks import PATIENCE_SECONDS, equal, eventually, true
from common.cluster import Cluster
from common.lines import Record, line, numbered, same


class Bench:
    """A client and the broker under test."""

    def __init__(self, client, cluster: Cluster):
        self.client = client
        self.cluster = cluster

    def send(self, topic: str, records: list[Record], **settings) -> list[str]:
        """Produces to empty partitions, checks what was answered, and returns the lines to be read."""
        producer = self.client.producer(**{"acks": "all", "linger_ms": 5} | settings)
        sent = [producer.send(topic, record) for record in records]
        producer.close()
        ends: dict[int, int] = {}
        for index, (record, answer) in enumerate(zip(records, sent)):
            if settings.get("acks") != 0:
                _, offset, timestamp = producer.answer(answer)
                equal(ends.get(record.partition, 0), offset, f"offset of record {index}")
                if self.client.answers_timestamps:
                    equal(record.timestamp, timestamp, f"timestamp of record {index}")
            ends[record.partition] = ends.get(record.partition, 0) + 1
        return numbered(records)

    def round_trip(self, topic: str, records: list[Record], **settings) -> str:
        """Produces to an empty topic, reads it whole and compares."""
        expected = self.send(topic, records, **settings)
        if settings.get("acks") in (0, 1):
            # Nobody says when the records can be read: with acks=1 they are written, and not yet committed.
            eventually("all records are committed", lambda: len(self.read(topic)) >= len(records))
        return same(expected, self.read(topic))

    def read(self, topic: str, **settings) -> list[str]:
        """Every record of the topic as a line, by partition and offset."""
        return [text_of(message) for message in self.read_messages(topic, **settings)]

    def read_messages(self, topic: str, **settings) -> list:
        """Every record of the topic, by partition and offset."""
        count = len(self.cluster.admin.list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic].partitions)
        parts = [(topic, number) for number in range(count)]
        consumer = self.client.consumer(**settings)
        try:
            consumer.assign(parts)
            consumer.seek_to_beginning(parts)
            messages = poll(consumer, sum(consumer.ends(parts)))
            return sorted(messages, key=lambda message: (message.partition, message.offset))
        finally:
            consumer.close()

    def code_of(self, action) -> int:
        """The protocol's number of the error that the action raises, 0 when it raises none."""
        try:
            action()
            return 0
        except self.client.error as problem:
            number = getattr(problem, "errno", None)
            true(number is not None, f"an error without a number: {problem!r}")
            return number

    def produce_code(self, topic: str, key: bytes | None, value: bytes | None, timestamp: int | None = None,
                     **settings) -> int:
        """The error number of producing one record, 0 for none."""
        producer = self.client.producer(**{"acks": "all"} | settings)
        try:
            return self.code_of(lambda: producer.answer(producer.send(topic, Record(0, timestamp, key, value))))
        finally:
            producer.close()


def poll(consumer, count: int) -> list:
    """Reads exactly so many records."""
    messages: list = []
    end = time.monotonic() + PATIENCE_SECONDS
    while len(messages) < count:
        true(time.monotonic() < end, f"{len(messages)} of {count} records came")
        messages += consumer.poll(200, min(500, count - len(messages)))
    return messages


def lines(consumer, count: int) -> list[str]:
    """The same as lines."""
    return [text_of(message) for message in poll(consumer, count)]


def text_of(message) -> str:
    """The line of a record that was read."""
    return line(message.partition, message.offset, message.timestamp, message.key, message.value,
                list(message.headers or []))
