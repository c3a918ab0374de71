"""Records to produce: the same ones for the same seed, but for their timestamps."""

import os
import random
import time

from .lines import Record


# How many records produce.volume sends.
VOLUME = int(os.environ.get("WEIR_COMPAT_VOLUME", "5000"))


def now_ms() -> int:
    return int(time.time() * 1000)


def noise(length: int, seed: int) -> bytes:
    """Bytes that no codec makes smaller."""
    return random.Random(seed).randbytes(length)


def records(partitions: int, count: int, seed: int) -> list[Record]:
    """Keyed records for the partitions in turn, 1 ms apart and ending now; values compress well."""
    numbers = random.Random(seed)
    start = now_ms() - count
    made = []
    for index in range(count):
        value = f"value {index} " + "weir " * numbers.randrange(60) + str(numbers.random())
        headers = [("number", str(index).encode())] if index % 3 == 0 else []
        made.append(Record(index % partitions, start + index, f"key {numbers.randrange(1000)}".encode(),
                           value.encode(), headers))
    return made
