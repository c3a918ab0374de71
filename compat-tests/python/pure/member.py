"""A member of a group on a thread."""

import threading
import time

from common.checks import WITH_RESTARTS, true
from pure.base import text_of


class LocalMember:
    """A consumer on a thread that commits what it read."""

    def __init__(self, client, group: str, topic: str, settings: dict):
        settings = dict(settings)
        strategy = client.strategies[settings.pop("strategy", "range")]
        self._client = client
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._revoked: list[set[int]] = []
        self._assigned: set[int] = set()
        self._failure: object = None
        self._running = True
        self._make = lambda: client.consumer(**{
            "group_id": group, "auto_offset_reset": "earliest", "session_timeout_ms": 6000,
            "heartbeat_interval_ms": 500, "partition_assignment_strategy": strategy} | settings)
        self._thread = threading.Thread(target=self._loop, args=(topic,), daemon=True)
        self._thread.start()

    def _on_revoked(self, numbers: set[int]) -> None:
        with self._lock:
            if numbers:
                self._revoked.append(numbers)

    def _loop(self, topic: str) -> None:
        try:
            consumer = self._make()
            consumer.subscribe(topic, self._on_revoked)
            try:
                committed = True
                while self._running:
                    messages = consumer.poll(100)
                    if messages or not committed:
                        committed = self._commit(consumer)
                    # Not under the lock: aiokafka's loop, which answers, takes it when partitions are revoked.
                    assigned = consumer.assignment()
                    with self._lock:
                        self._lines += [text_of(message) for message in messages]
                        self._assigned = assigned
            finally:
                consumer.close()
        except Exception as problem:
            self._failure = problem

    def _commit(self, consumer) -> bool:
        """Whether it could. Where the broker restarts it may not, and tries again after the next poll."""
        try:
            consumer.commit()
            return True
        except self._client.error:
            if not WITH_RESTARTS:
                raise
            time.sleep(0.1)
            return False

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
