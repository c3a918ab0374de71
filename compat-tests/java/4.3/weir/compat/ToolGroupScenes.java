package weir.compat;

import static weir.compat.Tool.CONSUMER_GROUPS;
import static weir.compat.Tool.GROUPS;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.common.GroupState;

/** kafka-consumer-groups and kafka-groups, but for the resets of offsets. */
final class ToolGroupScenes {
    private final ToolSuite suite;
    private final Cluster cluster;

    ToolGroupScenes(ToolSuite suite) {
        this.suite = suite;
        cluster = suite.cluster;
    }

    void register() {
        suite.scene("groups_active", this::active);
        suite.scene("groups_static", this::staticMembers);
        suite.scene("groups_empty", this::empty);
        suite.scene("groups_unknown", this::unknown);
        suite.scene("groups_list", this::list);
        suite.scene("groups_delete", this::delete);
        suite.scene("groups_delete_offsets", this::deleteOffsets);
        suite.scene("groups_validate_regex", this::validateRegex);
        suite.scene("groups_usage", this::usage);
        suite.scene("groups_all_types", this::allTypes);
        new ToolResetScenes(suite).register();
    }

    /** A member that has read everything. */
    private LocalMember member(String group, String topic, Map<String, ?> extra) throws Exception {
        Map<String, Object> configs = new java.util.HashMap<>(Map.of("group.id", group, "client.id", "reader",
                "auto.offset.reset", "earliest", "session.timeout.ms", 6000, "heartbeat.interval.ms", 500));
        configs.putAll(extra);
        return new LocalMember(cluster, topic, configs);
    }

    private void awaitState(String group, GroupState state, int members) throws Exception {
        Expect.eventually(group + " is " + state, () -> {
            try {
                var found = cluster.admin.describeConsumerGroups(List.of(group)).all().get().get(group);
                return found.groupState() == state && found.members().size() == members;
            } catch (java.util.concurrent.ExecutionException problem) {
                return false;
            }
        });
    }

    private void awaitCommitted(String group, String topic, int partitions) throws Exception {
        Expect.eventually(group + " has committed", () -> {
            var offsets = cluster.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            return offsets.size() == partitions
                    && offsets.values().stream().allMatch(offset -> offset.offset() == ToolTopics.RECORDS);
        });
    }

