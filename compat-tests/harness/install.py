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
    when_changed("libs", [pom], lambda: _copy_jars(pom, paths.LIBS))


def _copy_jars(pom: Path, target: Path, *options: str) -> None:
    shutil.rmtree(target, ignore_errors=True)
    run([java.binary("mvn"), "-q", "-B", "-f", str(pom), *options, DEPENDENCY_PLUGIN, f"-DoutputDirectory={target}"],
        paths.TARGET / f"{target.parent.name}-maven.log", f"fetching the jars of {pom.parent.name} with Maven")


def classes() -> None:
    """The Java side of the suites, with the newest kafka-clients."""
    libs()
    pom = paths.SOURCES / "kafka" / "pom.xml"
    _compile("classes", ["src", "4.3"], pom, paths.LIBS, paths.CLASSES)


def old_classes(version: str) -> None:
    """The same for an older kafka-clients, whose own jars it gets."""
    pom = paths.SOURCES / "java" / "pom.xml"
    libs = paths.old_libs(version)
    when_changed(f"java-{version}-libs", [pom], lambda: _copy_jars(pom, libs, f"-Dkafka.version={version}"))
    _compile(f"java-{version}", ["src", paths.OLD_CLIENTS[version]], pom, libs, paths.old_classes(version))


def _compile(name: str, folders: list[str], pom: Path, libs: Path, target: Path) -> None:
    sources = sorted(path for folder in folders for path in (paths.SOURCES / "java" / folder).rglob("*.java"))

    def compile_all() -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        # What old versions have is deprecated in newer ones, and the other way round.
        run([java.binary("javac"), *(f"-J{flag}" for flag in java.SHORT_LIVED), "-Xlint:all,-try,-path,-deprecation",
             "-Werror", "-d", str(target), "-cp", f"{libs}/*", *map(str, sources)], paths.TARGET / "javac.log",
            "compiling the Java suites")

    when_changed(name, [pom, *sources], compile_all)


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


def rust() -> None:
    """The Rust suite, a workspace of its own; librdkafka comes with its crate and is compiled."""
    folder = paths.SOURCES / "rust"

    def build() -> None:
        run(["cargo", "build", "--locked", "--manifest-path", str(folder / "Cargo.toml"), "--target-dir",
             str(paths.RUST)], paths.TARGET / "cargo.log", "compiling the Rust suite")

    when_changed("rust", [folder / "Cargo.toml", folder / "Cargo.lock", *sorted(folder.rglob("*.rs"))], build)


def rust_version(crate: str) -> str:
    """The locked version of a crate of the Rust suite."""
    lock = (paths.SOURCES / "rust" / "Cargo.lock").read_text()
    return lock.split(f'name = "{crate}"\nversion = "')[1].split('"')[0]


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
