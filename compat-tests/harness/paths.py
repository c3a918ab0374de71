"""Where things are. Everything that is made lies under target/, which git ignores."""

from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent
PROJECT = SOURCES.parent
TARGET = PROJECT / "target" / "compat"
LIBS = TARGET / "libs"
CLASSES = TARGET / "classes"
VENV = TARGET / "venv"
RUNS = TARGET / "runs"
RUST = TARGET / "rust"
WEIR = PROJECT / "target" / "release" / "weir"
# What Kafka's tools printed on either broker, and the list of what may differ.
ANSWERS = TARGET / "tool-answers"
TOOL_DIFFERENCES = SOURCES / "java" / "tool-differences.txt"

# Older versions of kafka-clients that the Java suite runs with, and the folder of sources for each.
OLD_CLIENTS = {"3.9.1": "3.9", "2.8.2": "2.8"}


def old_libs(version: str) -> Path:
    """The jars of an older kafka-clients."""
    return TARGET / f"java-{version}" / "libs"


def old_classes(version: str) -> Path:
    """The Java suite, compiled for an older kafka-clients."""
    return TARGET / f"java-{version}" / "classes"
