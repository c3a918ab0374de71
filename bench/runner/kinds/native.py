"""Loads of `weir-bench`: produce, fetch, end to end, idle connections."""

from ..load import Topic, call, on

FETCHED = 10**9
IDLE_SECONDS = 5
FIRSTS_PER_SECOND = 500
MAX_FIRST_SECONDS = 4


def produce(arena, name: str, row) -> dict:
    server = arena.server(name)
    with Topic(server, row.partitions) as topic:
        # The first batches of a partition make its files: that is not what is measured.
        first = min(MAX_FIRST_SECONDS, row.partitions / FIRSTS_PER_SECOND)
        return call("produce", *on(server), *topic.options(), *row.arguments(), *_times(arena, first=first),
                    "--max-bytes", arena.max_bytes())


def fetch(arena, name: str, row) -> dict:
    server = arena.server(name)
    with Topic(server, row.partitions) as topic:
        fill(server, topic, FETCHED)
        return call("fetch", *on(server), *topic.options(), *row.arguments(), *_times(arena))


def end_to_end(arena, name: str, row) -> dict:
    server = arena.server(name)
    with Topic(server, 1) as topic:
        # A tail needs more samples than a mean.
        return call("end-to-end", *on(server), "--topic", topic.name, *row.arguments(), *_times(arena, 2))


def idle(arena, name: str, row) -> dict:
    return call("idle", *on(arena.server(name)), *row.arguments(), "--seconds", IDLE_SECONDS)


def fill(server, topic, payload: int, record_bytes: int = 1000) -> None:
    """Fills a topic with batches of 16 KB."""
    call("produce", *on(server), *topic.options(), "--record-bytes", record_bytes, "--batch-bytes", 16384,
         "--acks", "1", "--connections", 4, "--in-flight", 8, "--warm-seconds", 0, "--seconds", 600,
         "--max-bytes", payload, seconds=700)


def _times(arena, factor: float = 1, first: float = 0) -> list[object]:
    return ["--warm-seconds", min(1, arena.seconds / 2) + first, "--seconds", arena.seconds * factor]
