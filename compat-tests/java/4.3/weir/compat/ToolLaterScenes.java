package weir.compat;

import static weir.compat.Tool.ACLS;
import static weir.compat.Tool.DELEGATION_TOKENS;
import static weir.compat.Tool.SHARE_GROUPS;
import static weir.compat.Tool.STREAMS_GROUPS;
import static weir.compat.Tool.STREAMS_RESET;
import static weir.compat.Tool.TRANSACTIONS;

/** Tools of features that a broker may not offer: what they say then is to be clear, not a hang or a crash. */
final class ToolLaterScenes {
    private final ToolSuite suite;
    private final Cluster cluster;

    ToolLaterScenes(ToolSuite suite) {
        this.suite = suite;
        cluster = suite.cluster;
    }

    void register() {
        suite.scene("transactions_producers", this::producers);
        suite.scene("transactions_list", this::transactions);
        suite.scene("share_groups", this::shareGroups);
        suite.scene("streams_groups", this::streamsGroups);
        suite.scene("streams_application_reset", this::streamsReset);
        suite.scene("acls", this::acls);
        suite.scene("delegation_tokens", this::tokens);
    }

    private void producers(ToolScene scene) throws Exception {
        String topic = cluster.topic("x-producers", 1);
        scene.run(TRANSACTIONS, "describe-producers", "--topic", topic, "--partition", "0").says("ProducerId");
        RoundTrip.check(cluster, topic, java.util.Map.of("enable.idempotence", true), Samples.records(topic, 1, 1, 1));
        scene.run(TRANSACTIONS, "describe-producers", "--topic", topic, "--partition", "0").mask("^\\d+ ", "<id> ")
                .says("<id> 0");
        scene.run(TRANSACTIONS, "describe-producers", "--topic", topic, "--partition", "0", "--broker-id", "1")
                .mask("^\\d+ ", "<id> ").says("<id> 0");
        scene.run(TRANSACTIONS, "--command-config", scene.impatient(), "describe-producers", "--topic", topic,
                "--partition", "7").says("Failed to describe producers");
        scene.run(TRANSACTIONS, "--command-config", scene.impatient(), "describe-producers", "--topic", "no-such-topic",
                "--partition", "0").says("Failed to describe producers");
        scene.run(TRANSACTIONS, "find-hanging", "--topic", topic, "--partition", "0").says("Topic Partition|^$");
        scene.run(TRANSACTIONS, "find-hanging", "--broker-id", "1", "--topic", topic).says("Topic Partition|^$");
    }

    private void transactions(ToolScene scene) throws Exception {
        scene.run(TRANSACTIONS, "list").says("TransactionalId Coordinator");
        scene.run(TRANSACTIONS, "describe", "--transactional-id", "none").says("xception|rror|not");
    }

    private void shareGroups(ToolScene scene) throws Exception {
        scene.run(SHARE_GROUPS, "--list").saysNothing();
        scene.run(SHARE_GROUPS, "--describe", "--group", "none").says("xist|rror");
        scene.run(SHARE_GROUPS, "--delete", "--group", "none").says("rror|xist");
    }

    private void streamsGroups(ToolScene scene) throws Exception {
        scene.run(STREAMS_GROUPS, "--list").saysNothing();
        scene.run(STREAMS_GROUPS, "--describe", "--group", "none").says("xist|rror");
        scene.run(STREAMS_GROUPS, "--delete", "--group", "none").says("rror|xist");
    }

    private void streamsReset(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "x-reset", 2);
        String group = ToolTopics.group(cluster, "x-reset", topic, 4, 5);
        cluster.admin.createTopics(java.util.List.of(new org.apache.kafka.clients.admin.NewTopic(
                group + "-store-changelog", 1, (short) 1))).all().get();
        cluster.awaitPartitions(group + "-store-changelog", 1);
        scene.run(STREAMS_RESET, "--application-id", group, "--input-topics", topic, "--dry-run").unordered()
                .says("store-changelog");
        scene.run(STREAMS_RESET, "--application-id", group, "--input-topics", topic, "--to-offset", "2").unordered()
                .says("store-changelog");
        scene.run(Tool.CONSUMER_GROUPS, "--describe", "--group", group).unordered().says("1 2 10 8");
    }

    private void acls(ToolScene scene) throws Exception {
        scene.run(ACLS, "--list").says("xception");
        scene.run(ACLS, "--add", "--allow-principal", "User:x", "--operation", "Read", "--topic", "x")
                .says("xception");
    }

    private void tokens(ToolScene scene) throws Exception {
        String config = scene.file("empty.properties", "");
        scene.run(DELEGATION_TOKENS, "--describe", "--command-config", config).says("xception");
        scene.run(DELEGATION_TOKENS, "--create", "--max-life-time-period", "-1", "--command-config", config)
                .says("xception");
    }
}
