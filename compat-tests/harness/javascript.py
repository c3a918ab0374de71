"""The JavaScript client, installed with npm from the lock file in js/."""

import json
import os
import shutil

from . import install, paths
from .process import Failure, run
from .suite import Suite

SOURCES = paths.SOURCES / "js"
# Node looks for packages above the file that wants them, so the sources are copied to where they are installed.
DIRECTORY = paths.TARGET / "js"
LOCK = SOURCES / "package-lock.json"


def _node() -> str:
    node = shutil.which("node")
    if not node:
        raise Failure("node is not installed; the JavaScript client needs Node.js 18 or newer, and npm")
    return node


def _prepare() -> None:
    _node()
    npm = shutil.which("npm")
    if not npm:
        raise Failure("npm is not installed; the JavaScript client needs it")
    manifests = [SOURCES / "package.json", LOCK]

    def packages() -> None:
        shutil.rmtree(DIRECTORY, ignore_errors=True)
        DIRECTORY.mkdir(parents=True)
        for manifest in manifests:
            shutil.copy(manifest, DIRECTORY)
        run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], paths.TARGET / "npm.log",
            "installing the JavaScript client", cwd=DIRECTORY, env=os.environ)

    def sources() -> None:
        for each in ("common", "kafkajs"):
            shutil.rmtree(DIRECTORY / each, ignore_errors=True)
            shutil.copytree(SOURCES / each, DIRECTORY / each)
        shutil.copy(SOURCES / "main.js", DIRECTORY)

    install.when_changed("js-packages", manifests, packages)
    install.when_changed("js-sources", [*manifests, *sorted(SOURCES.rglob("*.js"))], sources)


def _version() -> str:
    return json.loads(LOCK.read_text())["packages"]["node_modules/kafkajs"]["version"]


SUITES = [
    Suite("kafkajs", "kafkajs (JavaScript)", _version, _prepare,
          lambda bootstrap: [_node(), str(DIRECTORY / "main.js"), bootstrap]),
]
