"""A member of a group on a thread."""

import threading
import time

from confluent_kafka import Consumer, KafkaException

from common.checks import WITH_RESTARTS, true
from common.cluster import text_of


class LocalMember:
    """A consumer on a thread."""

    def __init__(self, bootstrap: str, group: str, topic: str, configs: dict):
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False,
                                   "auto.offset.reset": "earliest", "session.timeout.ms": 6000,
                                   "heartbeat.interval.ms": 500} | configs)
        self._consumer.subscribe([topic], on_revoke=self._on_revoke)
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._revoked: list[set[int]] = []
        self._assigned: set[int] = set()
        self._failure: object = None
        self._running = True
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _on_revoke(self, _consumer, partitions) -> None:
        with self._lock:
            self._revoked.append({partition.partition for partition in partitions})

    def _loop(self) -> None:
        try:
            while self._running:
                messages = self._consumer.consume(100, timeout=0.1)
                for message in messages:
                    true(message.error() is None, f"{message.error()}")
                if messages:
                    self._commit()
                with self._lock:
                    self._lines += [text_of(message) for message in messages]
                    self._assigned = {partition.partition for partition in self._consumer.assignment()}
        except Exception as problem:
            self._failure = problem
        finally:
            self._consumer.close()

    def _commit(self) -> None:
        while self._running:
            try:
                self._consumer.commit(asynchronous=False)
                return
            except KafkaException as problem:
                # While the broker is away a commit may fail; it is tried again, or what comes next is committed.
                if not WITH_RESTARTS:
                    raise
                if not problem.args[0].retriable():
                    return
                time.sleep(0.1)

    def assigned(self) -> set[int]:
        with self._lock:
            return set(self._assigned)

    def drain(self) -> list[str]:
        with self._lock:
            drained, self._lines = self._lines, []
            return drained

    def drain_revoked(self) -> list[set[int]]:
        with self._lock:
            drained, self._revoked = self._revoked, []
            return drained

    def failure(self) -> object:
        return self._failure

    def die(self) -> None:
        raise AssertionError("a member on a thread cannot be killed")

    def close(self) -> None:
        self._running = False
        self._thread.join(60)
        true(not self._thread.is_alive(), "a member does not end")
