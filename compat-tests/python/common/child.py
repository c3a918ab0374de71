"""A member of a group in a process of its own, which can be killed, whatever its client is."""

import json
import os
import subprocess
import sys
import threading
import time

from .scene import Member


class ChildMember:
    """It ends by itself when this process does."""

    def __init__(self, client: str, bootstrap: str, group: str, topic: str, configs: dict):
        self._process = subprocess.Popen(
            [sys.executable, "-B", sys.argv[0], "member", bootstrap, client, group, topic, json.dumps(configs)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._assigned: set[int] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for text in self._process.stdout:
            assigned, lines = json.loads(text)
            with self._lock:
                self._assigned = set(assigned)
                self._lines += lines

    def assigned(self) -> set[int]:
        with self._lock:
            return set(self._assigned)

    def drain(self) -> list[str]:
        with self._lock:
            drained, self._lines = self._lines, []
            return drained

    def drain_revoked(self) -> list[set[int]]:
        return []

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
