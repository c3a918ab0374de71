"""Groups of three whose members come, go, die and come back."""

from common.checks import Checks, equal, eventually, true
from common.child import ChildMember
from common.cluster import Cluster
from common.scene import PARTITIONS, Scene
from confluent.member import LocalMember


def register(checks: Checks, cluster: Cluster) -> None:
    checks.add("group.range", lambda: _range(cluster))
    checks.add("group.cooperative", lambda: _cooperative(cluster))
    checks.add("group.static", lambda: _static(cluster))


def _makers(cluster: Cluster, configs: dict):
    """How members are made, on a thread and in a process of their own."""
    return (lambda group, topic: LocalMember(cluster.bootstrap, group, topic, configs),
            lambda group, topic: ChildMember("confluent", cluster.bootstrap, group, topic, configs))


def _range(cluster: Cluster) -> str:
    """Eager: at each change everybody gives up everything."""
    local, child = _makers(cluster, {"partition.assignment.strategy": "range"})
    with Scene(cluster, "group-range") as scene:
        scene.join("a", local)
        scene.expect_round(scene.settle())
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


def _cooperative(cluster: Cluster) -> str:
    """Cooperative: only what moves is given up."""
    local, child = _makers(cluster, {"partition.assignment.strategy": "cooperative-sticky"})
    with Scene(cluster, "group-cooperative") as scene:
        scene.join("a", local)
        scene.expect_round(scene.settle())
        scene.join("b", local)
        two = scene.settle()
        scene.expect_round(two)
        given = set().union(*scene.members["a"].drain_revoked())
        equal(two["b"], given, "given up when another joined")
        scene.join("c", child)
        scene.expect_round(scene.settle())
        scene.leave("b")
        scene.expect_round(scene.settle())
        scene.members["a"].drain_revoked()
        scene.die("c")
        scene.expect_round(scene.settle())
        equal([], scene.members["a"].drain_revoked(), "given up when another died")
    return "5 rounds: one, two, three, one left, one killed"


def _static(cluster: Cluster) -> str:
    """A static member that comes back within its session disturbs nobody; a second one with its name drives it out."""

    def named(name: str, kind: int):
        return _makers(cluster, {"partition.assignment.strategy": "range", "group.instance.id": name,
                                 "session.timeout.ms": 12_000})[kind]

    with Scene(cluster, "group-static") as scene:
        for name, kind in (("a", 0), ("b", 0), ("c", 1)):
            scene.join(name, named(name, kind))
        shares = scene.settle()
        scene.expect_round(shares)
        scene.members["b"].drain_revoked()
        scene.leave("a")
        scene.join("a", named("a", 0))
        equal(shares, scene.settle(), "shares after a came back")
        scene.expect_round(shares)
        equal([], scene.members["b"].drain_revoked(), "given up when a came back")
        old = scene.members["b"]
        scene.join("b", named("b", 0))
        eventually("the old b is fenced", lambda: old.failure() is not None)
        true("FENCED" in str(old.failure()).upper(), f"the old b failed with {old.failure()}")
        scene.expect_round(scene.settle())
        scene.die("c")
        scene.expect_round(scene.settle())
    return "4 rounds: three, one restart, one fenced, one killed and expired"
