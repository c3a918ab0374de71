"""The suites, and the order in which they share brokers.

All suites of one profile use one broker, some of them at a time. When it has stopped, `files` looks at what it wrote.
Restart checks of all suites share one more broker.
"""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

from . import brokers, compaction, files, go, install, java, javascript, paths, process, programs
from .control import Control
from .suite import RESTART, Run, Suite

# How often the aged topic of the request sequences grows; between, the broker restarts (`differential/aged.py`).
PHASES = 3


def _write_files(run: Run, broker: brokers.Broker) -> None:
    run.check("files", "files.write", lambda: files.write(broker), always=True)


def _check_files(run: Run, broker: brokers.Broker) -> None:
    run.check("files", "files.dump_log", lambda: files.check_dump(broker))
    run.check("files", "files.planted", lambda: files.check_planted(broker))
    run.check("files", "files.transplant", lambda: files.check_transplant(broker))


def _tools(run: Run, broker: brokers.Broker) -> None:
    run.program("tools", java.ours("tools", broker.bootstrap, str(run.options.records), str(broker.data),
                                   str(paths.ANSWERS), str(paths.TOOL_DIFFERENCES), heap="2g"))


def _prepare_python() -> None:
    install.libs()
    install.venv()


def _prepare_kcat() -> None:
    _prepare_python()
    install.kcat()


def _python(client: str):
    return lambda bootstrap: [str(paths.VENV / "bin" / "python"), "-B", str(paths.SOURCES / "python" / "main.py"),
                              client, bootstrap]


def _module(name: str, *arguments: str) -> list[str]:
    """The command line of a module of the request sequences."""
    python = str(paths.VENV / "bin" / "python")
    return ["env", f"PYTHONPATH={paths.SOURCES}", python, "-B", "-m", f"differential.{name}", *arguments]


def _age(run: Run, broker: brokers.Broker) -> None:
    """Lets the broker lead a topic in several epochs, if sequences about it are asked for."""
    if not run.wants("differential.aged") and not any("aged" in text for text in run.options.filters):
        return
    for phase in range(PHASES):
        if phase > 0:
            broker.stop()
            broker.start()
        process.run(_module("aged", broker.bootstrap, str(phase)), run.directory / "aged.log", "preparing the aged topic")


def _differential(profile: str):
    def body(run: Run, broker: brokers.Broker) -> None:
        run.program(profile, _module("suite", run.kind, broker.bootstrap, str(run.directory.parent), profile))
    return body


def _prepare_python_and_java() -> None:
    _prepare_python()
    install.classes()


def _compaction(run: Run, broker: brokers.Broker) -> None:
    folder = run.directory.parent / "compaction" / run.kind
    folder.mkdir(parents=True, exist_ok=True)
    run.program("compaction", [*_python("compaction")(broker.bootstrap), str(folder)])


def _check_compaction(run: Run, broker: brokers.Broker) -> None:
    folder = run.directory.parent / "compaction" / run.kind
    run.check("compaction", "compaction.dump_log", lambda: compaction.check_dump(broker))
    run.check("compaction", "compaction.batches", lambda: compaction.check_batches(broker, folder))


def _old_java(version: str) -> Suite:
    return Suite(f"java-{version}", "Java kafka-clients", lambda: version, lambda: install.old_classes(version),
                 lambda bootstrap: java.ours("matrix", bootstrap, version=version))


