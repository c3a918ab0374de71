package weir.compat;

import static weir.compat.Tool.CONSUMER_GROUPS;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;

/**
 * The resets of kafka-consumer-groups. Each runs as it is (which is a dry run), as a named dry run with its export, and
 * executed, after which the group's offsets are looked at.
 */
final class ToolResetScenes {
    private static final int PARTITIONS = 3;

    private final ToolSuite suite;
    private final Cluster cluster;

    ToolResetScenes(ToolSuite suite) {
        this.suite = suite;
        cluster = suite.cluster;
    }

    void register() {
        mode("earliest", "0 0", "--to-earliest");
        mode("latest", "0 10", "--to-latest");
        mode("offset", "0 6", "--to-offset", "6");
        mode("offset_beyond", "0 10", "--to-offset", "1000");
        mode("shift", "2 8", "--shift-by", "2");
        mode("shift_back", "2 4", "--shift-by", "-2");
        mode("shift_beyond", "0 0", "--shift-by", "-1000");
        mode("current", "0 4", "--to-current");
        mode("datetime", "0 3", "--to-datetime", date(2.5));
        mode("datetime_zone", "0 3", "--to-datetime", date(2.5) + "Z");
        mode("datetime_after", "0 10", "--to-datetime", date(1000));
        mode("duration", "0 10", "--by-duration", "PT1H");
        // Half way between the third and fourth record, give or take a quarter of an hour of running.
        mode("duration_back", "0 0", "--by-duration", "P20000D");
        suite.scene("groups_reset_scopes", this::scopes);
        suite.scene("groups_reset_file", this::fromFile);
        suite.scene("groups_reset_many", this::many);
        suite.scene("groups_reset_refused", this::refused);
        suite.scene("groups_reset_duration_within", this::within);
    }

    private static String date(double steps) {
        return DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS").withZone(ZoneOffset.UTC)
                .format(Instant.ofEpochMilli(ToolTopics.BEGIN + (long) (steps * ToolTopics.STEP)));
    }

    private void mode(String name, String fact, String... mode) {
        suite.scene("groups_reset_" + name, scene -> {
            String topic = ToolTopics.filled(cluster, "r-" + name, PARTITIONS);
            String group = ToolTopics.group(cluster, "r-" + name, topic, 4, 5, 6);
            reset(scene, List.of(), group, topic, mode).unordered().says(fact);
            reset(scene, List.of("--dry-run", "--export"), group, topic, mode).unordered().says(fact.replace(' ', ','));
            scene.run(CONSUMER_GROUPS, "--describe", "--group", group).unordered().says("0 4 10 6");
            reset(scene, List.of("--execute"), group, topic, mode).unordered().says(fact);
            scene.run(CONSUMER_GROUPS, "--describe", "--group", group).unordered().says(fact);
        });
    }

    private ToolStep reset(ToolScene scene, List<String> options, String group, String topic, String... mode)
            throws Exception {
        List<String> arguments = new ArrayList<>(List.of("--reset-offsets", "--group", group, "--topic", topic));
        arguments.addAll(List.of(mode));
        arguments.addAll(options);
        return scene.run(CONSUMER_GROUPS, arguments.toArray(String[]::new));
    }

    private void scopes(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "r-scopes", PARTITIONS);
        String other = ToolTopics.filled(cluster, "r-scopes-too", 1);
        String group = ToolTopics.group(cluster, "r-scopes", topic, 4, 5, 6);
        ToolTopics.commit(cluster, group, other, 0, 7);
        reset(scene, List.of("--execute"), group, topic + ":0,2", "--to-earliest").unordered().says("2 0");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).unordered().says("1 5 10 5");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--topic", topic, "--topic", other,
                "--to-latest", "--execute").unordered().says("0 10");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--all-topics", "--to-earliest", "--execute")
                .unordered().says("0 0");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).unordered().says("2 0 10 10");
        String fresh = cluster.name("r-fresh");
        reset(scene, List.of("--execute"), fresh, topic, "--to-offset", "3").unordered().says("2 3");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", fresh).unordered().says("2 3 10 7");
    }

    private void fromFile(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "r-file", PARTITIONS);
        String group = ToolTopics.group(cluster, "r-file", topic, 4, 5, 6);
        ToolStep exported = reset(scene, List.of("--export", "--dry-run"), group, topic, "--to-current").unordered();
        exported.says("2,6");
        String plan = scene.file("plan.csv", topic + ",0,1\n" + topic + ",1,1000\n");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--from-file", plan).unordered().says("0 1");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--from-file", plan, "--execute").unordered()
                .says("0 1", "1 10");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).unordered().says("0 1 10 9");
        Path back = Path.of(scene.file("exported.csv", exported.raw()));
        Expect.equal((long) PARTITIONS, Files.readAllLines(back).stream().filter(line -> !line.isBlank()).count(), "exported lines");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--from-file", back.toString(), "--execute")
                .unordered().says("2 6");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).unordered().says("0 4 10 6");
        String bad = scene.file("bad.csv", "one,two\n");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--from-file", bad).says("rror|Exception");
        String unknown = scene.file("unknown.csv", "no-such-topic,0,1\n");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", group, "--from-file", unknown).says("rror|xception");
    }

    private void many(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "r-many", 1);
        String one = ToolTopics.group(cluster, "r-many-1", topic, 4);
        String two = ToolTopics.group(cluster, "r-many-2", topic, 5);
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", one, "--group", two, "--topic", topic, "--shift-by",
                "1", "--export", "--dry-run").unordered().says(",0,5", ",0,6");
        String plan = scene.file("many.csv", one + "," + topic + ",0,1\n" + two + "," + topic + ",0,2\n");
        scene.run(CONSUMER_GROUPS, "--reset-offsets", "--group", one, "--group", two, "--from-file", plan, "--execute")
                .unordered().says("0 1", "0 2");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", one, "--group", two).unordered().says("0 1 10 9");
    }

    private void refused(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "r-refused", 1);
        String group = ToolTopics.group(cluster, "r-refused", topic, 4);
        String uneven = ToolTopics.filled(cluster, "r-uneven", 2);
        String other = ToolTopics.group(cluster, "r-uneven", uneven, 4);
        reset(scene, List.of(), other, uneven, "--shift-by", "1").only("^Cannot").says("no current committed offset");
        reset(scene, List.of(), other, uneven, "--to-current").unordered().says("0 4", "1 10");
        reset(scene, List.of(), group, "no-such-topic", "--to-earliest").says("rror|xception");
        reset(scene, List.of(), group, topic + ":7", "--to-earliest").says("rror|xception");
        reset(scene, List.of(), group, topic, "--to-datetime", "yesterday").says("rror|xception");
        reset(scene, List.of(), group, topic, "--by-duration", "long").says("rror|xception");
        reset(scene, List.of(), group, topic, "--to-offset", "-1").says("0 0|rror|xception");
        reset(scene, List.of("--dry-run", "--execute"), group, topic, "--to-latest").only("only accepts|ption").says("ption");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).says("0 4 10 6");
    }

    /** Half way between the third and fourth record. */
    private void within(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "r-within", 1);
        String group = ToolTopics.group(cluster, "r-within", topic, 4);
        long back = System.currentTimeMillis() - (ToolTopics.BEGIN + 5 * ToolTopics.STEP / 2);
        reset(scene, List.of("--execute"), group, topic, "--by-duration", Duration.ofMillis(back).toString())
                .mask("PT\\S+", "<duration>").says("0 3");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).says("0 3 10 7");
    }
}
