"""Groups of three whose members come, go, die and come back."""

from common.checks import Checks, equal
from common.child import ChildMember
from common.scene import PARTITIONS, Scene
from pure.base import Bench
from pure.member import LocalMember


def register(checks: Checks, bench: Bench) -> None:
    checks.add("group.range", lambda: _range(bench))
    checks.add("group.static", lambda: _static(bench))
    if bench.client.has_cooperative:
        checks.add("group.cooperative", lambda: _cooperative(bench))


def _makers(bench: Bench, settings: dict):
    """How members are made, on a thread and in a process of their own."""
    client = bench.client
    return (lambda group, topic: LocalMember(client, group, topic, settings),
            lambda group, topic: ChildMember(client.name, client.bootstrap, group, topic, settings))


def _range(bench: Bench) -> str:
    """Eager: at each change everybody gives up everything."""
    local, child = _makers(bench, {"strategy": "range"})
    with Scene(bench.cluster, "group-range") as scene:
        scene.join("a", local)
        scene.expect_round(scene.settle())
        scene.members["a"].drain_revoked()
        scene.join("b", local)
        scene.join("c", child)
        scene.expect_round(scene.settle())
        equal(set(range(PARTITIONS)), scene.members["a"].drain_revoked()[0], "given up when another joined")
        scene.die("c")
        scene.expect_round(scene.settle())
        scene.leave("a")
        scene.expect_round(scene.settle())
        scene.join("d", local)
        scene.expect_round(scene.settle())
    return "5 rounds: one, three, one killed, one left, one new"


def _cooperative(bench: Bench) -> str:
    """Cooperative: only what moves is given up."""
    local, child = _makers(bench, {"strategy": "cooperative"})
    with Scene(bench.cluster, "group-cooperative") as scene:
        scene.join("a", local)
        scene.expect_round(scene.settle())
        scene.join("b", local)
        two = scene.settle()
        scene.expect_round(two)
        equal(two["b"], set().union(*scene.members["a"].drain_revoked()), "given up when another joined")
        scene.join("c", child)
        scene.expect_round(scene.settle())
        scene.leave("b")
        scene.expect_round(scene.settle())
        scene.members["a"].drain_revoked()
        scene.die("c")
        scene.expect_round(scene.settle())
        equal([], scene.members["a"].drain_revoked(), "given up when another died")
    return "5 rounds: one, two, three, one left, one killed"


def _static(bench: Bench) -> str:
    """A static member that comes back within its session disturbs nobody; one that does not is replaced.

    (That a second one with its name drives it out these clients do not tell.)
    """

    def named(name: str, kind: int = 0):
        return _makers(bench, {"group_instance_id": name, "session_timeout_ms": 12_000})[kind]

    with Scene(bench.cluster, "group-static") as scene:
        # The leader is the first one: when that comes back, kafka-python asks for a new round once it knows the topic.
        scene.join("a", named("a"))
        scene.settle()
        for name, kind in (("b", 0), ("c", 1)):
            scene.join(name, named(name, kind))
        shares = scene.settle()
        scene.expect_round(shares)
        scene.members["a"].drain_revoked()
        scene.leave("b")
        scene.join("b", named("b"))
        equal(shares, scene.settle(), "shares after b came back")
        scene.expect_round(shares)
        equal([], scene.members["a"].drain_revoked(), "given up when b came back")
        scene.die("c")
        scene.expect_round(scene.settle())
    return "3 rounds: three, one restart, one killed and expired"
