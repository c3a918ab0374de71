package weir.compat;

import static weir.compat.Tool.DELETE_RECORDS;
import static weir.compat.Tool.GET_OFFSETS;

import java.util.Map;

/** kafka-get-offsets and kafka-delete-records. */
final class ToolOffsetScenes {
    private final ToolSuite suite;
    private final Cluster cluster;

    ToolOffsetScenes(ToolSuite suite) {
        this.suite = suite;
        cluster = suite.cluster;
    }

    void register() {
        suite.scene("get_offsets_times", this::times);
        suite.scene("get_offsets_chosen", this::chosen);
        suite.scene("get_offsets_refused", this::refused);
        suite.scene("delete_records", this::delete);
        suite.scene("delete_records_refused", this::deleteRefused);
    }

    private void times(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "o-times", 2);
        String[][] named = {{"latest", ":1:10"}, {"earliest", ":1:0"}, {"max-timestamp", ":1:9"},
            {"earliest-local", ":1:0"}, {"latest-tiered", null}, {"earliest-pending-upload", null}};
        for (int i = 0; i < named.length; i++) {
            for (String time : new String[] {named[i][0], "-" + (i + 1)}) {
                ToolStep step = scene.run(GET_OFFSETS, "--topic", topic, "--time", time);
                if (named[i][1] == null) {
                    step.saysNothing();
                } else {
                    step.says(named[i][1]);
                }
            }
        }
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "" + (ToolTopics.BEGIN + ToolTopics.STEP)).says(":1:1");
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "" + (ToolTopics.BEGIN + 1)).says(":1:1");
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "0").says(":1:0");
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "" + System.currentTimeMillis()).saysNothing();
        String empty = cluster.topic("o-empty", 1);
        for (String time : new String[] {"latest", "earliest", "earliest-local"}) {
            scene.run(GET_OFFSETS, "--topic", empty, "--time", time).says(":0:0");
        }
        for (String time : new String[] {"max-timestamp", "0"}) {
            scene.run(GET_OFFSETS, "--topic", empty, "--time", time).saysNothing();
        }
    }

    private void chosen(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "o-chosen", 3);
        ToolTopics.filled(cluster, "o-chosen-too", 1);
        scene.run(GET_OFFSETS).only("o-chosen").says("o-chosen-<run>:2:10", "o-chosen-too");
        scene.run(GET_OFFSETS, "--exclude-internal-topics").only("o-chosen").says("o-chosen-<run>:2:10");
        scene.run(GET_OFFSETS, "--topic", ".*o-chosen.*").says("o-chosen-too");
        scene.run(GET_OFFSETS, "--topic", topic, "--partitions", "0,2").says(":2:10");
        scene.run(GET_OFFSETS, "--topic-partitions", topic + ":1-").says(":1:10");
        scene.run(GET_OFFSETS, "--topic-partitions", topic + ":-1," + cluster.name("o-chosen-too")).says(":0:10");
        scene.run(GET_OFFSETS, "--topic-partitions", topic + ":0-2").says(":1:10");
    }

    private void refused(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "o-refused", 1);
        scene.run(GET_OFFSETS, "--topic", "no-such-topic").says("ould not match|rror");
        scene.run(GET_OFFSETS, "--topic", topic, "--partitions", "7").says("ould not match|rror");
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "noon").says("alformed|rror");
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "-7").says("rror|xception");
        scene.run(GET_OFFSETS, "--topic", topic, "--topic-partitions", topic).says("an't|annot");
    }

    private void delete(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "d-delete", 3);
        String plan = scene.file("plan.json", plan(topic, 0, 4) + "," + partition(topic, 1, -1) + END);
        scene.run(DELETE_RECORDS, "--offset-json-file", plan).unordered().says("low_watermark: 4", "low_watermark: 10");
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "earliest").says(":0:4", ":1:10", ":2:0");
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "latest").says(":0:10", ":1:10", ":2:10");
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "0").says(":0:4");
        String back = scene.file("back.json", plan(topic, 0, 2) + END);
        scene.run(DELETE_RECORDS, "--offset-json-file", back).says("low_watermark: 4");
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "earliest").says(":0:4");
        String group = ToolTopics.group(cluster, "d-delete", topic, 2);
        scene.run(Tool.CONSUMER_GROUPS, "--describe", "--group", group).says("0 2 10 8");
        scene.run(Tool.CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--topic", topic, "--to-earliest",
                "--execute").unordered().says("0 4");
    }

    private void deleteRefused(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "d-refused", 1);
        String compacted = ToolTopics.filled(cluster, "d-compacted", 1,
                Map.of("cleanup.policy", "compact", "retention.ms", "-1"));
        scene.run(DELETE_RECORDS, "--offset-json-file", scene.file("1.json", plan(topic, 0, 11) + END))
                .says("OffsetOutOfRangeException|OFFSET_OUT_OF_RANGE");
        scene.run(DELETE_RECORDS, "--offset-json-file", scene.file("2.json", plan(topic, 0, -2) + END))
                .says("OffsetOutOfRangeException");
        scene.run(DELETE_RECORDS, "--offset-json-file", scene.file("3.json", plan(topic, 7, 1) + END),
                "--command-config", scene.impatient()).says("UnknownTopicOrPartitionException|partition");
        scene.run(DELETE_RECORDS, "--offset-json-file", scene.file("5.json", plan(compacted, 0, 1) + END))
                .says("PolicyViolationException");
        scene.run(DELETE_RECORDS, "--offset-json-file",
                scene.file("6.json", plan(topic, 0, 1) + "," + partition(topic, 0, 2) + END)).says("uplicate");
        scene.run(DELETE_RECORDS, "--offset-json-file", scene.file("7.json", "{}")).says("rror|xception|partitions");
        scene.run(DELETE_RECORDS, "--offset-json-file", scene.file("8.json", "[")).says("rror|xception");
        scene.run(GET_OFFSETS, "--topic", topic, "--time", "earliest").says(":0:0");
    }

    private static final String END = "]}";

    private static String plan(String topic, int partition, long offset) {
        return "{\"version\":1,\"partitions\":[" + partition(topic, partition, offset);
    }

    private static String partition(String topic, int partition, long offset) {
        return "{\"topic\":\"" + topic + "\",\"partition\":" + partition + ",\"offset\":" + offset + "}";
    }
}
