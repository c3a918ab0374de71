"""Committed offsets: written, read back by others, and where a group goes on."""

from common.checks import Checks, equal, eventually, true
from common.lines import Record, same
from common.samples import now_ms, records
from pure.base import Bench, lines


def register(checks: Checks, bench: Bench) -> None:
    for name, body in (("sync", _sync), ("resume", _resume), ("auto", _auto), ("reset", _reset), ("lag", _lag)):
        checks.add(f"commit.{name}", lambda body=body: body(bench))
    if bench.client.has_async_commit:
        checks.add("commit.async", lambda: _async(bench))


def _offsets(bench: Bench, group: str, topic: str, count: int) -> list:
    """What a new consumer of the group finds committed."""
    consumer = bench.client.consumer(group_id=group)
    try:
        consumer.assign([(topic, number) for number in range(count)])
        found = [consumer.committed((topic, number)) for number in range(count)]
        return found if bench.client.keeps_metadata else [each and each[0] for each in found]
    finally:
        consumer.close()


def _sync(bench: Bench) -> str:
    """Offset and metadata come back, to another client and to an admin; what was never committed is nothing."""
    topic = bench.cluster.topic("commit-sync", 3)
    group = bench.cluster.name("commit-sync")
    bench.send(topic, records(3, 300, 1))
    consumer = bench.client.consumer(group_id=group)
    consumer.assign([(topic, number) for number in range(3)])
    consumer.commit({(topic, 0): (10, "größe " + "m" * 1000), (topic, 1): (99, "")})
    consumer.commit({(topic, 0): (42, "again")})
    consumer.close()
    expected = [(42, "again"), (99, ""), None]
    equal(expected if bench.client.keeps_metadata else [42, 99, None], _offsets(bench, group, topic, 3), "committed")
    admin = bench.client.admin()
    equal({(topic, 0): (42, "again"), (topic, 1): (99, "")}, admin.group_offsets(group), "what an admin lists")
    admin.close()
    return "2 partitions"


def _async(bench: Bench) -> str:
    topic = bench.cluster.topic("commit-async", 1)
    bench.send(topic, records(1, 100, 1))
    answers: list = []
    consumer = bench.client.consumer(group_id=bench.cluster.name("commit-async"))
    consumer.assign([(topic, 0)])
    consumer.seek((topic, 0), 0)
    # A few at a time: what the client cannot send at once it lets wait until it times out.
    for few in range(10):
        for offset in range(few * 4 + 1, few * 4 + 5):
            consumer.commit_async({(topic, 0): (offset, f"m{offset}")}, answers.append)

        def answered() -> bool:
            consumer.poll(50)
            return len(answers) == few * 4 + 4

        eventually("the callbacks", answered)
    true(not any(isinstance(answer, Exception) for answer in answers), f"callbacks: {answers}")
    equal((40, "m40"), consumer.committed((topic, 0)), "committed")
    consumer.close()
    return "40 commits"


def _resume(bench: Bench) -> str:
    """A second consumer of the group goes on where the first one stopped."""
    topic = bench.cluster.topic("commit-resume", 1)
    found = bench.send(topic, records(1, 200, 2))
    for start in range(0, 200, 50):
        consumer = bench.client.consumer(group_id=bench.cluster.name("commit-resume"), auto_offset_reset="earliest")
        consumer.subscribe(topic)
        same(found[start:start + 50], lines(consumer, 50))
        consumer.commit()
        consumer.close()
    return "4 consumers, 200 records"


def _auto(bench: Bench) -> str:
    """Closing commits the position when auto-commit is on."""
    topic = bench.cluster.topic("commit-auto", 1)
    group = bench.cluster.name("commit-auto")
    bench.send(topic, records(1, 60, 2))
    consumer = bench.client.consumer(group_id=group, auto_offset_reset="earliest", enable_auto_commit=True)
    consumer.subscribe(topic)
    lines(consumer, 60)
    consumer.close()
    equal(60, bench.cluster.committed(group, topic, 1)[0], "committed")
    return "offset 60"


def _reset(bench: Bench) -> str:
    """A group without offsets starts where auto_offset_reset says."""
    topic = bench.cluster.topic("commit-reset", 1)
    bench.send(topic, records(1, 30, 2))
    for policy, position in (("earliest", 0), ("latest", 30)):
        consumer = bench.client.consumer(group_id=bench.cluster.name(f"reset-{policy}"), auto_offset_reset=policy)
        consumer.assign([(topic, 0)])
        equal(position, consumer.position((topic, 0)), policy)
        consumer.close()
    consumer = bench.client.consumer(group_id=bench.cluster.name("reset-none"))
    consumer.assign([(topic, 0)])
    try:
        consumer.poll(5000)
        raise AssertionError("no error without a place to start")
    except bench.client.error as problem:
        name = type(problem).__name__
    consumer.close()
    return f"2 policies, {name}"


def _lag(bench: Bench) -> str:
    """The end of each partition less what the group has committed, before and after more comes."""
    topic = bench.cluster.topic("commit-lag", 3)
    group = bench.cluster.name("commit-lag")
    parts = [(topic, number) for number in range(3)]
    bench.send(topic, records(3, 300, 3))
    consumer = bench.client.consumer(group_id=group)
    consumer.assign(parts)
    consumer.commit({parts[0]: (40, ""), parts[1]: (100, ""), parts[2]: (0, "")})

    def lags() -> list[int]:
        return [end - consumer.committed(part)[0] for part, end in zip(parts, consumer.ends(parts))]

    equal([60, 0, 100], lags(), "lags")
    producer = bench.client.producer(acks="all")
    for _ in range(7):
        producer.send(topic, Record(1, now_ms(), None, b"more"))
    producer.close()
    equal([60, 7, 100], lags(), "lags after more came")
    consumer.close()
    return "3 partitions, twice"
