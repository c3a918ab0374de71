"""Runs the checks of Weir's own command line tools: main.py BOOTSTRAP BINARY [FILTER]…

The tools speak Kafka's protocol, so each check must hold on Apache Kafka as well. Needs nothing but Python.
"""

import base64
import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common.checks import PATIENCE_SECONDS, Checks, equal, eventually, true  # noqa: E402

THREADS = 4


class Tools:
    """The binary, pointed at a broker; names are of this run alone."""

    def __init__(self, bootstrap: str, binary: str):
        self._bootstrap = bootstrap
        self._binary = binary
        self._run = uuid.uuid4().hex[:8]

    def name(self, what: str) -> str:
        return f"weir-{what}-{self._run}"

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
        """Runs a command that needs a cluster to its end, whatever that is."""
        return subprocess.run([self._binary, *arguments, "--bootstrap-server", self._bootstrap], input=stdin,
                              capture_output=True, timeout=2 * PATIENCE_SECONDS)

    def succeed(self, *arguments: str, stdin: bytes = b"") -> str:
        done = self.run(*arguments, stdin=stdin)
        equal(0, done.returncode, f"exit code of weir {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout.decode()

    def fail(self, message: str, *arguments: str, code: int = 1) -> str:
        """The command must end with this exit code and say this."""
        done = self.run(*arguments)
        text = done.stderr.decode() + done.stdout.decode()
        equal(code, done.returncode, f"exit code of weir {' '.join(arguments)}: {text}")
        true(message in text, f"weir said: {text}; expected: {message}")
        return text

    def json(self, *arguments: str):
        return json.loads(self.succeed(*arguments, "--output", "json"))

    def topic(self, what: str, partitions: int, *more: str) -> str:
        name = self.name(what)
        self.succeed("topic", "create", name, "-p", str(partitions), "-r", "1", *more)
        return name

    def produce(self, topic: str, lines: list[str], *more: str) -> None:
        self.succeed("produce", topic, *more, stdin="".join(line + "\n" for line in lines).encode())

    def consume(self, *arguments: str) -> list[str]:
        return self.succeed("consume", "-e", *arguments).splitlines()

    def ends(self, topic: str) -> list[int]:
        return [one["latest"] for one in self.json("topic", "describe", topic)[0]["partitions"]]


def topic_life(tools: Tools) -> str:
    name = tools.topic("life", 2, "-c", "retention.ms=100000", "-c", "cleanup.policy=compact")
    described = tools.json("topic", "describe", name)[0]
    equal({"cleanup.policy": "compact", "retention.ms": "100000"}, described["configs"], "settings")
    equal([(0, 0, 0), (1, 0, 0)], [(one["partition"], one["earliest"], one["latest"])
                                   for one in described["partitions"]], "partitions and offsets")
    true(all(one["leader"] in one["isr"] for one in described["partitions"]), "leaders are in sync")
    tools.fail("TOPIC_ALREADY_EXISTS", "topic", "create", name)
    equal("exists", tools.json("topic", "create", name, "--if-not-exists")[0]["outcome"], "second creation")
    tools.succeed("topic", "add-partitions", name, "--add", "1")
    tools.fail("they can only become more", "topic", "add-partitions", name, "--total", "2")
    eventually("it has grown", lambda: tools.json("topic", "list", name)[0]["partitions"] == 3)
    tools.succeed("topic", "alter", name, "--unset", "retention.ms", "--append", "cleanup.policy=delete")
    eventually("the settings are changed", lambda: tools.json("topic", "describe", name)[0]["configs"]
               == {"cleanup.policy": "compact,delete"})
    tools.succeed("topic", "delete", name, "--yes")
    eventually("the topic is gone", lambda: not tools.json("topic", "list", name))
    tools.fail("there is no topic", "topic", "delete", name, "--yes")
    tools.succeed("topic", "delete", name, "--yes", "--if-exists")
    return "made, described, altered, grown, deleted"


def topic_refused(tools: Tools) -> str:
    name = tools.topic("refused", 1)
    tools.fail("did you mean retention.ms?", "topic", "create", tools.name("x"), "-c", "retention.m=1")
    tools.fail("INVALID_CONFIG", "topic", "alter", name, "--set", "retention.ms=soon")
    tools.fail("INVALID_TOPIC_EXCEPTION", "topic", "create", "no spaces")
    tools.fail("INVALID_REPLICATION_FACTOR", "topic", "create", tools.name("x"), "-r", "9")
    tools.fail(f"did you mean {name}?", "topic", "describe", name + "x")
    tools.fail("agree with --yes", "topic", "delete", name, code=2)
    tools.fail("required", "topic", "create", code=2)
    equal("would be created", tools.json("topic", "create", tools.name("dry"), "--dry-run")[0]["outcome"], "dry run")
    tools.fail("there is no topic", "topic", "describe", tools.name("dry"))
    return "9 refusals"


def formats(tools: Tools) -> str:
    name = tools.topic("formats", 1)
    table = tools.succeed("topic", "list", name)
    true(table.startswith("TOPIC") and name in table and "\x1b" not in table, f"a plain table: {table}")
    true("\x1b[" in tools.succeed("topic", "list", name, "--color", "always"), "colours when asked for")
    yaml = tools.succeed("topic", "list", name, "--output", "yaml")
    true(f"- name: {name}\n" in yaml and "  partitions: 1\n" in yaml, f"yaml: {yaml}")
    return "table, colours, json, yaml"


def configs(tools: Tools) -> str:
    name = tools.topic("configs", 1)
    tools.succeed("config", "set", "segment.bytes=1048576", "--topic", name)
    # Apache Kafka answers a change before all that it answers shows it.
    eventually("it is set", lambda: tools.succeed("config", "get", "segment.bytes", "--topic", name) == "1048576\n")
    listed = tools.json("config", "list", "--topic", name)
    equal([("segment.bytes", "topic")], [(one["name"], one["source"]) for one in listed], "what is set")
    tools.succeed("config", "set", "--unset", "segment.bytes", "--topic", name)
    eventually("nothing is set", lambda: not tools.json("config", "list", "--topic", name))
    names = [one["name"] for one in tools.json("config", "list", "--all", "--topic", name)]
    true("retention.ms" in names and "cleanup.policy" in names, "all settings")
    tools.fail("did you mean segment.bytes?", "config", "get", "segment.byte", "--topic", name)
    tools.fail("nothing to change", "config", "set", "--topic", name, code=2)
    broker = tools.json("cluster")["brokers"][0]["id"]
    true(any(one["name"] == "group.initial.rebalance.delay.ms" and one["value"] == "100"
             for one in tools.json("config", "list", "--broker", str(broker))), "the broker's settings")
    return "set, get, list, unset"


def cluster(tools: Tools) -> str:
    found = tools.json("cluster", "--apis")
    equal(1, len(found["brokers"]), "brokers")
    equal(found["controller"], found["brokers"][0]["id"], "the controller")
    true(any(api["name"] == "Fetch" and api["max"] >= 13 for api in found["apis"]), "APIs")
    return f"{len(found['apis'])} APIs"


def round_trip(tools: Tools) -> str:
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        topic = tools.topic(f"codec-{codec}", 3)
        lines = [f"key {number % 50}:value {number} " + "weir " * (number % 20) for number in range(5000)]
        tools.produce(topic, lines, "-K", ":", "-z", codec)
        found = tools.consume(topic, "-K", ":")
        equal(sorted(lines), sorted(found), f"records with {codec}")
        # Within a key, order is kept.
        for key in ("key 0:", "key 49:"):
            equal([line for line in lines if line.startswith(key)], [line for line in found if line.startswith(key)],
                  f"order of {key}")
    return "5 codecs, 5000 records each"


def nulls_and_headers(tools: Tools) -> str:
    topic = tools.topic("nulls", 1)
    tools.produce(topic, ["a:1", "b:", ":c", "none"], "-K", ":", "-Z", "-H", "h=x", "-H", "n")
    found = tools.consume(topic, "-f", "%o|%k|%K|%s|%S|%h\\n")
    equal(["0|a|1|1|1|h=x,n=NULL", "1|b|1||-1|h=x,n=NULL", "2||-1|c|1|h=x,n=NULL", "3||-1|none|4|h=x,n=NULL"], found,
          "records")
    other = tools.topic("nulls-copy", 1)
    copied = tools.succeed("consume", topic, "-e", "--output", "json")
    tools.succeed("produce", other, "--input", "json", stdin=copied.encode())
    keep = ("timestamp", "key", "value", "headers")
    first, second = [[{field: record[field] for field in keep}
                      for record in map(json.loads, tools.consume(name, "--output", "json"))] for name in (topic, other)]
    equal(first, second, "the copy")
    raw = bytes(range(256))
    line = json.dumps({"value": {"base64": base64.b64encode(raw).decode()}}).encode()
    tools.succeed("produce", other, "--input", "json", stdin=line)
    done = tools.run("consume", other, "-o", "4", "-e", "-f", "%s")
    equal(raw, done.stdout, "all bytes")
    return "nulls, headers, a copy by JSON, all bytes"


def positions(tools: Tools) -> str:
    topic = tools.topic("positions", 1)
    tools.produce(topic, [str(number) for number in range(10)])
    time.sleep(0.05)
    middle = str(int(time.time() * 1000))
    time.sleep(0.05)
    tools.produce(topic, [str(number) for number in range(10, 20)])
    every = [str(number) for number in range(20)]
    for arguments, expected in [
        (["-o", "beginning"], every), (["-o", "15"], every[15:]), (["-o", "-3"], every[-3:]), (["-o", "end"], []),
        (["-o", f"s@{middle}"], every[10:]), (["-o", f"e@{middle}"], every[:10]), (["--from-time", middle], every[10:]),
        (["-o", "5", "--to-time", middle, "-c", "2"], every[5:7]), (["-c", "4"], every[:4]),
    ]:
        equal(expected, tools.succeed("consume", topic, "-e", *arguments).split(), f"records with {arguments}")
    tools.fail("it has 0 to 20", "consume", topic, "-o", "21", "-e")
    tools.fail("more than one place to begin", "consume", topic, "-o", "1", "-o", "2", code=2)
    tools.fail("has no partition 1", "consume", f"{topic}:1", "-e")
    return "9 positions"


def follow(tools: Tools) -> str:
    topic = tools.topic("follow", 2)
    process = subprocess.Popen([tools._binary, "consume", topic, "-c", "3", "-b", tools._bootstrap],
                               stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        for text in ("a", "b", "c"):
            tools.produce(topic, [text], "-p", "1")
            equal(text, process.stdout.readline().decode().strip(), "the next record")
        equal(0, process.wait(PATIENCE_SECONDS), "exit code")
    finally:
        process.kill()
        process.wait()
    return "3 records as they came"


def partitioner(tools: Tools) -> str:
    """Where Java's murmur2 puts these keys, of three partitions."""
    topic = tools.topic("partitioner", 3)
    keys = ["21", "foobar", "a-little-bit-long-string", "abc"]
    hashes = [-973932308, -790332482, -985981536, 479470107]
    tools.produce(topic, [f"{key}:x" for key in keys], "-K", ":")
    found = dict(line.split("|") for line in tools.consume(topic, "-f", "%k|%p\\n"))
    equal({key: str((value & 0x7FFFFFFF) % 3) for key, value in zip(keys, hashes)}, found, "partitions of keys")
    return f"{len(keys)} keys"


def produce_refused(tools: Tools) -> str:
    topic = tools.topic("produce-refused", 1)
    tools.fail("there is no topic", "produce", tools.name("missing"))
    tools.fail("has no partition 1", "produce", topic, "-p", "1")
    done = tools.run("produce", topic, stdin=b"x" * 2_000_000)
    true(done.returncode == 1 and b"MESSAGE_TOO_LARGE" in done.stderr and b"max.message.bytes" in done.stderr,
         f"a record that is too large: {done.stderr.decode()}")
    equal([0], tools.ends(topic), "ends")
    for acks in ("0", "1"):
        tools.produce(topic, ["x"], "--acks", acks)
    eventually("both are there", lambda: tools.ends(topic) == [2])
    return "3 refusals, acks 0 and 1"


def group_reset(tools: Tools) -> str:
    topic, group = tools.topic("reset", 2), tools.name("group")
    tools.produce(topic, [str(number) for number in range(10)], "-p", "0")
    time.sleep(0.05)
    middle = str(int(time.time() * 1000))
    time.sleep(0.05)
    tools.produce(topic, [str(number) for number in range(10)], "-p", "0")
    tools.fail("there is no group", "group", "describe", group)

    def reset(*arguments: str) -> list:
        return [one["to"] for one in tools.json("group", "reset", group, *arguments)["partitions"]]

    def committed() -> list:
        return [one["committed"] for one in tools.json("group", "describe", group)[0]["offsets"]]

    equal([20, 0], reset("--topic", topic, "--to-latest"), "the plan")
    tools.fail("there is no group", "group", "describe", group)
    for arguments, expected in [
        (["--to-latest"], [20, 0]), (["--to-earliest"], [0, 0]), (["--to-offset", "15"], [15, 0]),
        (["--to-time", middle], [10, 0]), (["--shift-by", "3"], [13, 0]), (["--shift-by", "-100"], [0, 0]),
        (["--to-offset", "1000"], [20, 0]),
    ]:
        equal(expected, reset("--topic", topic, *arguments), f"the plan of {arguments}")
        equal(expected, reset("--topic", topic, *arguments, "--execute"), f"what {arguments} did")
        equal(expected, committed(), f"committed after {arguments}")
    equal([5], reset("--topic", f"{topic}:0", "--to-offset", "5", "--execute"), "one partition")
    described = tools.json("group", "describe", group)[0]
    equal(("Empty", 15), (described["state"], described["lag"]), "state and lag")
    equal([20, 0], reset("--all-topics", "--to-latest"), "all topics")
    equal(["Empty"], [one["state"] for one in tools.json("group", "list", group)], "the list")
    tools.fail("required", "group", "reset", group, "--topic", topic, code=2)
    tools.succeed("group", "delete", group, "--yes")
    equal([], tools.json("group", "list", group), "the list")
    tools.fail("there is no group", "group", "delete", group, "--yes")
    return "7 ways, planned and done; described, listed, deleted"


def no_broker(tools: Tools) -> str:
    lost = Tools("127.0.0.1:1", tools._binary)
    for command in (["topic", "list"], ["group", "list"], ["cluster"], ["consume", "t"], ["produce", "t"]):
        lost.fail("no broker answers at 127.0.0.1:1", *command)
    return "5 commands"


def main(bootstrap: str, binary: str, *filters: str) -> None:
    tools = Tools(bootstrap, binary)
    checks = Checks()
    for name, body in {
        "tool.topic": topic_life, "tool.topic_refused": topic_refused, "tool.formats": formats, "tool.config": configs,
        "tool.cluster": cluster, "tool.round_trip": round_trip, "tool.nulls_headers": nulls_and_headers,
        "tool.positions": positions, "tool.follow": follow, "tool.partitioner": partitioner,
        "tool.produce_refused": produce_refused, "tool.group_reset": group_reset, "tool.no_broker": no_broker,
    }.items():
        checks.add(name, lambda body=body: body(tools))
    checks.run(THREADS, filters)


if __name__ == "__main__":
    main(*sys.argv[1:])
