"""A large topic is read from the disk while a producer and a consumer work at the end of another."""

import os

from ..load import Load, Topic, call, on
from .native import fill

PARTITIONS = 4


def cold(arena, name: str, row) -> dict:
    """The hot pair alone, then beside the cold reader; the result is the latter, with the former as `alone`."""
    server = arena.server(name)
    payload = row.load["bytes"]
    arena.medium.check_room(payload + 2 * 10**9)
    seconds = arena.seconds * 2
    pair = ["end-to-end", *on(server), "--record-bytes", 1000, "--rate", 1000, "--acks", "1",
            "--warm-seconds", 1, "--seconds", seconds]
    with Topic(server, PARTITIONS) as large, Topic(server, 1) as hot:
        fill(server, large, payload)
        forget(server.data)
        alone = call(*pair, "--topic", hot.name)
        with Load("fetch", *on(server), *large.options(), "--connections", PARTITIONS, "--fetch-bytes", 1 << 20,
                  "--warm-seconds", 0, "--seconds", seconds + 3, "--max-bytes", payload) as reader:
            beside = call(*pair, "--topic", hot.name)
            read = reader.answer()
    return beside | {"alone": alone["latency_ms"], "cold_mb_per_s": read["payload_bytes"] / read["seconds"] / 1e6}


def forget(directory) -> None:
    """Has the kernel drop what it holds of the files in memory."""
    os.sync()
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            except OSError:
                continue
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
