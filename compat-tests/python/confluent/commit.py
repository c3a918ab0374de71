"""Committed offsets: written, read back by others, and where a group goes on."""

from confluent_kafka import OFFSET_INVALID, Consumer, ConsumerGroupTopicPartitions, KafkaError, TopicPartition

from common.checks import PATIENCE_SECONDS, Checks, equal, eventually, true
from common.cluster import Cluster, poll, text_of
from common.lines import same
from common.samples import records


def register(checks: Checks, cluster: Cluster) -> None:
    for name, body in (("sync", _sync), ("async", _async), ("resume", _resume), ("auto", _auto), ("reset", _reset),
                       ("lag", _lag)):
        checks.add(f"commit.{name}", lambda body=body: body(cluster))


def _committed(consumer: Consumer, topic: str, count: int) -> list[tuple[int, str | None]]:
    asked = [TopicPartition(topic, number) for number in range(count)]
    return [(part.offset, part.metadata or "") for part in consumer.committed(asked, timeout=PATIENCE_SECONDS)]


def _sync(cluster: Cluster) -> str:
    """Offset and metadata come back, to another client and to the admin client; never committed ones are invalid."""
    topic = cluster.topic("commit-sync", 3)
    group = cluster.name("commit-sync")
    cluster.send(topic, records(3, 300, 1))
    consumer = cluster.consumer(group_id=group)
    text = "größe " + "m" * 1000
    for offset, metadata in ((10, text), (42, "again")):
        consumer.commit(offsets=[TopicPartition(topic, 0, offset, metadata), TopicPartition(topic, 1, 99)],
                        asynchronous=False)
        equal([(offset, metadata), (99, ""), (OFFSET_INVALID, "")], _committed(consumer, topic, 3), "committed")
    consumer.close()
    other = cluster.consumer(group_id=group)
    equal([(42, "again"), (99, ""), (OFFSET_INVALID, "")], _committed(other, topic, 3), "committed, read by another")
    other.close()
    request = [ConsumerGroupTopicPartitions(group)]
    listed = cluster.admin.list_consumer_group_offsets(request)[group].result().topic_partitions
    equal({(0, 42), (1, 99)}, {(part.partition, part.offset) for part in listed}, "offsets that the admin client lists")
    return "2 partitions"


def _async(cluster: Cluster) -> str:
    topic = cluster.topic("commit-async", 1)
    cluster.send(topic, records(1, 100, 1))
    answers: list[tuple] = []
    consumer = cluster.consumer(group_id=cluster.name("commit-async"),
                                on_commit=lambda error, parts: answers.append((error, parts[0].offset)))
    consumer.assign([TopicPartition(topic, 0, 0)])
    for offset in range(1, 51):
        consumer.commit(offsets=[TopicPartition(topic, 0, offset, f"m{offset}")], asynchronous=True)

    def answered() -> bool:
        consumer.poll(0.05)
        return len(answers) == 50

    eventually("50 callbacks", answered)
    equal([(None, offset) for offset in range(1, 51)], answers, "callbacks")
    equal([(50, "m50")], _committed(consumer, topic, 1), "committed")
    consumer.close()
    return "50 commits"


def _resume(cluster: Cluster) -> str:
    """A second consumer of the group goes on where the first one stopped."""
    topic = cluster.topic("commit-resume", 1)
    lines = cluster.send(topic, records(1, 200, 2))
    for start in range(0, 200, 50):
        consumer = cluster.consumer(group_id=cluster.name("commit-resume"), auto_offset_reset="earliest")
        consumer.subscribe([topic])
        same(lines[start:start + 50], [text_of(message) for message in poll(consumer, 50)])
        consumer.commit(asynchronous=False)
        consumer.close()
    return "4 consumers, 200 records"


def _auto(cluster: Cluster) -> str:
    """Closing commits the position when auto-commit is on."""
    topic = cluster.topic("commit-auto", 1)
    group = cluster.name("commit-auto")
    cluster.send(topic, records(1, 60, 2))
    consumer = cluster.consumer(group_id=group, auto_offset_reset="earliest", enable_auto_commit=True)
    consumer.subscribe([topic])
    poll(consumer, 60)
    consumer.close()
    other = cluster.consumer(group_id=group)
    equal([(60, "")], _committed(other, topic, 1), "committed")
    other.close()
    return "offset 60"


def _reset(cluster: Cluster) -> str:
    """A group without offsets starts where auto.offset.reset says."""
    topic = cluster.topic("commit-reset", 1)
    lines = cluster.send(topic, records(1, 30, 2))
    earliest = cluster.consumer(group_id=cluster.name("reset-earliest"), auto_offset_reset="earliest")
    earliest.subscribe([topic])
    same(lines, [text_of(message) for message in poll(earliest, 30)])
    earliest.close()
    latest = cluster.consumer(group_id=cluster.name("reset-latest"), auto_offset_reset="latest")
    latest.subscribe([topic])
    eventually("assigned", lambda: latest.consume(1, timeout=0.1) == [] and latest.assignment() != [])
    true(not latest.consume(1, timeout=1), "records before the end came")
    latest.close()
    failing = cluster.consumer(group_id=cluster.name("reset-error"), auto_offset_reset="error")
    failing.subscribe([topic])
    errors: list[KafkaError] = []

    def failed() -> bool:
        errors.extend(message.error() for message in failing.consume(1, timeout=0.1) if message.error())
        return bool(errors)

    eventually("an error", failed)
    equal(KafkaError._AUTO_OFFSET_RESET, errors[0].code(), "error")
    failing.close()
    return "3 policies"


def _lag(cluster: Cluster) -> str:
    """The end of each partition less what the group has committed, before and after more comes."""
    topic = cluster.topic("commit-lag", 3)
    group = cluster.name("commit-lag")
    cluster.send(topic, records(3, 300, 3))
    consumer = cluster.consumer(group_id=group)
    consumer.commit(offsets=[TopicPartition(topic, 0, 40), TopicPartition(topic, 1, 100), TopicPartition(topic, 2, 0)],
                    asynchronous=False)

    def lags() -> list[int]:
        committed = consumer.committed([TopicPartition(topic, number) for number in range(3)], timeout=PATIENCE_SECONDS)
        return [consumer.get_watermark_offsets(part, timeout=PATIENCE_SECONDS)[1] - part.offset for part in committed]

    equal([60, 0, 100], lags(), "lags")
    producer = cluster.producer()
    for _ in range(7):
        producer.produce(topic, value=b"more", partition=1)
    producer.flush(PATIENCE_SECONDS)
    equal([60, 7, 100], lags(), "lags after more came")
    consumer.close()
    return "3 partitions, twice"
