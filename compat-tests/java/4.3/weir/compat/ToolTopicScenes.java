package weir.compat;

import static weir.compat.Tool.CONFIGS;
import static weir.compat.Tool.TOPICS;

import java.util.Map;

/** kafka-topics. */
final class ToolTopicScenes {
    private final ToolSuite suite;
    private final Cluster cluster;

    ToolTopicScenes(ToolSuite suite) {
        this.suite = suite;
        cluster = suite.cluster;
    }

    void register() {
        suite.scene("topics_create", this::create);
        suite.scene("topics_create_refused", this::createRefused);
        suite.scene("topics_create_assigned", this::createAssigned);
        suite.scene("topics_list", this::list);
        suite.scene("topics_describe", this::describe);
        suite.scene("topics_describe_flavours", this::flavours);
        suite.scene("topics_alter", this::alter);
        suite.scene("topics_delete", this::delete);
        suite.scene("topics_usage", this::usage);
    }

    private void create(ToolScene scene) throws Exception {
        String topic = cluster.name("t-create");
        scene.run(TOPICS, "--create", "--topic", topic, "--partitions", "2", "--replication-factor", "1", "--config",
                "retention.ms=3600000", "--config", "cleanup.policy=compact,delete").says("Created topic t?.*t-create");
        scene.run(TOPICS, "--describe", "--topic", topic).says("PartitionCount: 2", "retention.ms=3600000");
        scene.run(TOPICS, "--create", "--topic", topic).says("TopicExistsException");
        scene.run(TOPICS, "--create", "--topic", topic, "--if-not-exists").saysNothing();
        String defaults = cluster.name("t-defaults");
        scene.run(TOPICS, "--create", "--topic", defaults).says("Created topic");
        scene.run(TOPICS, "--describe", "--topic", defaults).says("PartitionCount: 1 ReplicationFactor: 1 Configs:");
        scene.run(TOPICS, "--create", "--topic", cluster.name("t.dots_and.underscores")).says("WARNING", "Created");
        scene.run(TOPICS, "--create", "--topic", cluster.name("t_dots.and_underscores")).says("InvalidTopicException");
    }

    private void createRefused(ToolScene scene) throws Exception {
        scene.run(TOPICS, "--create", "--topic", "bad name!").says("InvalidTopicException");
        scene.run(TOPICS, "--create", "--topic", ".").says("InvalidTopicException");
        scene.run(TOPICS, "--create", "--topic", "n".repeat(250)).says("InvalidTopicException");
        String topic = cluster.name("t-refused");
        scene.run(TOPICS, "--create", "--topic", topic, "--partitions", "0").says("IllegalArgumentException");
        scene.run(TOPICS, "--create", "--topic", topic, "--replication-factor", "2")
                .says("InvalidReplicationFactorException");
        scene.run(TOPICS, "--create", "--topic", topic, "--replication-factor", "0").says("IllegalArgumentException");
        scene.run(TOPICS, "--create", "--topic", topic, "--config", "no.such=1").says("InvalidConfigurationException|ConfigException");
        scene.run(TOPICS, "--create", "--topic", topic, "--config", "retention.ms=soon")
                .says("InvalidConfigurationException|ConfigException");
        scene.run(TOPICS, "--create", "--topic", topic, "--config", "segment.bytes=10")
                .says("InvalidConfigurationException|ConfigException");
        scene.run(TOPICS, "--create", "--topic", topic, "--config", "cleanup.policy=shred")
                .says("InvalidConfigurationException|ConfigException");
        scene.run(TOPICS, "--create", "--topic", topic, "--config", "retention.ms").says("IllegalArgumentException");
        scene.run(TOPICS, "--list", "--topic", topic).saysNothing();
    }

    private void createAssigned(ToolScene scene) throws Exception {
        String topic = cluster.name("t-assigned");
        scene.run(TOPICS, "--create", "--topic", topic, "--replica-assignment", "1,1,1").says("Created topic");
        scene.run(TOPICS, "--describe", "--topic", topic).says("PartitionCount: 3", "Partition: 2 .*Replicas: 1");
        String other = cluster.name("t-not-assigned");
        scene.run(TOPICS, "--create", "--topic", other, "--replica-assignment", "9").says("exit|Exception");
        scene.run(TOPICS, "--create", "--topic", other, "--replica-assignment", "1:1").says("AdminCommandFailedException");
        scene.run(TOPICS, "--create", "--topic", other, "--replica-assignment", "1,1:1").says("AdminCommandFailedException");
        scene.run(TOPICS, "--create", "--topic", other, "--replica-assignment", "1", "--partitions", "2").says("Option");
    }

    private void list(ToolScene scene) throws Exception {
        String topic = cluster.topic("t-list", 1);
        cluster.topic("t-list-too", 1);
        scene.run(TOPICS, "--list").only("t-list").says("t-list-<run>", "t-list-too");
        scene.run(TOPICS, "--list", "--topic", topic).says("t-list");
        scene.run(TOPICS, "--list", "--topic", ".*t-list.*").says("t-list", "t-list-too");
        scene.run(TOPICS, "--list", "--exclude-internal").only("t-list|__consumer_offsets").says("t-list");
        scene.run(TOPICS, "--list", "--topic", "no-such-topic").saysNothing();
    }

