"""Batches, good and bad, and fetches with and without a session."""

from uuid import UUID

from .. import batch
from ..batch import Record
from ..random_state import INT32, Partition, PoolTopic, Producer, Sent, Session, State
from ..schema import Message
from .steps import step

TOPIC_IDS_FROM = 13
# How many batches of a producer can be sent again: more than a broker remembers.
REPEATS = 7


@step(30, "Produce")
def produce(s: State) -> None:
    """One batch for one to three partitions of a topic or two, of an idempotent producer or of none."""
    version, producer = s.version("Produce"), s.pick([None, *s.producers])
    sent: dict[tuple[str, int], Sent] = {}
    topics = s.topics_of(s.pick([1, 1, 1, 2]))
    for topic in topics:
        for _ in range(s.pick([1, 1, 1, 2, 3])):
            index = s.partition(topic)
            sent[topic.topic.name, index] = _batch(s, topic, index, producer, version)
    acks = 7 if s.mistake() else s.pick([-1, -1, -1, 1])
    answer = s.talk.send("Produce", _body(topics, sent, acks), version=version)
    for topic, part in s.answered(answer, "Responses", "PartitionResponses"):
        if part["ErrorCode"] == 0:
            _learn(topic.partitions[part["Index"]], sent[topic.topic.name, part["Index"]], part["BaseOffset"])
    if acks == 1:
        # Such an answer does not wait until the records can be read.
        for name, index in sent:
            _wait_until_readable(s, next(topic for topic in topics if topic.topic.name == name), index)


@step(2, "Produce")
def produce_unanswered(s: State) -> None:
    """A batch with acks=0; what comes next on the connection comes after it."""
    topic, version = s.topic(), s.version("Produce")
    index = s.random.randrange(len(topic.partitions))
    count = s.random.randint(1, 3)
    records = batch.build([_record(s, topic, keyed=True) for _ in range(count)], base_timestamp=s.timestamp(topic))
    s.talk.connection.tell("Produce", version, _body([topic], {(topic.topic.name, index): Sent(records, count)}, 0))
    own = topic.partitions[index]
    own.end += count
    _wait_until_readable(s, topic, index)


def _wait_until_readable(s: State, topic: PoolTopic, index: int) -> None:
    """Waits until the high watermark has come to the partition's end."""
    if 0 <= index < len(topic.partitions):
        end = topic.partitions[index].end
        s.talk.ask_until(lambda answer: answer["Topics"][0]["Partitions"][0]["Offset"] >= end, "ListOffsets",
                         {"ReplicaId": -1, "Topics": [{"Name": topic.topic.name, "Partitions": [
                             {"PartitionIndex": index, "Timestamp": -1, "CurrentLeaderEpoch": -1}]}]})


def _body(topics: list[PoolTopic], sent: dict[tuple[str, int], Sent], acks: int) -> Message:
    return {"TransactionalId": None, "Acks": acks, "TimeoutMs": 30_000, "TopicData": [
        {"Name": topic.topic.name, "TopicId": topic.topic.id, "PartitionData": [
            {"Index": index, "Records": each.records} for (name, index), each in sent.items() if name == topic.topic.name]}
        for topic in topics]}


def _learn(own: Partition, sent: Sent, base_offset: int) -> None:
    """Takes over what an accepted batch has changed."""
    own.end = max(own.end, base_offset + sent.count)
    if sent.producer is not None and not sent.repeated:
        own.sequences[sent.producer.id] = sent.sequence + sent.count
        own.sent = [*own.sent, sent][-REPEATS:]


def _batch(s: State, topic: PoolTopic, index: int, producer: Producer | None, version: int) -> Sent:
    exists = 0 <= index < len(topic.partitions)
    # In Kafka also a batch that is refused or repeated can begin a segment, where time does that.
    correct = topic.rolled
    if exists and topic.partitions[index].sent and s.mistake(3) and not correct:
        repeated = s.pick(topic.partitions[index].sent)
        return Sent(repeated.records, repeated.count, repeated.producer, repeated.sequence, repeated=True)
    count = s.random.randint(1, 8)
    keyed = s.random.random() < 0.4 or (topic.compacted and not s.mistake())
    content = [_record(s, topic, keyed) for _ in range(count)]
    fields = {"codec": s.pick([0, 0, 1, 2, 3] + [4] * (version >= 7 or s.mistake())), "base_timestamp": s.timestamp(topic)}
    if s.mistake():
        fields |= s.pick([{"crc": 1}, {"count": count + 1}, {"count": 0}, {"base_offset": 3}, {"magic": 3}, {"length": 5},
                          {"attributes": batch.CONTROL}, {"attributes": batch.TRANSACTIONAL}, {"last_offset_delta": count},
                          {"max_timestamp": 5}, {"leader_epoch": 9}])
    if producer is None or not exists:
        return Sent(batch.build(content, **fields), count)
    sequence, epoch = topic.partitions[index].sequences.get(producer.id, 0), producer.epoch
    if s.mistake() and not correct:
        sequence = max(sequence + s.pick([-1, 1, 100]), 0)
    if s.mistake() and not correct:
        epoch += s.pick([-1, 1])
    records = batch.build(content, producer_id=producer.id, producer_epoch=epoch, sequence=sequence, **fields)
    return Sent(records, count, producer, sequence)


