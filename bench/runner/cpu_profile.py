"""Samples of a server under a load, by what it does in them."""

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from .kinds import native
from .load import Load, Topic, on
from harness.process import Failure

FREQUENCY = 2000
WARM_SECONDS = 1

# What a sample in the kernel is part of, by any function on its stack; the first that fits counts.
IN_KERNEL = (
    ("writing the log", r"pwrite"),
    ("reading headers", r"pread"),
    ("sending", r"sendfile|sys_writev|do_writev|sendto|sendmsg"),
    ("receiving", r"recvfrom|recvmsg|sys_read"),
    ("syncing", r"datasync|syncfs|sys_fsync|removexattr"),
    ("sleeping and waking threads", r"futex|epoll|eventfd|sys_write|sched_yield|nanosleep"),
    ("kernel, other", r""),
)
# What one in the program is part of, by the function that runs.
IN_PROGRAM = (
    ("checking batches", r"crc|record_batch|floor::partition"),
    ("the log and its indexes", r"storage::"),
    ("Raft", r"consensus::|raft|slog|protobuf"),
    ("flush passes and waiters", r"broker::node"),
    ("requests and answers", r"broker::api|broker::wire|kafka_protocol|fetch_session|weir_bench"),
    ("connections", r"broker::connection|broker::server|<broker|broker::metrics"),
    ("runtime (tokio)", r"tokio|mio::|futures|core::task"),
    ("memory: allocator", r"_?mi_|malloc|free|realloc"),
    ("memory: copies, counted slices", r"mem(move|cpy|set|cmp)|bytes::"),
    ("clock", r"clock_gettime|Instant|Timespec|SystemTime"),
    ("locks", r"parking_lot|pthread_mutex|arc_swap"),
    ("system calls, this side", r"^__(libc|GI)_|syscall|pthread_(en|dis)able"),
    ("program, other", r""),
)


def check_perf() -> None:
    if shutil.which("perf") is None:
        raise Failure("perf is missing: install linux-perf (Debian), or your distribution's package for it")


def take(arena, name: str, row, seconds: float) -> dict:
    """Microseconds per request of each thing that the server did, and of all."""
    server = arena.server(name)
    with Topic(server, row.partitions) as topic, tempfile.TemporaryDirectory() as directory:
        size = ()
        if row.kind == "fetch":
            native.fill(server, topic, native.FETCHED)
        else:
            size = ("--max-bytes", arena.max_bytes())
        samples = Path(directory, "perf.data")
        with Load(row.kind, *on(server), *topic.options(), *row.arguments(), "--warm-seconds", WARM_SECONDS,
                  "--seconds", seconds, *size) as load:
            time.sleep(WARM_SECONDS)
            command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(FREQUENCY), "-g", "-p",
                       str(server.process.pid), "-o", str(samples), "--", "sleep", str(seconds / 2)]
            done = subprocess.run(command, capture_output=True, text=True)
            answer = load.answer()
        if done.returncode != 0:
            raise Failure(f"perf failed: {done.stderr.strip() or done.returncode}")
        script = subprocess.run(["perf", "script", "-i", str(samples), "-F", "comm,ip,sym,dso"], capture_output=True,
                                text=True, check=True).stdout
    counts = count(script)
    cpu = answer["broker"]["user"] + answer["broker"]["system"]
    per_request = cpu / max(answer["requests"], 1) * 1e6
    total = max(sum(counts.values()), 1)
    return {"all": per_request, "rate": answer["requests"] / answer["seconds"], "samples": total} | {
        what: per_request * number / total for what, number in counts.items()}


def count(script: str) -> dict[str, int]:
    """How many samples there are of each thing, in what `perf script` printed."""
    counts: dict[str, int] = {}
    for sample in script.split("\n\n"):
        frames = [line.strip() for line in sample.splitlines()[1:] if line.strip()]
        if frames:
            what = _what(frames)
            counts[what] = counts.get(what, 0) + 1
    return counts


def _what(frames: list[str]) -> str:
    """A line is the address, the function, and in parentheses where it is from."""
    functions = [frame.partition(" ")[2].rpartition(" (")[0] for frame in frames]
    is_kernel = ["kernel" in frame.rpartition("(")[2] for frame in frames]
    if is_kernel[0]:
        stack = " ".join(name for name, inside in zip(functions, is_kernel) if inside)
        return next(what for what, pattern in IN_KERNEL if re.search(pattern, stack))
    return next(what for what, pattern in IN_PROGRAM if re.search(pattern, functions[0]))


def table(id_: str, found: dict[str, dict]) -> str:
    """A Markdown table: a line for each thing, a column for each server."""
    names = list(found)
    lines = [f"### {id_}", "", f"| µs of CPU per request | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for what in [what for what, _ in IN_KERNEL + IN_PROGRAM] + ["all"]:
        figures = [one.get(what, 0) for one in found.values()]
        if any(figures):
            marked = "**all**" if what == "all" else what
            lines.append(f"| {marked} | {' | '.join(_shown(figure) for figure in figures)} |")
    rates = ", ".join(f"{name} {one['rate']:,.0f}" for name, one in found.items())
    samples = ", ".join(f"{name} {one['samples']:,}" for name, one in found.items())
    return "\n".join([*lines, "", f"Requests per second while it was sampled: {rates}. Samples: {samples}."])


def _shown(figure: float) -> str:
    return f"{figure:.2f}" if figure < 10 else f"{figure:,.0f}"


def page(described: dict, commit: str, at: time.struct_time, tables: list[str]) -> str:
    begun = time.strftime("%Y-%m-%d", at)
    head = [
        "# Where the CPU goes",
        "",
        "Written by `bench/cpu_profile.py`: a server's CPU per request under native loads in memory, by what it was spent on.",
        "Samples of `perf` (software clock), by the system call that a sample in the kernel belongs to, and by the",
        "function that ran for one in the program. Sampling costs a little itself, so the sums are above the benchmark's.",
        "The floor's threads sleep where they receive.",
        f"Weir is durable. {begun}, tree {commit}, {described.get('processor', '')}, {described.get('cores', '')} cores.",
    ]
    return "\n".join(head) + "\n\n" + "\n\n".join(tables) + "\n"
