"""What members of a group have in common, whatever their client is."""

import threading

from .checks import true


class Watched:
    """What a member has, what it read and what was taken from it: noted by whoever watches it, asked for by the check."""

    def __init__(self):
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._revoked: list[set[int]] = []
        self._assigned: set[int] = set()

    def assigned(self) -> set[int]:
        with self._lock:
            return set(self._assigned)

    def drain(self) -> list[str]:
        with self._lock:
            drained, self._lines = self._lines, []
            return drained

    def drain_revoked(self) -> list[set[int]]:
        with self._lock:
            drained, self._revoked = self._revoked, []
            return drained


class ThreadMember(Watched):
    """A member on a thread: `_run` reads and commits as long as `_running` is set; what it raises has ended the member."""

    def __init__(self):
        super().__init__()
        self._failure: object = None
        self._running = True
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def _run(self) -> None:
        raise NotImplementedError

    def _loop(self) -> None:
        try:
            self._run()
        except Exception as problem:
            self._failure = problem

    def failure(self) -> object:
        return self._failure

    def die(self) -> None:
        raise AssertionError("a member on a thread cannot be killed")

    def close(self) -> None:
        self._running = False
        self._thread.join(60)
        true(not self._thread.is_alive(), "a member does not end")
