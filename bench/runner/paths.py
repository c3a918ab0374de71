"""Where things are. Everything that is made lies under target/bench, but for the report."""

import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
PROJECT = BENCH.parent
TARGET = PROJECT / "target" / "bench"
# Saved measurements of whole runs, of short trials, and of quick looks.
RESULTS = TARGET / "results"
TRIALS = TARGET / "trial"
QUICK = TARGET / "quick"
LOGS = TARGET / "logs"
DISK = TARGET / "data"
TMPFS = Path("/dev/shm")
REPORT = BENCH / "RESULTS.md"
CHARTS = BENCH / "charts"
PROFILE = BENCH / "PROFILE.md"
LOAD = PROJECT / "target" / "release" / "weir-bench"
RDKAFKA = TARGET / "librdkafka"

# Starting brokers and installing Kafka's jars is the compat tests' business.
sys.path.append(str(PROJECT / "compat-tests"))
