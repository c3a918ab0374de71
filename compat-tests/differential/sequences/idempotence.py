"""Producer ids, epochs and sequence numbers."""

from .. import batch, bodies
from ..bodies import Topic
from ..sequence import sequence
from ..talk import Talk

MAX = 2**31 - 1


class _Producer:
    """A producer that numbers its batches by hand."""

    def __init__(self, t: Talk, topic: Topic):
        self.t, self.topic = t, topic
        self.id, self.epoch = t.producer()

    def send(self, sequence: int, count: int = 1, epoch: int | None = None) -> None:
        self.t.send("Produce", bodies.produce(self.topic, 0, self.batch(sequence, count, epoch)))

    def batch(self, sequence: int, count: int = 1, epoch: int | None = None) -> bytes:
        return batch.build(count, producer_id=self.id, producer_epoch=self.epoch if epoch is None else epoch,
                           sequence=sequence)


def _end(t: Talk, topic: Topic) -> None:
    t.send("ListOffsets", bodies.list_offsets(topic, [0], bodies.LATEST))


@sequence("idempotence.init", api="InitProducerId")
def init(t: Talk) -> None:
    plain = {"TransactionalId": None, "TransactionTimeoutMs": 60_000, "ProducerId": -1, "ProducerEpoch": -1}
    answer = t.send("InitProducerId", plain)
    t.send("InitProducerId", plain | {"TransactionTimeoutMs": 0})
    t.send("InitProducerId", plain | {"TransactionTimeoutMs": -1})
    t.send("InitProducerId", plain | {"ProducerId": answer["ProducerId"], "ProducerEpoch": answer["ProducerEpoch"]})
    t.send("InitProducerId", plain | {"ProducerId": 1 << 40, "ProducerEpoch": 3})
    t.send("InitProducerId", plain | {"ProducerId": -1, "ProducerEpoch": 3})
    t.send("InitProducerId", plain | {"ProducerId": 5, "ProducerEpoch": -1})


@sequence("idempotence.init_transactional", api="InitProducerId", cases=["empty"])
def init_transactional(t: Talk, _: str) -> None:
    t.send("InitProducerId", {"TransactionalId": "", "TransactionTimeoutMs": 60_000, "ProducerId": -1, "ProducerEpoch": -1})


@sequence("idempotence.in_order", api="Produce")
def in_order(t: Talk) -> None:
    topic = t.topic()
    producer = _Producer(t, topic)
    for number in (0, 1, 2):
        producer.send(number)
    producer.send(3, 5)
    producer.send(8)
    t.send("Fetch", bodies.fetch(topic, {0: 0}))


@sequence("idempotence.repeat", api="Produce")
def repeat(t: Talk) -> None:
    """The last five batches are known again, the sixth last is not."""
    topic = t.topic()
    producer = _Producer(t, topic)
    for number in range(7):
        producer.send(number)
    for number in (6, 5, 4, 3, 2, 1, 0):
        producer.send(number)
    producer.send(7)
    _end(t, topic)


@sequence("idempotence.repeat_other_size", api="Produce")
def repeat_other_size(t: Talk) -> None:
    topic = t.topic()
    producer = _Producer(t, topic)
    producer.send(0, 3)
    producer.send(0, 2)
    producer.send(0, 4)
    producer.send(1, 2)
    producer.send(2, 1)
    _end(t, topic)


@sequence("idempotence.gap", api="Produce", cases={"one": 2, "far": 1000, "max": MAX})
def gap(t: Talk, number: int) -> None:
    topic = t.topic()
    producer = _Producer(t, topic)
    producer.send(0)
    producer.send(number)
    producer.send(1)
    _end(t, topic)


@sequence("idempotence.first", api="Produce", cases={"0": 0, "1": 1, "1000": 1000, "max": MAX, "-1": -1, "-2": -2, "min": -2**31})
def first(t: Talk, number: int) -> None:
    """A producer that the partition does not know may start anywhere."""
    topic = t.topic()
    _Producer(t, topic).send(number)
    _end(t, topic)


@sequence("idempotence.wrap", api="Produce", cases={"to_0": (MAX, 1, 0), "inside": (MAX - 1, 4, 2), "to_1": (MAX, 1, 1),
                                                   "behind": (MAX - 1, 1, 0)})
def wrap(t: Talk, case: tuple[int, int, int]) -> None:
    """After the largest number comes 0."""
    start, count, following = case
    topic = t.topic()
    producer = _Producer(t, topic)
    producer.send(start, count)
    producer.send(following)
    producer.send(start, count)
    _end(t, topic)


