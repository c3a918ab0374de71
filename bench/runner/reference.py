"""What these servers did on such a machine when it was quiet: two cores of a virtual machine, Java 17, Kafka 4.3.0.

A run is doubtful where Kafka or the floor are far from it, unless the probes of the same minutes explain that.
"""

from .metrics import METRICS, show
from .summary import Summary

TOLERANCE = 0.2

# Of row, server and metric: the lowest and the highest median seen. The floor has become faster since: what counts is
# only that it is no slower.
SEEN: dict[tuple[str, str], dict[str, tuple[float, float]]] = {
    ("native-produce/16k-acks-1", "kafka"): {"mb_per_s": (308, 308), "cpu_us": (68, 68)},
    ("native-produce/16k-acks-1", "floor"): {"mb_per_s": (940, 1100), "cpu_us": (17, 21)},
    ("native-produce/1m-acks-1", "kafka"): {"mb_per_s": (920, 1100), "cpu_s_per_gb": (1.5, 1.8)},
    ("native-produce/1m-acks-1", "floor"): {"mb_per_s": (2200, 2200), "cpu_s_per_gb": (0.67, 0.67)},
    ("native-produce/one-4x32-acks-1", "kafka"): {"requests_per_s": (33_000, 33_000), "cpu_us": (43, 43)},
    ("native-produce/one-4x32-acks-1", "floor"): {"requests_per_s": (147_000, 147_000), "cpu_us": (7.6, 7.6)},
    ("native-produce/one-64x1-acks-1", "kafka"): {"requests_per_s": (52_000, 52_000), "cpu_us": (26, 26)},
    ("native-produce/one-64x1-acks-1", "floor"): {"requests_per_s": (88_000, 88_000), "cpu_us": (12, 12)},
    ("native-fetch/4m-1", "kafka"): {"mb_per_s": (2600, 3000), "cpu_s_per_gb": (0.21, 0.30)},
    ("native-fetch/4m-1", "floor"): {"mb_per_s": (2700, 2900), "cpu_s_per_gb": (0.33, 0.33)},
    ("native-fetch/4m-8", "kafka"): {"mb_per_s": (4800, 5600), "cpu_s_per_gb": (0.18, 0.23)},
    ("native-fetch/4m-8", "floor"): {"mb_per_s": (4000, 4500), "cpu_s_per_gb": (0.29, 0.29)},
    ("native-fetch/16k-1", "kafka"): {"mb_per_s": (145, 145), "cpu_us": (84, 84)},
    ("native-fetch/16k-1", "floor"): {"mb_per_s": (202, 232), "cpu_us": (30, 30)},
    ("native-fetch/16k-8", "kafka"): {"mb_per_s": (437, 437), "cpu_us": (52, 52)},
    ("native-fetch/16k-8", "floor"): {"mb_per_s": (1100, 1200), "cpu_us": (13, 13)},
    ("disk-perf/100b-default-acks-1", "kafka"): {"records_per_s": (464_000, 464_000), "cpu_s_per_gb": (9.1, 9.1)},
    ("disk-perf/100b-default-acks-all", "kafka"): {"records_per_s": (519_000, 519_000), "cpu_s_per_gb": (7.3, 7.3)},
    ("disk-perf/100b-large-acks-1", "kafka"): {"records_per_s": (729_000, 729_000), "cpu_s_per_gb": (4.1, 4.1)},
    ("disk-perf/1k-default-acks-1", "kafka"): {"records_per_s": (101_000, 101_000), "cpu_s_per_gb": (5.0, 5.0)},
    ("disk-perf/1k-default-acks-all", "kafka"): {"records_per_s": (104_000, 104_000), "cpu_s_per_gb": (5.4, 5.4)},
    ("perf-consume/100b", "kafka"): {"records_per_s": (911_000, 911_000), "cpu_s_per_gb": (1.0, 1.0)},
    ("perf-consume/1k", "kafka"): {"records_per_s": (182_000, 182_000), "cpu_s_per_gb": (0.64, 0.64)},
    ("start/empty", "kafka"): {"ready_ms": (2600, 3500)},
    ("recovery/10gb", "kafka"): {"ready_ms": (15_200, 17_000)},
}


def doubts(summary: Summary) -> dict[tuple[str, str], str]:
    """Which medians are off, and how."""
    found = {}
    for (row, server), expected in SEEN.items():
        said = [text for metric, (low, high) in expected.items()
                if (text := _doubt(metric, summary.median(row, server, metric), low, high, server == "floor"))]
        if said:
            found[(row, server)] = ", ".join(said)
    return found


def _doubt(metric: str, value: float | None, low: float, high: float, is_floor: bool) -> str:
    if value is None:
        return ""
    is_low, is_high = value < low * (1 - TOLERANCE), value > high * (1 + TOLERANCE)
    if is_floor:
        is_low, is_high = (is_low, False) if METRICS[metric].more_is_better else (False, is_high)
    if not is_low and not is_high:
        return ""
    seen = show(metric, low) if low == high else f"{show(metric, low)}–{show(metric, high)}"
    return f"{METRICS[metric].title} {show(metric, value)}, once {seen}"
