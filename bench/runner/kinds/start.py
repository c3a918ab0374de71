"""How long a start takes, and what memory a server has with nothing to do. Each measurement has a server of its own."""

import shutil
import time

from ..load import Topic, call
from ..sampler import rss_anon

PICKED = 100
QUIET_SECONDS = 3
START_SECONDS = 900


def ready(arena, name: str, row) -> dict:
    """From exec to the first answers to acks=all on random partitions.

    The topic is made by a first start; the second one, after an orderly stop, is measured.
    """
    server = arena.own(name)
    server.fix_address()
    command = server.command()
    common = ["--server", server.listens, "--topic", "start", "--partitions", row.partitions,
              "--pick", min(PICKED, row.partitions), "--seed", 1]
    try:
        call("start", *common, "--create", "--", *command, seconds=START_SECONDS)
        return call("start", *common, "--", *command, seconds=START_SECONDS)
    finally:
        shutil.rmtree(server.directory, ignore_errors=True)


def memory(arena, name: str, row) -> dict:
    """RssAnon, a few seconds after the topic was made."""
    server = arena.own(name)
    try:
        with server:
            if row.partitions:
                # The directory goes as a whole.
                Topic(server, row.partitions).__enter__()
            time.sleep(QUIET_SECONDS)
            found = {"rss_anon": rss_anon(server.process.pid)}
            server.kill()
            return found
    finally:
        shutil.rmtree(server.directory, ignore_errors=True)
