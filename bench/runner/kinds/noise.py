"""A good client's latencies while others flood the broker with connections or malformed frames."""

from ..load import Load, Topic, call, on


def noise(arena, name: str, row) -> dict:
    """Beside as much harmless traffic first, then beside the attack; the result is the latter."""
    server = arena.server(name)
    with Topic(server, 1) as topic:
        harmless = _beside(arena, server, topic, "harmless", row.load["rate"])
        attacked = _beside(arena, server, topic, row.load["attack"], row.load["rate"])
    return attacked | {"harmless": harmless["latency_ms"]}


def _beside(arena, server, topic, kind: str, rate: int) -> dict:
    seconds = arena.seconds * 2
    with Load("noise", "--server", server.listens, "--kind", kind, "--rate", rate, "--seconds", seconds + 4) as load:
        found = call("end-to-end", *on(server), "--topic", topic.name, "--record-bytes", 1000, "--rate", 1000,
                     "--acks", "1", "--warm-seconds", 1, "--seconds", seconds)
        load.answer()
    return found
