"""Builds Weir and the load generator, and fetches what else a run needs."""

import shutil
import subprocess
from pathlib import Path

from . import paths
from harness import install, java
from harness.process import Failure, run


def prepare(must_build: bool, servers: set[str], kinds: set[str]) -> None:
    """Everything for these servers and kinds of rows; with `must_build` false the binaries are taken as they are."""
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    if must_build:
        packages = ["-p", "weir-bench"]
        if any(name.startswith("weir") for name in servers) or "compaction" in kinds:
            packages += ["-p", "weir-broker"]
        _build(packages)
    if "kafka" in servers or kinds & {"perf_produce", "perf_consume"}:
        java.binary("java")
        install.libs()
    if "rdkafka" in kinds:
        rdkafka()


def _build(packages: list[str]) -> None:
    # Its output is for the user: a release build takes minutes.
    build = ["cargo", "build", "--locked", "--release", *packages]
    if subprocess.run(build, cwd=paths.PROJECT, stdin=subprocess.DEVNULL).returncode != 0:
        raise Failure(f"this failed: {' '.join(build)}")


def rdkafka() -> None:
    """librdkafka's own perf tool, from the sources in the crate that the Rust suite of the compat tests has locked."""
    lock = install.paths.SOURCES / "rust" / "Cargo.lock"
    install.when_changed("rdkafka-perf", [lock], lambda: _build_rdkafka(lock.with_name("Cargo.toml")))


def _build_rdkafka(manifest: Path) -> None:
    log = paths.LOGS / "rdkafka.log"
    run(["cargo", "fetch", "--locked", "--manifest-path", str(manifest)], log, "fetching the crate rdkafka-sys")
    version = install.rust_version("rdkafka-sys")
    found = sorted(Path.home().glob(f".cargo/registry/src/*/rdkafka-sys-{version}/librdkafka"))
    if not found:
        raise Failure(f"cargo fetch left no sources of rdkafka-sys {version}")
    shutil.rmtree(paths.RDKAFKA, ignore_errors=True)
    shutil.copytree(found[0], paths.RDKAFKA)
    # A crate does not keep which files are programs.
    for script in ("configure", "lds-gen.py"):
        (paths.RDKAFKA / script).chmod(0o755)
    for step in (["./configure", "--disable-ssl", "--disable-gssapi", "--disable-curl", "--disable-zstd"],
                 ["make", "-C", "src", "librdkafka.a"], ["make", "-C", "examples", "rdkafka_performance"]):
        run(step, log, " ".join(step), cwd=paths.RDKAFKA)