def _record(s: State, topic: PoolTopic, keyed: bool) -> Record:
    headers = [(s.bytes(5), s.pick([None, b"", s.bytes(9)])) for _ in range(s.pick([0, 0, 0, 1, 2]))]
    value = s.bytes(s.pick([10, 100, 1000]))
    return Record(None if s.random.random() < 0.05 else value, s.bytes(6) if keyed else None, headers,
                  timestamp_delta=s.random.randint(0, 1000))


# Fetches

def _asked(s: State, topics: list[PoolTopic], whole: bool = False, diverging: bool = True) -> list[Message]:
    """Partitions of these topics with offsets and limits. `diverging` says whether they may tell the epoch last fetched."""
    asked = []
    for topic in topics:
        indexes = list(range(len(topic.partitions))) if whole else sorted(
            {s.partition(topic) for _ in range(s.random.randint(1, 3))}, key=lambda _: s.random.random())
        asked.append({"Topic": topic.topic.name, "TopicId": topic.topic.id,
                      "Partitions": [_partition(s, topic, index, diverging) for index in indexes]})
    if s.mistake():
        asked.append({"Topic": s.talk.name("none"), "TopicId": UUID(int=7), "Partitions": [{"Partition": 0}]})
    return asked


def _partition(s: State, topic: PoolTopic, index: int, diverging: bool) -> Message:
    return {"Partition": index, "FetchOffset": s.offset(topic, index), "CurrentLeaderEpoch": s.epoch(),
            "LastFetchedEpoch": s.epoch() if diverging and s.random.random() < 0.2 else -1,
            "PartitionMaxBytes": s.pick([1 << 20, 1 << 20, 2000, 300, 1, 0])}


def _limits(s: State) -> Message:
    return {"MaxWaitMs": s.pick([0, 0, 20]), "MinBytes": s.pick([0, 1, 1, 1000]), "IsolationLevel": s.pick([0, 0, 1]),
            "MaxBytes": s.pick([INT32, INT32, 5000, 1000, 1, 0])}


@step(14, "Fetch")
def fetch(s: State) -> None:
    topics = s.topics_of(s.pick([1, 1, 2, 3]))
    s.send("Fetch", _limits(s) | {"SessionId": 0, "SessionEpoch": -1, "Topics": _asked(s, topics)})


@step(4, "Fetch")
def open_session(s: State) -> None:
    version = s.random.randint(7, s.talk.versions("Fetch")[1])
    topics = s.topics_of(s.pick([1, 1, 2]))
    asked = _asked(s, topics, whole=s.random.random() < 0.8, diverging=version >= TOPIC_IDS_FROM)
    body = _limits(s) | {"SessionId": 0, "SessionEpoch": 0, "Topics": asked}
    answer = s.talk.send("Fetch", body, version=version)
    if answer.get("SessionId"):
        s.sessions.append(Session(answer["SessionId"], 1, topics, version >= TOPIC_IDS_FROM))
    if len(s.sessions) > 8:
        s.sessions.pop(0)


@step(12, "Fetch")
def use_session(s: State) -> None:
    """Changes offsets, adds and forgets partitions, ends the session; or gets its number or epoch wrong."""
    s.sessions = [session for session in s.sessions if all(topic in s.topics for topic in session.topics)]
    if not s.sessions:
        return open_session(s)
    session = s.pick(s.sessions)
    by_id = session.by_id != s.mistake(0.5)
    newest = s.talk.versions("Fetch")[1]
    version = s.random.randint(TOPIC_IDS_FROM, newest) if by_id else s.random.randint(7, TOPIC_IDS_FROM - 1)
    if s.random.random() < 0.1:
        other = s.topic()
        session.topics = session.topics + [other] * (other not in session.topics)
    chosen = [topic for topic in session.topics if s.random.random() < 0.5]
    forgotten = [] if s.random.random() < 0.8 else [
        {"Topic": topic.topic.name, "TopicId": topic.topic.id, "Partitions": [s.partition(topic)]}
        for topic in session.topics[:1]]
    epoch = s.pick([session.epoch + 1, 0, session.epoch - 1]) if s.mistake() else session.epoch
    own = session.id + 1 if s.mistake(0.5) else session.id
    if s.random.random() < 0.07:
        epoch = -1
    # In an older version than the one that told that epoch: see `session.mixed_versions`.
    asked = _asked(s, chosen, diverging=session.by_id)
    body = {"SessionId": own, "SessionEpoch": epoch, "Topics": asked, "ForgottenTopicsData": forgotten}
    answer = s.talk.send("Fetch", _limits(s) | body, version=version)
    if epoch == session.epoch and own == session.id and answer.get("SessionId") == own:
        session.epoch += 1
    elif own == session.id and (answer.get("ErrorCode") == 0 or epoch in (0, -1)):
        # Ended, or begun anew under another number.
        s.sessions.remove(session)
