package weir.compat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;

/** Admin calls on groups. */
final class GroupAdminChecks {
    private final Cluster cluster;

    GroupAdminChecks(Cluster cluster) {
        this.cluster = cluster;
    }

    void register(Checks checks) {
        checks.add("admin.groups", this::groups);
        checks.add("admin.group_offsets", this::groupOffsets);
        checks.add("error.group_not_empty", this::notEmpty);
        checks.add("error.group_not_found", this::notFound);
    }

    /** Listed with state and type, described with members and their partitions, deleted when empty. */
    private String groups() throws Exception {
        try (GroupScene scene = new GroupScene(cluster, "admin-groups", Map.of("client.id", "seen"))) {
            scene.join("a", Map.of());
            scene.join("b", Map.of());
            scene.settle();
            Expect.equal("STABLE", Client.listedState(cluster.admin, scene.group), "listed state");
            Expect.that(!Client.isListedAsEmpty(cluster.admin, scene.group), "listed among the empty ones");
            ConsumerGroupDescription group = scene.describe();
            Expect.equal("range", group.partitionAssignor(), "assignor");
            Expect.equal(2, group.members().size(), "members");
            int partitions = 0;
            for (MemberDescription member : group.members()) {
                Expect.equal("seen", member.clientId(), "client id");
                Expect.equal("/127.0.0.1", member.host(), "host");
                partitions += member.assignment().topicPartitions().size();
            }
            Expect.equal(GroupScene.PARTITIONS, partitions, "partitions of the members");
            scene.leave("a");
            scene.leave("b");
            Expect.eventually("empty", () -> Client.stateOf(scene.describe()).equals("EMPTY"));
            cluster.admin.deleteConsumerGroups(List.of(scene.group)).all().get();
            Expect.equal(null, Client.listedState(cluster.admin, scene.group), "listed after it was deleted");
        }
        return "listed, described, deleted";
    }

    /** Offsets of an empty group can be set by Admin; they go with the group. */
    private String groupOffsets() throws Exception {
        String topic = cluster.topic("admin-offsets", 1);
        String group = cluster.name("admin-offsets");
        TopicPartition partition = new TopicPartition(topic, 0);
        RoundTrip.send(cluster, Map.of(), Samples.records(topic, 1, 30, 1));
        cluster.admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(7, "set"))).all().get();
        Expect.equal(new OffsetAndMetadata(7, "set"), committed(group).get(partition), "set by Admin");
        cluster.admin.deleteConsumerGroups(List.of(group)).all().get();
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of("group.id", group))) {
            Expect.equal(null, consumer.committed(Set.of(partition)).get(partition), "after the group was deleted");
        }
        return "set and deleted";
    }

    private String notEmpty() throws Exception {
        try (GroupScene scene = new GroupScene(cluster, "not-empty", Map.of())) {
            scene.join("a", Map.of());
            scene.settle();
            Expect.error(GroupNotEmptyException.class,
                    () -> cluster.admin.deleteConsumerGroups(List.of(scene.group)).all().get());
        }
        return "GroupNotEmptyException";
    }

    private String notFound() throws Exception {
        String group = cluster.name("nobody");
        Expect.error(GroupIdNotFoundException.class,
                () -> cluster.admin.deleteConsumerGroups(List.of(group)).all().get());
        Client.expectMissing(cluster.admin, group);
        return "GroupIdNotFoundException, twice";
    }

    private Map<TopicPartition, OffsetAndMetadata> committed(String group) throws Exception {
        return cluster.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    }
}
