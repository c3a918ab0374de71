package weir.compat;

import static weir.compat.Tool.LEADER_ELECTION;
import static weir.compat.Tool.REASSIGN_PARTITIONS;

/** kafka-reassign-partitions and kafka-leader-election on one node. */
final class ToolPlacementScenes {
    private final ToolSuite suite;
    private final Cluster cluster;

    ToolPlacementScenes(ToolSuite suite) {
        this.suite = suite;
        cluster = suite.cluster;
    }

    void register() {
        suite.brokerScene("reassign_generate", this::generate);
        suite.brokerScene("reassign_execute", this::execute);
        suite.brokerScene("reassign_throttle", this::throttle);
        suite.brokerScene("reassign_refused", this::refused);
        suite.brokerScene("reassign_log_dirs", this::logDirs);
        suite.scene("leader_election", this::elect);
        suite.scene("leader_election_refused", this::electRefused);
    }

    private static String plan(String topic, int partition, String replicas, String more) {
        return "{\"version\":1,\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":" + partition
                + ",\"replicas\":[" + replicas + "]" + more + "}]}";
    }

    private void generate(ToolScene scene) throws Exception {
        String topic = cluster.topic("a-generate", 2);
        String move = scene.file("move.json", "{\"version\":1,\"topics\":[{\"topic\":\"" + topic + "\"}]}");
        scene.run(REASSIGN_PARTITIONS, "--generate", "--topics-to-move-json-file", move, "--broker-list", "1")
                .says("Proposed partition reassignment", "\"replicas\":\\[1\\]");
        scene.run(REASSIGN_PARTITIONS, "--generate", "--topics-to-move-json-file", move, "--broker-list", "1",
                "--disable-rack-aware").says("Proposed");
        scene.run(REASSIGN_PARTITIONS, "--generate", "--topics-to-move-json-file", move, "--broker-list", "1,9")
                .says("Proposed|rror|xception");
        String unknown = scene.file("unknown.json", "{\"version\":1,\"topics\":[{\"topic\":\"no-such-topic\"}]}");
        scene.run(REASSIGN_PARTITIONS, "--generate", "--topics-to-move-json-file", unknown, "--broker-list", "1")
                .says("xception");
    }

    private void execute(ToolScene scene) throws Exception {
        String topic = cluster.topic("a-execute", 2);
        String file = scene.file("plan.json", plan(topic, 1, "1", ""));
        scene.run(REASSIGN_PARTITIONS, "--list").only("a-execute|No partition").says("No partition reassignments found");
        scene.run(REASSIGN_PARTITIONS, "--execute", "--reassignment-json-file", file).says("Successfully started");
        scene.run(REASSIGN_PARTITIONS, "--verify", "--reassignment-json-file", file)
                .says("Reassignment of partition \\S+ is completed", "Clearing broker-level throttles");
        scene.run(REASSIGN_PARTITIONS, "--verify", "--reassignment-json-file", file, "--preserve-throttles")
                .says("is completed");
        scene.run(REASSIGN_PARTITIONS, "--cancel", "--reassignment-json-file", file).says("one of|None");
        scene.run(REASSIGN_PARTITIONS, "--list").only("a-execute|No partition").says("No partition reassignments found");
        scene.run(REASSIGN_PARTITIONS, "--execute", "--reassignment-json-file", file, "--additional",
                "--disallow-replication-factor-change").says("Successfully started");
    }

    private void throttle(ToolScene scene) throws Exception {
        String topic = cluster.topic("a-throttle", 1);
        String file = scene.file("plan.json", plan(topic, 0, "1", ""));
        scene.run(REASSIGN_PARTITIONS, "--execute", "--reassignment-json-file", file, "--throttle", "1000000")
                .says("Successfully started", "throttle");
        scene.run(Tool.CONFIGS, "--describe", "--topic", topic).says("Dynamic configs");
        cluster.awaitBrokerConfig("leader.replication.throttled.rate", "1000000");
        scene.run(Tool.CONFIGS, "--describe", "--broker", "1").only("throttled.rate").says("replication.throttled.rate=1000000");
        scene.run(REASSIGN_PARTITIONS, "--verify", "--reassignment-json-file", file).says("Clearing broker-level");
        cluster.awaitBrokerConfig("leader.replication.throttled.rate", null);
        scene.run(Tool.CONFIGS, "--describe", "--broker", "1").only("throttled.rate").saysNothing();
        scene.run(Tool.CONFIGS, "--describe", "--topic", topic).says("Dynamic configs");
    }