    private void describe(ToolScene scene) throws Exception {
        String topic = cluster.topic("t-describe", 3, Map.of("retention.bytes", "1000000", "max.message.bytes", "2000"));
        cluster.topic("t-describe-too", 1);
        scene.run(TOPICS, "--describe", "--topic", topic)
                .says("PartitionCount: 3 ReplicationFactor: 1", "Partition: 2 Leader: 1 Replicas: 1 Isr: 1");
        scene.run(TOPICS, "--describe", "--topic", ".*t-describe.*").unordered().says("PartitionCount: 1");
        scene.run(TOPICS, "--describe").only("t-describe").unordered().says("PartitionCount: 3");
        scene.run(TOPICS, "--describe", "--exclude-internal").only("t-describe").unordered().says("PartitionCount: 3");
        scene.run(TOPICS, "--describe", "--topic", topic, "--partition-size-limit-per-response", "1")
                .says("Partition: 2 Leader: 1");
        String id = cluster.admin.describeTopics(java.util.List.of(topic)).allTopicNames().get().get(topic).topicId()
                .toString();
        scene.run(TOPICS, "--describe", "--topic-id", id).mask(id, "<topic id>").says("PartitionCount: 3");
        scene.run(TOPICS, "--describe", "--topic-id", "AAAAAAAAAAAAAAAAAAAACg").says("xception");
        scene.run(TOPICS, "--describe", "--topic-id", "nonsense").says("Exception|valid");
        scene.run(TOPICS, "--describe", "--topic-id", "AAAAAAAAAAAAAAAAAAAACg", "--if-exists").saysNothing();
        scene.run(TOPICS, "--describe", "--topic", "no-such-topic").says("IllegalArgumentException");
        scene.run(TOPICS, "--describe", "--topic", "no-such-topic", "--if-exists").saysNothing();
    }

    private void flavours(ToolScene scene) throws Exception {
        String plain = cluster.topic("t-flavours", 2);
        cluster.topic("t-flavours-set", 1, Map.of("retention.ms", "7200000"));
        scene.run(TOPICS, "--describe", "--under-replicated-partitions").only("t-flavours").saysNothing();
        scene.run(TOPICS, "--describe", "--unavailable-partitions").saysNothing();
        scene.run(TOPICS, "--describe", "--topic", plain, "--under-min-isr-partitions").saysNothing();
        scene.run(TOPICS, "--describe", "--at-min-isr-partitions").only("t-flavours").unordered()
                .says("t-flavours-<run> Partition: 1");
        scene.run(TOPICS, "--describe", "--topic", plain, "--at-min-isr-partitions").says("Partition: 0");
        scene.run(TOPICS, "--describe", "--topics-with-overrides").only("t-flavours").says("retention.ms=7200000");
        scene.run(TOPICS, "--describe", "--topics-with-overrides", "--topic", plain)
                .says("Configs: min.insync.replicas=1$");
        scene.run(CONFIGS, "--alter", "--topic", plain, "--add-config", "min.insync.replicas=2").says("Completed");
        scene.run(TOPICS, "--describe", "--under-min-isr-partitions").only("t-flavours-<run>").says("Partition: 1");
        scene.run(TOPICS, "--describe", "--topic", plain, "--under-min-isr-partitions",
                "--unavailable-partitions").says("Partition: 1|Only one of");
    }

    private void alter(ToolScene scene) throws Exception {
        String topic = cluster.topic("t-alter", 2);
        scene.run(TOPICS, "--alter", "--topic", topic, "--partitions", "4").saysNothing();
        scene.run(TOPICS, "--describe", "--topic", topic).says("PartitionCount: 4");
        scene.run(TOPICS, "--alter", "--topic", topic, "--partitions", "4").says("InvalidPartitionsException");
        scene.run(TOPICS, "--alter", "--topic", topic, "--partitions", "3").says("InvalidPartitionsException");
        scene.run(TOPICS, "--alter", "--topic", topic, "--partitions", "6", "--replica-assignment", "1,1,1,1,1,1")
                .saysNothing();
        scene.run(TOPICS, "--alter", "--topic", topic, "--partitions", "7", "--replica-assignment", "1,1,1,1,1,1,9")
                .says("InvalidReplicaAssignmentException");
        scene.run(TOPICS, "--alter", "--topic", topic, "--partitions", "9", "--replica-assignment", "1,1,1,1,1,1,1")
                .says("InvalidReplicaAssignmentException");
        scene.run(TOPICS, "--describe", "--topic", topic).says("PartitionCount: 6");
        scene.run(TOPICS, "--alter", "--topic", "no-such-topic", "--partitions", "4").says("IllegalArgumentException");
        scene.run(TOPICS, "--alter", "--topic", "no-such-topic", "--partitions", "4", "--if-exists").saysNothing();
    }

    private void delete(ToolScene scene) throws Exception {
        String topic = cluster.topic("t-delete", 1);
        cluster.topic("t-delete-a", 1);
        cluster.topic("t-delete-b", 1);
        scene.run(TOPICS, "--delete", "--topic", topic).saysNothing();
        Expect.eventually("the topic is gone", () -> !cluster.admin.listTopics().names().get().contains(topic));
        scene.run(TOPICS, "--list", "--topic", topic).saysNothing();
        scene.run(TOPICS, "--delete", "--topic", topic).says("IllegalArgumentException");
        scene.run(TOPICS, "--delete", "--topic", topic, "--if-exists").saysNothing();
        scene.run(TOPICS, "--delete", "--topic", ".*t-delete-[ab]-.*").saysNothing();
        Expect.eventually("the topics are gone",
                () -> cluster.admin.listTopics().names().get().stream().noneMatch(name -> name.contains("t-delete")));
        scene.run(TOPICS, "--list").only("t-delete").saysNothing();
    }

    /** What the tool refuses by itself is the same words. */
    private void usage(ToolScene scene) throws Exception {
        scene.run(TOPICS, "--topic", "x").only("exactly one|exit").says("exactly one");
        scene.run(TOPICS, "--create").only("issing|exit").says("issing");
        scene.run(TOPICS, "--version").says("4.3.0");
    }
}