@sequence("idempotence.epoch", api="Produce", cases={"old": -1, "next": 1, "far": 100})
def epoch(t: Talk, distance: int) -> None:
    topic = t.topic()
    producer = _Producer(t, topic)
    producer.epoch = 7
    producer.send(0)
    producer.send(1, epoch=7 + distance)
    producer.send(0, epoch=7 + distance)
    producer.send(1)
    _end(t, topic)


@sequence("idempotence.epoch_value", api="Produce", cases={"-1": -1, "-2": -2, "max": 32767, "0": 0})
def epoch_value(t: Talk, value: int) -> None:
    topic = t.topic()
    producer = _Producer(t, topic)
    producer.send(0, epoch=value)
    producer.send(1, epoch=value)
    _end(t, topic)


@sequence("idempotence.unknown_id", api="Produce", cases={"0": 0, "far": 1 << 40, "max": 2**63 - 1})
def unknown_id(t: Talk, number: int) -> None:
    """An id that nobody was given."""
    topic = t.topic()
    producer = _Producer(t, topic)
    producer.id = number
    producer.send(0)
    producer.send(1)
    producer.send(5)


@sequence("idempotence.two_partitions", api="Produce")
def two_partitions(t: Talk) -> None:
    """Each partition counts for itself; one error leaves the other alone."""
    topic = t.topic(partitions=2)
    producer = _Producer(t, topic)
    t.send("Produce", bodies.produce_many(topic, {0: producer.batch(0), 1: producer.batch(0)}))
    t.send("Produce", bodies.produce_many(topic, {0: producer.batch(5), 1: producer.batch(1)}))
    t.send("Produce", bodies.produce_many(topic, {0: producer.batch(1), 1: producer.batch(1)}))


@sequence("idempotence.in_flight", api="Produce")
def in_flight(t: Talk) -> None:
    """Six batches at once, then all again."""
    topic = t.topic()
    producer = _Producer(t, topic)
    for _ in range(2):
        waiting = [t.post("Produce", bodies.produce(topic, 0, producer.batch(number))) for number in range(6)]
        for one in waiting:
            one.answer()
    _end(t, topic)


@sequence("idempotence.one_missing", api="Produce")
def one_missing(t: Talk) -> None:
    """A batch in the middle does not come: those after it are refused, then all come again."""
    topic = t.topic()
    producer = _Producer(t, topic)
    for numbers in ((0, 2, 3, 4), (1, 2, 3, 4)):
        waiting = [t.post("Produce", bodies.produce(topic, 0, producer.batch(number))) for number in numbers]
        for one in waiting:
            one.answer()
    _end(t, topic)


@sequence("idempotence.acks", api="Produce", cases={"0": 0, "1": 1})
def acks(t: Talk, value: int) -> None:
    topic = t.topic()
    producer = _Producer(t, topic)
    for _ in range(2):
        pending = t.post("Produce", bodies.produce(topic, 0, producer.batch(0), acks=value))
        if value:
            pending.answer()
        else:
            t.connection.expect_silence(0.2)
    t.send_until(lambda answer: answer["Topics"][0]["Partitions"][0]["Offset"] == 1, "ListOffsets",
                 bodies.list_offsets(topic, [0], bodies.LATEST))


@sequence("idempotence.compressed", api="Produce", versions="newest", cases=batch.CODECS)
def compressed(t: Talk, codec: int) -> None:
    topic = t.topic()
    producer = _Producer(t, topic)
    for number in (0, 3, 3, 5):
        t.send("Produce", bodies.produce(topic, 0, batch.build(3, codec=codec, producer_id=producer.id, producer_epoch=0,
                                                             sequence=number)))
    t.send("Fetch", bodies.fetch(topic, {0: 0}))


@sequence("idempotence.describe_producers", api="DescribeProducers")
def describe_producers(t: Talk) -> None:
    topic = t.topic(partitions=2)
    producer = _Producer(t, topic)
    producer.send(0, 3)
    body = {"Topics": [{"Name": topic.name, "PartitionIndexes": [0, 1, 2]}]}
    t.send("DescribeProducers", body)
    producer.send(3)
    producer.send(0, epoch=5)
    t.send("DescribeProducers", body)
    t.send("DescribeProducers", {"Topics": [{"Name": t.name("none"), "PartitionIndexes": [0]}]})
    t.send("DescribeProducers", {"Topics": [{"Name": topic.name, "PartitionIndexes": []}]})
    t.send("DescribeProducers", {"Topics": []})
