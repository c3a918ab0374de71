"""Puts what the suites need under target/compat: Kafka's jars, compiled Java, a Python environment, kcat.

Each step is skipped when its inputs have not changed. Downloads go through the machine's own settings of Maven, pip
and apt.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from . import java, paths
from .process import Failure, run

DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"


def libs() -> None:
    """Apache Kafka's jars: broker, clients and tools."""
    pom = paths.SOURCES / "kafka" / "pom.xml"

    def copy() -> None:
        shutil.rmtree(paths.LIBS, ignore_errors=True)
        run([java.binary("mvn"), "-q", "-B", "-f", str(pom), DEPENDENCY_PLUGIN, f"-DoutputDirectory={paths.LIBS}"],
            paths.TARGET / "maven.log", "fetching Apache Kafka's jars with Maven")

    when_changed("libs", [pom], copy)


def classes() -> None:
    """The Java side of the suites."""
    libs()
    sources = sorted((paths.SOURCES / "java").rglob("*.java"))

    def compile_all() -> None:
        shutil.rmtree(paths.CLASSES, ignore_errors=True)
        paths.CLASSES.mkdir(parents=True)
        run([java.binary("javac"), *(f"-J{flag}" for flag in java.SHORT_LIVED), "-Xlint:all,-try,-path", "-Werror",
             "-d", str(paths.CLASSES), "-cp", f"{paths.LIBS}/*", *map(str, sources)], paths.TARGET / "javac.log",
            "compiling the Java suites")

    when_changed("classes", [paths.SOURCES / "kafka" / "pom.xml", *sources], compile_all)


def venv() -> None:
    """A Python environment with the pinned clients."""
    requirements = paths.SOURCES / "python" / "requirements.txt"

    def create() -> None:
        shutil.rmtree(paths.VENV, ignore_errors=True)
        log = paths.TARGET / "pip.log"
        run([sys.executable, "-m", "venv", str(paths.VENV)], log, "making a Python environment")
        run([str(paths.VENV / "bin" / "pip"), "install", "-q", "-r", str(requirements)], log,
            "installing the Python clients")

    when_changed("venv", [requirements], create)


def requirement(package: str) -> str:
    """The pinned version of a Python package."""
    for line in (paths.SOURCES / "python" / "requirements.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if name == package:
            return version
    raise Failure(f"{package} is not pinned in requirements.txt")


def kafka_version() -> str:
    """The version of Apache Kafka that is the reference."""
    text = (paths.SOURCES / "kafka" / "pom.xml").read_text()
    return text.split("<kafka.version>")[1].split("<")[0]


def kcat() -> None:
    """kcat as Debian packages it."""
    if shutil.which("kcat"):
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise Failure("kcat is not installed; install your system's package kcat, or run this as root on Debian")
    log = paths.TARGET / "apt.log"
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", "kcat"]
    try:
        run(install, log, "apt-get install kcat", env=environment)
    except Failure:
        # The lists of packages may be missing or old.
        run(["apt-get", "update"], log, "apt-get update", env=environment)
        run(install, log, "apt-get install kcat", env=environment)


def when_changed(name: str, inputs: list[Path], step) -> None:
    """Runs the step unless it already succeeded with the same inputs. For all suites: what they build is made once."""
    digest = hashlib.sha256(sys.version.encode())
    for path in inputs:
        digest.update(str(path).encode() + b"\0" + path.read_bytes())
    paths.TARGET.mkdir(parents=True, exist_ok=True)
    stamp = paths.TARGET / f"{name}.stamp"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    print(f"preparing {name}", flush=True)
    stamp.unlink(missing_ok=True)
    step()
    stamp.write_text(digest.hexdigest())
