"""What a row and a group of rows are. The table of them is in `rows.py`."""

from dataclasses import dataclass, field

ALL = ("kafka", "weir", "weir-caching", "floor")
NO_FLOOR = ("kafka", "weir", "weir-caching")
BROKERS = ("kafka", "weir")


@dataclass(frozen=True)
class Row:
    name: str
    # One of `kinds.KINDS`.
    kind: str
    servers: tuple[str, ...] = ALL
    # Options of the load, by the names that `weir-bench` gives them (with _ for -); for other kinds, what they need.
    load: dict = field(default_factory=dict)
    partitions: int = 1
    targets: tuple = ()
    # Probes taken right before each measurement: a durable figure means something only beside the disk's own.
    probes: tuple[str, ...] = ()
    rate: str = "mb_per_s"
    cpu: str = "cpu_us"
    # Whether a quick look has it, with `quick_servers`.
    is_quick: bool = False
    # At most so many rounds, where one takes minutes.
    max_rounds: int = 99
    # Whether a first measurement is thrown away: something that warming does not reach.
    has_rehearsal: bool = False
    # What a measurement takes beside the measured time, and how often it takes that.
    extra_seconds: float = 1.5
    times: float = 1

    def arguments(self) -> list[object]:
        """The load as options of `weir-bench`."""
        return [word for key, value in self.load.items() for word in (f"--{key.replace('_', '-')}", value)]


# Columns of a group of loads; "rate" and "cpu" are the row's own.
LOAD = ("rate", "p50_ms", "p99_ms", "cpu", "user_share", "broker_cores", "client_cores", "peak_mb")
LOAD_ON_DISK = (*LOAD, "written_ratio")


@dataclass(frozen=True)
class Group:
    name: str
    title: str
    medium: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...] = LOAD

    def id(self, row: Row) -> str:
        return f"{self.name}/{row.name}"
