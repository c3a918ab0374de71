"""A member of a group on a thread."""

import time

from common.checks import WITH_RESTARTS
from common.member import ThreadMember
from pure.base import text_of


class LocalMember(ThreadMember):
    """A consumer on a thread that commits what it read."""

    def __init__(self, client, group: str, topic: str, settings: dict):
        super().__init__()
        settings = dict(settings)
        strategy = client.strategies[settings.pop("strategy", "range")]
        self._client = client
        self._topic = topic
        self._make = lambda: client.consumer(**{
            "group_id": group, "auto_offset_reset": "earliest", "session_timeout_ms": 6000,
            "heartbeat_interval_ms": 500, "partition_assignment_strategy": strategy} | settings)
        self._thread.start()

    def _on_revoked(self, numbers: set[int]) -> None:
        with self._lock:
            if numbers:
                self._revoked.append(numbers)

    def _run(self) -> None:
        consumer = self._make()
        consumer.subscribe(self._topic, self._on_revoked)
        try:
            committed = True
            while self._running:
                messages = self._poll(consumer)
                if messages or not committed:
                    committed = self._commit(consumer)
                # Not under the lock: aiokafka's loop, which answers, takes it when partitions are revoked.
                assigned = consumer.assignment()
                with self._lock:
                    self._lines += [text_of(message) for message in messages]
                    self._assigned = assigned
        finally:
            consumer.close()

    def _poll(self, consumer) -> list:
        """What came. Where the broker restarts, what the client says may be tried again is tried again."""
        try:
            return consumer.poll(100)
        except self._client.error as problem:
            if not (WITH_RESTARTS and problem.retriable):
                raise
            time.sleep(0.1)
            return []

    def _commit(self, consumer) -> bool:
        """Whether it could. Where the broker restarts it may not, and tries again after the next poll."""
        try:
            consumer.commit()
            return True
        except (self._client.error, TimeoutError):
            if not WITH_RESTARTS:
                raise
            time.sleep(0.1)
            return False
