"""How soon a server answers after it was killed under load, with a large log."""

import shutil
import time

from .. import media
from ..load import Load, Topic, call, on

PARTITIONS = 6
FILL_SECONDS = 600
LOOK_SECONDS = 0.5


def recovery(arena, name: str, row) -> dict:
    """Fills a log, kills the server while it is filled further, and starts it again."""
    wanted = row.load["bytes"]
    arena.medium.check_room(wanted + 4 * 10**9)
    server = arena.own(name)
    server.fix_address()
    try:
        server.start()
        topic = Topic(server, PARTITIONS).__enter__()
        with Load("produce", *on(server), *topic.options(), "--record-bytes", 1000, "--batch-bytes", 1 << 18,
                  "--acks", "all", "--connections", 4, "--in-flight", 4, "--warm-seconds", 0,
                  "--seconds", FILL_SECONDS) as load:
            end = time.monotonic() + FILL_SECONDS
            while media.size(server.data) < wanted and time.monotonic() < end:
                if load.ended():
                    load.answer()
                time.sleep(LOOK_SECONDS)
            held = media.size(server.data)
            server.kill()
        found = call("start", "--server", server.listens, *topic.options(), "--pick", PARTITIONS, "--seed", 1,
                     "--signal", "kill", "--", *server.command(), seconds=FILL_SECONDS)
        return found | {"log_bytes": held}
    finally:
        server.kill()
        shutil.rmtree(server.directory, ignore_errors=True)
