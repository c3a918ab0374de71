"""A member of a group in a process of its own, which can be killed, whatever its client is."""

import json
import os
import subprocess
import sys
import threading
import time

from .member import Watched
from .scene import Member


class ChildMember(Watched):
    """It ends by itself when this process does."""

    def __init__(self, client: str, bootstrap: str, group: str, topic: str, configs: dict):
        super().__init__()
        self._process = subprocess.Popen(
            [sys.executable, "-B", sys.argv[0], "member", bootstrap, client, group, topic, json.dumps(configs)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for text in self._process.stdout:
            assigned, lines = json.loads(text)
            with self._lock:
                self._assigned = set(assigned)
                self._lines += lines

    def failure(self) -> object:
        code = self._process.poll()
        return None if code is None else f"exit code {code}"

    def die(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.die()


def run(member: Member) -> None:
    """The child's side: prints what it has and reads until its standard input ends."""

    def watch() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    while member.failure() is None:
        print(json.dumps([sorted(member.assigned()), member.drain()]), flush=True)
        time.sleep(0.05)
    sys.exit(f"the member failed: {member.failure()}")
