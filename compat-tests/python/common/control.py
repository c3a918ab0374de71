"""Asking the runner to restart the broker."""

import os
import socket

from .checks import equal

# The runner waits for all suites, and brokers take their time.
ANSWER_SECONDS = 300


def ask(command: str) -> None:
    """Has the broker stopped in order (`restart`) or killed (`kill`), and returns when it serves again."""
    host, port = os.environ["WEIR_COMPAT_CONTROL"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(command.encode() + b"\n")
        equal("ok", connection.makefile().readline().strip(), f"answer to {command}")