SUITES = {suite.name: suite for suite in [
    Suite("java", "Java kafka-clients", install.kafka_version, install.classes,
          lambda bootstrap: java.ours("matrix", bootstrap)),
    *map(_old_java, paths.OLD_CLIENTS),
    Suite("python", "confluent-kafka-python", lambda: install.requirement("confluent-kafka"), _prepare_python,
          _python("confluent")),
    Suite("kafka-python", "kafka-python", lambda: install.requirement("kafka-python"), _prepare_python,
          _python("kafka-python")),
    Suite("aiokafka", "aiokafka", lambda: install.requirement("aiokafka"), _prepare_python, _python("aiokafka")),
    Suite("kcat", "kcat", lambda: "1.7.1 (Debian 12)", _prepare_kcat, _python("kcat")),
    Suite("rust", "rdkafka (Rust)", lambda: install.rust_version("rdkafka"), install.rust,
          lambda bootstrap: [str(paths.RUST / "debug" / "rdkafka-suite"), bootstrap]),
    *go.SUITES,
    *javascript.SUITES,
    Suite("streams", "Kafka Streams", install.kafka_version, install.classes,
          lambda bootstrap: java.ours("streams", bootstrap), profile=None),
    Suite("connect", "Kafka Connect, file source and sink", install.kafka_version, install.classes,
          lambda bootstrap: java.ours("connect", bootstrap), profile=None),
    Suite("weir", "Weir's own tools", lambda: "this tree", install.libs,
          lambda bootstrap: [sys.executable, "-B", str(paths.SOURCES / "python" / "weir_tools" / "main.py"), bootstrap,
                             str(brokers.Weir.binary)],
          restarts=False),
    Suite("files", "DumpLogSegments, and Apache Kafka on our files", install.kafka_version, install.classes,
          body=_write_files, after=_check_files, restarts=False),
    Suite("compaction", "The log cleaner", install.kafka_version, _prepare_python_and_java, body=_compaction,
          after=_check_compaction, profile="compaction", restarts=False),
    Suite("tools", "Kafka's command-line tools", install.kafka_version, install.classes, body=_tools,
          profile="tools", restarts=False),
    Suite("limits", "Request sequences, little room", install.kafka_version, _prepare_python_and_java,
          body=_differential("limits"), profile="limits", restarts=False),
    Suite("differential", "Request sequences of our own", install.kafka_version, _prepare_python_and_java,
          body=_differential("differential"), profile="differential", restarts=False, before=_age),
]}


def run_all(chosen: list[Suite], run: Run) -> None:
    """Starts a broker for each profile that is needed and runs its suites."""
    run.directory.mkdir(parents=True)
    for profile in brokers.PROFILES:
        members = [suite for suite in chosen if _runs(suite, profile, run)]
        if not members:
            continue
        with brokers.BROKERS[run.kind](run.directory / profile, brokers.PROFILES[profile]) as broker:
            for suite in members:
                if suite.before:
                    suite.before(run, broker)
            if profile == "restart":
                run_restarts(members, run, broker)
            else:
                run_side_by_side(members, run, broker)
            run.check("broker", f"broker.stops_{profile}", broker.stop, always=True)
        for suite in members:
            if suite.after:
                suite.after(run, broker)


def _runs(suite: Suite, profile: str, run: Run) -> bool:
    """Whether a suite has something to do on a broker of this profile."""
    of_restarts = [text in RESTART or text.startswith(RESTART) for text in run.options.filters]
    if profile == "restart":
        return suite.restarts and (not of_restarts or any(of_restarts))
    return suite.profile == profile and (not of_restarts or not all(of_restarts))


def run_side_by_side(members: list[Suite], run: Run, broker: brokers.Broker) -> None:
    """Runs some suites at a time on one broker."""
    with ThreadPoolExecutor(run.options.jobs) as pool:
        try:
            # A suite that could not be run raises here.
            for future in [pool.submit(suite.run, run, broker) for suite in members]:
                future.result()
        except BaseException:
            programs.ending.set()
            raise


def run_restarts(members: list[Suite], run: Run, broker: brokers.Broker) -> None:
    """Runs the restart checks of all suites at once, and once more what failed on Apache Kafka."""
    _restart_once(members, run, broker)
    again = [suite for suite in members if any(check.startswith(RESTART) for check in run.failed(suite.name))]
    if again and run.options.again:
        for suite in again:
            print(f"again: {suite.name} {RESTART}", flush=True)
            run.results.forget(run.kind, suite.name, [RESTART])
        _restart_once(again, run, broker)


def _restart_once(members: list[Suite], run: Run, broker: brokers.Broker) -> None:
    control = Control(broker)
    with ThreadPoolExecutor(len(members)) as pool:
        try:
            futures = [pool.submit(run.restart_program, suite.name, suite.command(broker.bootstrap), control.address)
                       for suite in members]
            control.serve(lambda: sum(not future.done() for future in futures))
            for future in futures:
                future.result()
        except BaseException:
            programs.ending.set()
            raise


def remove(directory) -> None:
    """Removes the files of a run."""
    shutil.rmtree(directory, ignore_errors=True)
    if not any(paths.RUNS.iterdir()):
        paths.RUNS.rmdir()
