"""Where things are. Everything that is made lies under target/, which git ignores."""

from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent
PROJECT = SOURCES.parent
TARGET = PROJECT / "target" / "compat"
LIBS = TARGET / "libs"
CLASSES = TARGET / "classes"
VENV = TARGET / "venv"
RUNS = TARGET / "runs"
WEIR = PROJECT / "target" / "release" / "weir"
