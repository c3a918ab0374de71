"""A broker that restarts while it is used."""

import threading

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from common import restart
from common.checks import PATIENCE_SECONDS, Checks, equal, true
from common.cluster import Cluster, produce, text_of
from common.lines import Record
from confluent.member import LocalMember


def register(checks: Checks, cluster: Cluster) -> None:
    checks.add("restart.broker", lambda: restart.run(
        cluster, lambda topic: Sender(cluster, topic), lambda topic: Reader(cluster, topic),
        lambda group, topic: LocalMember(cluster.bootstrap, group, topic, {}), once=True))


class Sender:
    """An idempotent producer."""

    def __init__(self, cluster: Cluster, topic: str):
        self._topic = topic
        self._producer = cluster.producer(enable_idempotence=True)
        self._answered: list[str] = []
        self._failures: list[object] = []

    def send(self, record: Record) -> None:
        def delivered(error, message) -> None:
            if error is not None:
                self._failures.append(error)
            elif message.offset() is not None:
                # Without an offset it was sent again, and the broker said no more than that it has it.
                self._answered.append(record.line(message.offset()))

        produce(self._producer, self._topic, record, delivered)
        self._producer.poll(0)

    def close(self) -> list[str]:
        equal(0, self._producer.flush(PATIENCE_SECONDS), "records without an answer")
        true(not self._failures, f"{len(self._failures)} records failed, as {self._failures[:1]}")
        return self._answered


class Reader:
    """A consumer on a thread."""

    def __init__(self, cluster: Cluster, topic: str):
        self._consumer = cluster.consumer()
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING)
                               for number in range(restart.PARTITIONS)])
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._failure: object = None
        self._running = True
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while self._running and self._failure is None:
            for message in self._consumer.consume(100, timeout=0.1):
                if message.error() is not None:
                    self._failure = message.error()
                    return
                with self._lock:
                    self._lines.append(text_of(message))

    def lines(self) -> list[str]:
        true(self._failure is None, f"the reader failed: {self._failure}")
        with self._lock:
            drained, self._lines = self._lines, []
            return drained

    def close(self) -> None:
        self._running = False
        self._thread.join()
        self._consumer.close()
