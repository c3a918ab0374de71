"""A member of a group on a thread."""

from confluent_kafka import Consumer, KafkaError, KafkaException

from common.checks import WITH_RESTARTS, true
from common.cluster import text_of
from common.member import ThreadMember


class LocalMember(ThreadMember):
    """A consumer on a thread."""

    def __init__(self, bootstrap: str, group: str, topic: str, configs: dict):
        super().__init__()
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False,
                                   "auto.offset.reset": "earliest", "session.timeout.ms": 6000,
                                   "heartbeat.interval.ms": 500} | configs)
        self._consumer.subscribe([topic], on_revoke=self._on_revoke)
        self._thread.start()

    def _on_revoke(self, _consumer, partitions) -> None:
        with self._lock:
            self._revoked.append({partition.partition for partition in partitions})

    def _run(self) -> None:
        try:
            committed = True
            while self._running:
                messages = self._consumer.consume(100, timeout=0.1)
                for message in messages:
                    true(message.error() is None, f"{message.error()}")
                if messages or not committed:
                    committed = self._commit()
                with self._lock:
                    self._lines += [text_of(message) for message in messages]
                    self._assigned = {partition.partition for partition in self._consumer.assignment()}
        finally:
            self._consumer.close()

    def _commit(self) -> bool:
        """Whether it could. Where the broker restarts it may not, and tries again after the next poll."""
        try:
            self._consumer.commit(asynchronous=False)
        except KafkaException as problem:
            if not WITH_RESTARTS:
                raise
            # Without an offset there is nothing to commit any more: the partitions went to another.
            return problem.args[0].code() == KafkaError._NO_OFFSET
        return True
