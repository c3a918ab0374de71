"""A broker that restarts while it is used."""

import threading
import time

from common import restart
from common.checks import PATIENCE_SECONDS, Checks, true
from common.lines import Record
from pure.base import Bench, text_of
from pure.member import LocalMember


def register(checks: Checks, bench: Bench) -> None:
    checks.add("restart.broker", lambda: restart.run(
        bench.cluster, lambda topic: Sender(bench, topic), lambda topic: Reader(bench, topic),
        lambda group, topic: LocalMember(bench.client, group, topic, {}), once=True))


class Sender:
    """An idempotent producer."""

    def __init__(self, bench: Bench, topic: str):
        self._topic = topic
        # The time that a record may take, however the client calls it, is longer than the broker is away.
        settings = {"delivery_timeout_ms": PATIENCE_SECONDS * 1000} if bench.client.name == "kafka-python" else {
            "request_timeout_ms": PATIENCE_SECONDS * 1000}
        self._producer = bench.client.producer(acks="all", enable_idempotence=True, linger_ms=5, **settings)
        self._sent: list[tuple] = []

    def send(self, record: Record) -> None:
        self._sent.append((record, self._producer.send(self._topic, record)))

    def close(self) -> list[str]:
        self._producer.close()
        return [record.line(self._producer.answer(answer)[1]) for record, answer in self._sent]


class Reader:
    """A consumer on a thread."""

    def __init__(self, bench: Bench, topic: str):
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._failure: object = None
        self._running = True
        self._thread = threading.Thread(target=self._loop, args=(bench, topic), daemon=True)
        self._thread.start()

    def _loop(self, bench: Bench, topic: str) -> None:
        try:
            consumer = bench.client.consumer()
            parts = [(topic, number) for number in range(restart.PARTITIONS)]
            consumer.assign(parts)
            consumer.seek_to_beginning(parts)
            while self._running:
                try:
                    messages = consumer.poll(100)
                except bench.client.error as problem:
                    if not problem.retriable:
                        raise
                    time.sleep(0.1)
                    continue
                with self._lock:
                    self._lines += [text_of(message) for message in messages]
            consumer.close()
        except Exception as problem:
            self._failure = problem

    def lines(self) -> list[str]:
        true(self._failure is None, f"the reader failed: {self._failure!r}")
        with self._lock:
            drained, self._lines = self._lines, []
            return drained

    def close(self) -> None:
        self._running = False
        self._thread.join()