    /** Every way to describe a group, one after the other. */
    private void describeAll(ToolScene scene, String group, String[] facts) throws Exception {
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).unordered().says(facts[0]);
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group, "--offsets").unordered().says(facts[0]);
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group, "--offsets", "--verbose").unordered().says(facts[0]);
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group, "--members").unordered().says(facts[1]);
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group, "--members", "--verbose").unordered().says(facts[1]);
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group, "--state").says(facts[2]);
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group, "--state", "--verbose").says(facts[2]);
        scene.run(CONSUMER_GROUPS, "--describe", "--all-groups").only(facts[3]).unordered().says(facts[3]);
    }

    private void active(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "g-active", 3);
        String group = cluster.name("g-active");
        try (LocalMember one = member(group, topic, Map.of())) {
            awaitState(group, GroupState.STABLE, 1);
            awaitCommitted(group, topic, 3);
            String own = "g-active";
            describeAll(scene, group, new String[] {"2 (0 )?10 10 0 reader-<uuid> /127.0.0.1 reader", "reader-<uuid> .* 3$|3",
                "range Stable|Stable", own});
            scene.run(CONSUMER_GROUPS, "--list", "--state").only(own).says("Stable");
            scene.run(CONSUMER_GROUPS, "--delete", "--group", group).says("GroupNotEmptyException");
            scene.run(CONSUMER_GROUPS, "--delete-offsets", "--group", group, "--topic", topic)
                    .unordered().says("GroupSubscribedToTopicException|Unsuccessful|actively subscribed");
            scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--topic", topic, "--to-earliest",
                    "--execute").says("inactive|Stable");
            scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--all-topics", "--to-earliest",
                    "--dry-run").says("inactive|Stable");
        }
        try (LocalMember one = member(group, topic, Map.of("partition.assignment.strategy",
                CooperativeStickyAssignor.class.getName()))) {
            awaitState(group, GroupState.STABLE, 1);
            scene.run(CONSUMER_GROUPS, "--describe", "--group", group, "--state").says("cooperative-sticky");
        }
    }

    private void staticMembers(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "g-static", 2);
        String group = cluster.name("g-static");
        try (LocalMember one = member(group, topic, Map.of("group.instance.id", "first"));
                LocalMember two = member(group, topic, Map.of("group.instance.id", "second"))) {
            awaitState(group, GroupState.STABLE, 2);
            awaitCommitted(group, topic, 2);
            describeAll(scene, group, new String[] {"1 (0 )?10 10 0 (first|second)-<uuid>", "second", "Stable", "g-static"});
        }
    }

    private void empty(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "g-empty", 3);
        String group = ToolTopics.group(cluster, "g-empty", topic, 4, 10);
        describeAll(scene, group, new String[] {"0 (- )?4 10 6 - - -", "has no active members", "Empty", "g-empty"});
    }

    private void unknown(ToolScene scene) throws Exception {
        String group = cluster.name("g-unknown");
        String topic = cluster.topic("g-unknown", 1);
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).says("does not exist|GroupIdNotFound");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group, "--members").says("does not exist|GroupIdNotFound");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group, "--state").says("does not exist|GroupIdNotFound");
        scene.run(CONSUMER_GROUPS, "--delete", "--group", group).says("GroupIdNotFoundException");
        scene.run(CONSUMER_GROUPS, "--delete-offsets", "--group", group, "--topic", topic).says("GroupIdNotFound|does not exist|rror");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--dry-run")
                .says("g-unknown");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--all-topics", "--to-earliest", "--dry-run")
                .says("GROUP|g-unknown|Error|rror");
    }

    private void list(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "g-list", 1);
        ToolTopics.group(cluster, "g-list", topic, 5);
        String own = "g-list|GROUP|rror|xception";
        scene.run(CONSUMER_GROUPS, "--list").only(own).says("g-list");
        scene.run(CONSUMER_GROUPS, "--list", "--state").only(own).says("g-list-<run> Empty");
        scene.run(CONSUMER_GROUPS, "--list", "--state", "empty").only(own).says("g-list-<run> Empty");
        scene.run(CONSUMER_GROUPS, "--list", "--state", "Stable,Dead").only(own).says("GROUP");
        scene.run(CONSUMER_GROUPS, "--list", "--state", "sleeping").only("nvalid")
                .mask("Valid states are: .*", "").says("nvalid");
        scene.run(CONSUMER_GROUPS, "--list", "--type").only(own).says("g-list-<run> Classic");
        scene.run(CONSUMER_GROUPS, "--list", "--type", "classic").only(own).says("g-list-<run> Classic");
        scene.run(CONSUMER_GROUPS, "--list", "--type", "consumer").only(own).says("GROUP");
        scene.run(CONSUMER_GROUPS, "--list", "--type", "planets").only("nvalid").says("nvalid");
        scene.run(CONSUMER_GROUPS, "--list", "--type", "classic", "--state", "Empty").only(own)
                .says("g-list-<run> Classic Empty");
    }

    private void delete(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "g-delete", 1);
        String one = ToolTopics.group(cluster, "g-delete-1", topic, 5);
        String two = ToolTopics.group(cluster, "g-delete-2", topic, 5);
        String three = ToolTopics.group(cluster, "g-delete-3", topic, 5);
        scene.run(CONSUMER_GROUPS, "--delete", "--group", one).says("Deletion of requested consumer groups .* was successful");
        scene.run(CONSUMER_GROUPS, "--list").only("g-delete").unordered().says("g-delete-2");
        scene.run(CONSUMER_GROUPS, "--delete", "--group", two, "--group", one).says("GroupIdNotFoundException", "successful");
        scene.run(CONSUMER_GROUPS, "--delete", "--group", three, "--group", three).says("successful");
        scene.run(CONSUMER_GROUPS, "--list").only("g-delete").saysNothing();
    }

    private void deleteOffsets(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "g-offsets", 3);
        String other = ToolTopics.filled(cluster, "g-offsets-too", 1);
        String group = ToolTopics.group(cluster, "g-offsets", topic, 1, 2, 3);
        ToolTopics.commit(cluster, group, other, 0, 7);
        scene.run(CONSUMER_GROUPS, "--delete-offsets", "--group", group, "--topic", topic + ":1").unordered()
                .says("Successful");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).unordered().says("2 3 10 7");
        scene.run(CONSUMER_GROUPS, "--delete-offsets", "--group", group, "--topic", topic).unordered()
                .says("Successful");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).unordered().says("0 7 10 3");
        scene.run(CONSUMER_GROUPS, "--delete-offsets", "--group", group, "--topic", topic + ":9").unordered()
                .says("Successful|UnknownTopic|not found|rror");
        scene.run(CONSUMER_GROUPS, "--delete-offsets", "--group", group, "--topic", "no-such-topic").unordered()
                .says("UnknownTopic|not found|rror");
        scene.run(CONSUMER_GROUPS, "--delete-offsets", "--group", group, "--topic", other, "--topic", topic).unordered()
                .says("Successful");
        scene.run(CONSUMER_GROUPS, "--list").only("g-offsets").says("g-offsets");
    }

    private void validateRegex(ToolScene scene) throws Exception {
        scene.run(CONSUMER_GROUPS, "--validate-regex", "topic-.*").says("valid");
        scene.run(CONSUMER_GROUPS, "--validate-regex", "topic-[").says("not valid|invalid");
    }

    private void usage(ToolScene scene) throws Exception {
        scene.run(CONSUMER_GROUPS, "--group", "x").only("exactly one").says("exactly one");
        scene.run(CONSUMER_GROUPS, "--describe").only("takes one").mask("(, |\\[(all-groups|group)\\])+", "<options>").says("takes one");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", "x", "--to-earliest").only("ption|topic").says("topic");
    }

    private void allTypes(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "g-types", 1);
        ToolTopics.group(cluster, "g-types-simple", topic, 5);
        String group = cluster.name("g-types");
        try (LocalMember one = member(group, topic, Map.of())) {
            awaitState(group, GroupState.STABLE, 1);
            String own = "g-types|GROUP|rror|xception";
            scene.run(GROUPS, "--list").only(own).unordered().says("g-types-<run> Classic consumer");
            scene.run(GROUPS, "--list", "--consumer").only(own).unordered().says("g-types-<run> Classic consumer");
            scene.run(GROUPS, "--list", "--group-type", "classic").only(own).unordered().says("g-types-<run>");
            scene.run(GROUPS, "--list", "--group-type", "consumer").only("g-types").saysNothing();
            scene.run(GROUPS, "--list", "--group-type", "share").only("g-types").saysNothing();
            scene.run(GROUPS, "--list", "--protocol", "consumer").only(own).unordered().says("g-types-<run>");
            scene.run(GROUPS, "--list", "--protocol", "connect").only("g-types").saysNothing();
            scene.run(GROUPS, "--list", "--share").only("g-types").saysNothing();
            scene.run(GROUPS, "--list", "--streams").only("g-types").saysNothing();
        }
    }
}
