"""Child processes that never outlive the runner, and free ports."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """Something that ends the run, in one sentence for the user."""


def die_with_parent() -> None:
    """In the child: the kernel kills it when the runner goes, however that happens."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def start(command: list[str], log: Path, **options) -> subprocess.Popen:
    """Starts a process whose output goes to the end of a file, unless the options say otherwise."""
    with open(log, "ab") as output:
        options.setdefault("stdout", output)
        options.setdefault("stderr", output)
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(command, preexec_fn=die_with_parent, **options)


def run(command: list[str], log: Path, what: str, seconds: float = 900, **options) -> None:
    """Runs a process to its end; its failure or delay ends the run, with the end of its output."""
    process = start(command, log, **options)
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failure(f"{what} took longer than {seconds:.0f} s; its output is in {log}")
    finally:
        stop(process, 0)
    if code != 0:
        raise Failure(f"{what} failed with exit code {code}:\n{tail(log)}")


def stop(process: subprocess.Popen, seconds: float) -> int:
    """Asks a process to end, kills it when it does not; returns its exit code."""
    if process.poll() is None and seconds > 0:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass
    if process.poll() is None:
        process.kill()
        process.wait()
    return process.returncode


def await_line(process: subprocess.Popen, log: Path, text: str, seconds: float) -> str:
    """Waits for a line with this text in the process's log and returns the line."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if log.exists():
            for line in log.read_text(errors="replace").splitlines(keepends=True):
                if text in line and line.endswith("\n"):
                    return line.strip()
        if process.poll() is not None:
            raise Failure(f"{process.args[0]} ended with code {process.returncode}:\n{tail(log)}")
        time.sleep(0.1)
    raise Failure(f"no '{text}' within {seconds:.0f} s; the output is in {log}:\n{tail(log)}")


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody uses right now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def tail(log: Path, lines: int = 20) -> str:
    """The end of a file, for messages."""
    if not log.exists():
        return "(no output)"
    with open(log, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 20_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
