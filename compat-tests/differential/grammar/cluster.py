"""What one node knows of itself as a cluster."""

from .. import bodies
from ..random_state import State
from .steps import step


@step(1, "DescribeCluster")
def describe_cluster(s: State) -> None:
    s.send("DescribeCluster", {"IncludeClusterAuthorizedOperations": s.pick([False, True]),
                               "EndpointType": 3 if s.mistake(5) else 1, "IncludeFencedBrokers": s.pick([False, True])})


@step(1, "ApiVersions")
def api_versions(s: State) -> None:
    s.send("ApiVersions", {"ClientSoftwareName": "not a name!" if s.mistake(10) else "random", "ClientSoftwareVersion": "1"})


@step(1, "DescribeQuorum")
def describe_quorum(s: State) -> None:
    """In the versions that do not tell the listeners."""
    first, _ = s.talk.versions("DescribeQuorum")
    s.talk.send("DescribeQuorum", {"Topics": [{"TopicName": "__cluster_metadata", "Partitions": [{"PartitionIndex": 0}]}]},
                version=s.random.randint(first, max(first, 1)))


@step(1, "ListConfigResources")
def list_config_resources(s: State) -> None:
    s.send("ListConfigResources", {"ResourceTypes": s.pick([[], [bodies.TOPIC], [bodies.BROKER, bodies.TOPIC],
                                                            [bodies.BROKER_LOGGER], [bodies.CLIENT_METRICS]])})


@step(1, "ElectLeaders")
def elect_leaders(s: State) -> None:
    """Nobody else is there to be elected: an error, so it is rare."""
    if s.mistake(20):
        s.send("ElectLeaders", {"ElectionType": s.pick([0, 1]), "TimeoutMs": 30_000, "TopicPartitions": [
            {"Topic": s.name(), "Partitions": [0]}]})


@step(1, "AlterPartitionReassignments")
def reassign(s: State) -> None:
    """To where the partition is; now and then to a broker that there is not, or cancelled."""
    topic = s.topic()
    replicas = s.pick([None, [9], [1, 1], []]) if s.mistake(10) else [1]
    s.send("AlterPartitionReassignments", {"TimeoutMs": 30_000, "Topics": [{"Name": topic.topic.name, "Partitions": [
        {"PartitionIndex": s.partition(topic), "Replicas": replicas}]}]})


@step(1, "ListPartitionReassignments")
def list_reassignments(s: State) -> None:
    topic = s.topic()
    s.send("ListPartitionReassignments", {"TimeoutMs": 30_000, "Topics": [
        {"Name": topic.topic.name, "PartitionIndexes": [s.partition(topic)]}]})


@step(1, "DescribeClientQuotas")
def describe_client_quotas(s: State) -> None:
    """There are none; now and then of a kind of entity that there is not."""
    kind = "nonsense" if s.mistake(10) else s.pick(["user", "client-id"])
    component = {"EntityType": kind, "MatchType": s.pick([1, 2]), "Match": None}
    s.send("DescribeClientQuotas", {"Components": s.pick([[], [component]]), "Strict": s.pick([False, True])})
