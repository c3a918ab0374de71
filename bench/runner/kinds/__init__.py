"""The kinds of measurements. Each is a function of the arena, a server's name and the row that returns what it found:

the JSON of `weir-bench`'s loads where it is a load, else other figures under names that `metrics.py` knows.
"""

from . import cold, compaction, native, noise, rdkafka, recovery, start, tools

KINDS = {
    "produce": native.produce,
    "fetch": native.fetch,
    "end_to_end": native.end_to_end,
    "idle": native.idle,
    "perf_produce": tools.produce,
    "perf_consume": tools.consume,
    "rdkafka": rdkafka.produce,
    "start": start.ready,
    "memory": start.memory,
    "recovery": recovery.recovery,
    "cold": cold.cold,
    "compaction": compaction.compaction,
    "noise": noise.noise,
}

# These start servers of their own; none of the arena's is needed.
OWN_SERVERS = {"start", "memory", "recovery"}
