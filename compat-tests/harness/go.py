"""The Go clients: one program for all, built from the module in go/ with what its go.sum pins."""

import os
import shutil

from . import install, paths
from .process import Failure, run
from .suite import Suite

SOURCES = paths.SOURCES / "go"
PROGRAM = paths.TARGET / "go-clients"


def _build() -> None:
    go = shutil.which("go")
    if not go:
        raise Failure("go is not installed; the Go clients need Go 1.26 or newer")

    def build() -> None:
        # Without C, as nothing here needs it and the standard library is then built once.
        run([go, "build", "-trimpath", "-o", str(PROGRAM), "."], paths.TARGET / "go.log", "building the Go clients",
            cwd=SOURCES, env=os.environ | {"CGO_ENABLED": "0"})

    inputs = [SOURCES / "go.mod", SOURCES / "go.sum", *sorted(SOURCES.rglob("*.go"))]
    install.when_changed("go-clients", inputs, build)


def _version(module: str):
    def find() -> str:
        for line in (SOURCES / "go.mod").read_text().splitlines():
            words = line.split()
            if module in words:
                return words[words.index(module) + 1].removeprefix("v")
        raise Failure(f"{module} is not in go.mod")

    return find


def _suite(name: str, module: str) -> Suite:
    return Suite(name, f"{name} (Go)", _version(module), _build,
                 lambda bootstrap: [str(PROGRAM), name, bootstrap])


SUITES = [
    _suite("franz-go", "github.com/twmb/franz-go"),
    _suite("sarama", "github.com/IBM/sarama"),
    _suite("kafka-go", "github.com/segmentio/kafka-go"),
]