    private void refused(ToolScene scene) throws Exception {
        String topic = cluster.topic("a-refused", 1);
        String[] plans = {plan(topic, 0, "9", ""), plan(topic, 0, "1,9", ""), plan(topic, 0, "", ""),
            plan(topic, 0, "1,1", ""), plan(topic, 7, "1", ""), plan("no-such-topic", 0, "1", ""), "{}", "["};
        for (int i = 0; i < plans.length; i++) {
            scene.run(REASSIGN_PARTITIONS, "--execute", "--reassignment-json-file", scene.file(i + ".json", plans[i]))
                    .says("rror|xception|duplicate|can't|cannot|empty");
        }
        scene.run(REASSIGN_PARTITIONS, "--verify", "--reassignment-json-file", scene.file("v.json", plan(topic, 0, "9", "")),
                "--command-config", scene.impatient())
                .says("There is no active reassignment|rror|still");
        scene.run(REASSIGN_PARTITIONS, "--verify", "--reassignment-json-file",
                scene.file("w.json", plan("no-such-topic", 0, "1", ""))).says("rror|no active|xception");
        scene.run(REASSIGN_PARTITIONS, "--cancel", "--reassignment-json-file",
                scene.file("c.json", plan("no-such-topic", 0, "1", ""))).says("None|one of|rror");
        scene.run(REASSIGN_PARTITIONS, "--execute").only("issing|exit").says("issing");
    }

    private void logDirs(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "a-dirs", 1);
        String there = scene.file("there.json", plan(topic, 0, "1", ",\"log_dirs\":[\"" + suite.data + "\"]"));
        scene.run(REASSIGN_PARTITIONS, "--execute", "--reassignment-json-file", there).says("Successfully|xception");
        scene.run(REASSIGN_PARTITIONS, "--verify", "--reassignment-json-file", there).says("a-dirs");
        String any = scene.file("any.json", plan(topic, 0, "1", ",\"log_dirs\":[\"any\"]"));
        scene.run(REASSIGN_PARTITIONS, "--execute", "--reassignment-json-file", any).says("Successfully");
        String nowhere = scene.file("nowhere.json", plan(topic, 0, "1", ",\"log_dirs\":[\"/no/such/dir\"]"));
        scene.run(REASSIGN_PARTITIONS, "--execute", "--reassignment-json-file", nowhere, "--timeout", "500")
                .says("LogDirNotFoundException|xception");
    }

    private void elect(ToolScene scene) throws Exception {
        String topic = cluster.topic("e-elect", 2);
        for (String type : new String[] {"preferred", "unclean"}) {
            scene.run(LEADER_ELECTION, "--election-type", type, "--topic", topic, "--partition", "1")
                    .says("already|not needed|alid");
            scene.run(LEADER_ELECTION, "--election-type", type, "--all-topic-partitions").saysNothing();
            String file = scene.file(type + ".json", "{\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":0},"
                    + "{\"topic\":\"" + topic + "\",\"partition\":1}]}");
            scene.run(LEADER_ELECTION, "--election-type", type, "--path-to-json-file", file)
                    .mask("e-elect-<run>-\\d, ?java-e-elect-<run>-\\d", "<both>").says("already|not needed|alid");
        }
    }

    private void electRefused(ToolScene scene) throws Exception {
        String topic = cluster.topic("e-refused", 1);
        scene.run(LEADER_ELECTION, "--election-type", "preferred", "--topic", topic, "--partition", "7")
                .says("xception|rror");
        scene.run(LEADER_ELECTION, "--election-type", "preferred", "--topic", "no-such-topic", "--partition", "0")
                .says("xception|rror");
        scene.run(LEADER_ELECTION, "--election-type", "unclean", "--topic", "no-such-topic", "--partition", "0")
                .says("xception|rror");
        scene.run(LEADER_ELECTION, "--election-type", "random", "--topic", topic, "--partition", "0")
                .only("random|exit").says("random");
        scene.run(LEADER_ELECTION, "--election-type", "preferred", "--path-to-json-file",
                scene.file("bad.json", "{\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":0},{\"topic\":\""
                        + topic + "\",\"partition\":0}]}")).says("uplicate|rror|xception");
    }
}
