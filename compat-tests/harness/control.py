"""Restarts of the broker in the middle of the checks that ask for them.

A program connects to the address in WEIR_COMPAT_CONTROL, sends a line and waits for a line:

    restart    the broker is stopped in order and started again
    kill       the broker is killed and started again

The answer is "ok" when the broker serves again, at its old address and with its data, else "error" and why. One restart
serves all programs that run: it comes when each of them waits for one (or has waited long enough for the others), so a
program has one question at a time. Who asks for `restart` is served before who asks for `kill`.
"""

import selectors
import socket
import time
from typing import Callable

from .brokers import Broker
from .process import Failure

# After so long the others are not waited for any more.
PATIENCE_SECONDS = 90

MAX_LINE = 64


class Control:
    """The listening side. Broker processes are started by the thread that calls `serve`, and end with it."""

    def __init__(self, broker: Broker):
        self._broker = broker
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector.register(self._listener, selectors.EVENT_READ)
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        # Who waits for what, and since when somebody does.
        self._waiting: dict[socket.socket, str] = {}
        self._since = 0.0
        self.actions: list[str] = []

    def serve(self, alive: Callable[[], int]) -> None:
        """Answers until no program is alive."""
        try:
            while (count := alive()) > 0:
                for key, _ in self._selector.select(timeout=0.1):
                    self._accept() if key.fileobj is self._listener else self._read(key.fileobj)
                if self._waiting and (len(self._waiting) >= count
                                      or time.monotonic() - self._since > PATIENCE_SECONDS):
                    self._act()
        finally:
            for each in list(self._selector.get_map().values()):
                each.fileobj.close()
            self._selector.close()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        try:
            words = connection.recv(MAX_LINE).decode(errors="replace").split()
        except OSError:
            words = []
        if words and words[0] in ("restart", "kill") and connection not in self._waiting:
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting[connection] = words[0]
        else:
            self._answer(connection, f"error: there is no {words}")

    def _act(self) -> None:
        action = "restart" if "restart" in self._waiting.values() else "kill"
        served = [connection for connection, asked in self._waiting.items() if asked == action]
        start = time.monotonic()
        try:
            self._broker.kill() if action == "kill" else self._broker.stop()
            self._broker.start()
            answer = "ok"
        except Failure as problem:
            answer = "error: " + " / ".join(str(problem).splitlines())
        self.actions.append(f"{action} for {len(served)} programs, {time.monotonic() - start:.1f} s: {answer}")
        print(self.actions[-1], flush=True)
        self._since = time.monotonic()
        for connection in served:
            self._answer(connection, answer)

    def _answer(self, connection: socket.socket, text: str) -> None:
        self._waiting.pop(connection, None)
        self._selector.unregister(connection)
        try:
            connection.sendall(text.encode() + b"\n")
        except OSError:
            pass  # The program has ended.
        connection.close()
