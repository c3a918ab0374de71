"""How JVMs are started: compiled little, as most of them live for seconds and the machine may have two cores."""

import shutil

from . import paths
from .process import Failure

SHORT_LIVED = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]


def binary(name: str) -> str:
    """The path of a program of the JDK."""
    found = shutil.which(name)
    if not found:
        raise Failure(f"{name} is not installed; the tests need a JDK 17 or newer and Maven")
    return found


def kafka(main: str, *arguments: str, heap: str = "512m") -> list[str]:
    """A command line for a class of Apache Kafka's jars; plug-ins of ours are at hand."""
    logging = f"-Dlog4j2.configurationFile={paths.SOURCES / 'kafka' / 'log4j2.xml'}"
    return [binary("java"), *SHORT_LIVED, f"-Xmx{heap}", logging, "-cp", f"{paths.CLASSES}:{paths.LIBS}/*",
            main, *arguments]


def ours(*arguments: str, heap: str = "512m", version: str = "") -> list[str]:
    """A command line for the Java side of these tests, with the newest kafka-clients or another version."""
    logging = [f"-Dlog4j2.configurationFile={paths.SOURCES / 'java' / 'log4j2.xml'}",
               "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
    path = (f"{paths.old_classes(version)}:{paths.old_libs(version)}/*" if version else
            f"{paths.CLASSES}:{paths.LIBS}/*")
    return [binary("java"), *SHORT_LIVED, f"-Xmx{heap}", *logging, "-cp", path, "weir.compat.Main", *arguments]
