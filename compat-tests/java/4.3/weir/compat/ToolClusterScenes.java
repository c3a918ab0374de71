package weir.compat;

import static weir.compat.Samples.utf8;
import static weir.compat.Tool.BROKER_API_VERSIONS;
import static weir.compat.Tool.CLUSTER;
import static weir.compat.Tool.DUMP_LOG;
import static weir.compat.Tool.FEATURES;
import static weir.compat.Tool.LOG_DIRS;
import static weir.compat.Tool.METADATA_QUORUM;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Tools about the cluster as a whole, its disks and its files. */
final class ToolClusterScenes {
    private final ToolSuite suite;
    private final Cluster cluster;

    ToolClusterScenes(ToolSuite suite) {
        this.suite = suite;
        cluster = suite.cluster;
    }

    void register() {
        suite.scene("broker_api_versions", this::apiVersions);
        suite.scene("cluster", this::cluster);
        suite.scene("features", this::features);
        suite.scene("features_change", this::featuresChange);
        suite.scene("metadata_quorum", this::quorum);
        suite.scene("log_dirs", this::logDirs);
        suite.scene("dump_log", this::dumpLog);
        suite.scene("dump_log_indexes", this::dumpIndexes);
    }

    private void apiVersions(ToolScene scene) throws Exception {
        scene.run(BROKER_API_VERSIONS).says("id: 1 rack: null isFenced: false", "Produce\\(0\\): 0 to 13");
    }

    private void cluster(ToolScene scene) throws Exception {
        scene.run(CLUSTER, "cluster-id").says("Cluster ID: <cluster id>");
        scene.run(CLUSTER, "list-endpoints").mask("\\d{4,5} null", "<port> null")
                .says("1 127.0.0.1 <port> null unfenced broker");
        scene.run(CLUSTER, "list-endpoints", "--include-fenced-brokers").mask("\\d{4,5} null", "<port> null")
                .says("1 127.0.0.1");
        scene.run(CLUSTER, "unregister", "--id", "99").says("rror|xception|no longer registered");
        scene.run(CLUSTER, "unregister", "--id", "-1").says("rror|xception|not");
    }

    private void features(ToolScene scene) throws Exception {
        scene.run(FEATURES, "describe").mask("Epoch: \\d+", "Epoch: <n>").says("metadata.version .* 4.3-IV0");
        scene.run(FEATURES, "version-mapping").says("metadata.version=");
        scene.run(FEATURES, "version-mapping", "--release-version", "4.0-IV3").says("metadata.version=25");
        scene.run(FEATURES, "version-mapping", "--release-version", "9.9").says("Unknown|nvalid|rror");
        scene.run(FEATURES, "feature-dependencies", "--feature", "transaction.version=2").says("transaction.version=2");
    }

    private void featuresChange(ToolScene scene) throws Exception {
        scene.run(FEATURES, "upgrade", "--feature", "transaction.version=2", "--dry-run").says("an|Could");
        scene.run(FEATURES, "upgrade", "--feature", "group.version=1", "--dry-run").says("an|Could");
        scene.run(FEATURES, "upgrade", "--feature", "transaction.version=9", "--dry-run").says("Could|an not");
        scene.run(FEATURES, "upgrade", "--feature", "no.such.version=1", "--dry-run").says("Could|an not|Unknown");
        scene.run(FEATURES, "upgrade", "--feature", "no.such.version=1").says("Could|an not|Unknown");
        scene.run(FEATURES, "upgrade", "--release-version", "4.3", "--dry-run").unordered().says("an|Could");
        scene.run(FEATURES, "upgrade", "--metadata", "4.3-IV0", "--dry-run").says("an|Could");
        scene.run(FEATURES, "downgrade", "--feature", "metadata.version=7", "--dry-run").says("an|Could");
        scene.run(FEATURES, "downgrade", "--feature", "metadata.version=7", "--unsafe", "--dry-run").says("an|Could");
        scene.run(FEATURES, "downgrade", "--metadata", "4.0-IV3", "--dry-run").says("an|Could");
        scene.run(FEATURES, "downgrade", "--feature", "group.version=0", "--dry-run").says("an|Could");
        scene.run(FEATURES, "disable", "--feature", "no.such.version").says("Could|an not|Unknown");
        scene.run(FEATURES, "disable", "--feature", "transaction.version", "--dry-run").says("an|Could");
        scene.run(FEATURES, "disable", "--feature", "metadata.version", "--dry-run").says("an|Could");
        scene.run(FEATURES, "disable", "--feature", "metadata.version").says("Could");
        scene.run(FEATURES, "upgrade", "--feature", "transaction.version").says("parse|xception|Can't");
    }

    private void quorum(ToolScene scene) throws Exception {
        scene.run(METADATA_QUORUM, "describe", "--status").mask("(Epoch|Watermark|FollowerLag|TimeMs): \\d+", "$1: <n>")
                .mask("\\w+://[^\"]+", "<endpoint>").says("LeaderId: 1", "HighWatermark: <n>", "CurrentVoters");
        scene.run(METADATA_QUORUM, "describe", "--replication").mask("^(1 \\S+) \\d+ \\d+ \\S+ \\S+", "$1 <n> <lag> <t> <t>")
                .says("NodeId DirectoryId LogEndOffset", "Leader$");
        scene.run(METADATA_QUORUM, "describe", "--replication", "--human-readable")
                .mask("^(1 \\S+) \\d+ \\d+ \\d+ ms ago \\d+ ms ago", "$1 <n> <lag> <t> <t>").says("Leader$");
        scene.run(METADATA_QUORUM, "describe").says("ne of|equired|rror|pecified");
        scene.run(METADATA_QUORUM, "remove-controller", "--controller-id", "9", "--controller-directory-id",
                "AAAAAAAAAAAAAAAAAAAACg").says("xception|rror");
        scene.run(METADATA_QUORUM, "remove-controller", "--controller-id", "9", "--controller-directory-id",
                "AAAAAAAAAAAAAAAAAAAACg", "--dry-run").says("DRY RUN");
    }

    private void logDirs(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "l-dirs", 2);
        cluster.topic("l-dirs-empty", 1);
        ToolStep all = scene.run(LOG_DIRS, "--describe", "--topic-list", topic);
        json(all).says("\"partition\":\"l-dirs-<run>-1\",\"size\":\\d+,\"offsetLag\":0,\"isFuture\":false");
        json(scene.run(LOG_DIRS, "--describe", "--broker-list", "1", "--topic-list",
                topic + "," + cluster.name("l-dirs-empty"))).says("l-dirs-empty-<run>-0\",\"size\":0");
        json(scene.run(LOG_DIRS, "--describe")).only("Received|Querying|l-dirs|\"version\"").says("l-dirs");
        json(scene.run(LOG_DIRS, "--describe", "--topic-list", "no-such-topic")).says("version");
        json(scene.run(LOG_DIRS, "--describe", "--broker-list", "1,99")).says("99");
        scene.run(LOG_DIRS, "--describe", "--broker-list", "one").says("xception");
        scene.run(LOG_DIRS).only("issing|describe").says("describe");
    }

    /** A line for each partition, in order. */
    private static ToolStep json(ToolStep step) {
        return step.mask("java-", "").split("(?=\\{\"partition\":\")|(?=\\],\"error\")", "\"partition\":");
    }

    /** The folder of a topic's partition among the broker's files. */
    private Path partition(String topic, int number) throws Exception {
        try (Stream<Path> all = Files.walk(suite.data)) {
            return all.filter(path -> path.getFileName().toString().equals(topic + "-" + number)).findFirst()
                    .orElseThrow(() -> new AssertionError("no folder of " + topic + "-" + number));
        }
    }

    private void dumpLog(ToolScene scene) throws Exception {
        String topic = cluster.topic("l-dump", 1, ToolTopics.KEPT);
        for (String codec : new String[] {"none", "gzip", "snappy", "lz4", "zstd"}) {
            try (KafkaProducer<byte[], byte[]> producer =
                    cluster.producer(Map.of("compression.type", codec, "linger.ms", 100))) {
                for (int i = 0; i < 3; i++) {
                    producer.send(new ProducerRecord<>(topic, 0, ToolTopics.BEGIN, utf8("key " + i), utf8(codec)));
                }
            }
        }
        String log = partition(topic, 0).resolve("00000000000000000000.log").toString();
        scene.run(DUMP_LOG, "--files", log).says("baseOffset: 12 lastOffset: 14 count: 3 .*compresscodec: zstd .*isvalid: true");
        scene.run(DUMP_LOG, "--files", log, "--deep-iteration").says("offset: 14 CreateTime: <time> keySize: 5");
        scene.run(DUMP_LOG, "--files", log, "--print-data-log").says("key: key 2 payload: zstd");
        scene.run(DUMP_LOG, "--files", log, "--print-data-log", "--skip-record-metadata").says("payload: zstd");
        scene.run(DUMP_LOG, "--files", log, "--max-bytes", "120").says("baseOffset: 0");
        scene.run(DUMP_LOG, "--files", log, "--value-decoder-class", "org.apache.kafka.tools.api.StringDecoder")
                .says("payload: lz4");
        scene.run(DUMP_LOG, "--files", log + "x").says("xception|rror|gnoring");
        scene.run(DUMP_LOG, "--files", log.replace("0.log", "1.log")).says("xception|rror");
    }

    /** The files beside a sealed segment. */
    private void dumpIndexes(ToolScene scene) throws Exception {
        String topic = cluster.topic("l-indexes", 1, Map.of("segment.bytes", "1048576", "index.interval.bytes",
                "65536", "retention.ms", "-1"));
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of("enable.idempotence", true))) {
            for (int i = 0; i < 150; i++) {
                producer.send(new ProducerRecord<>(topic, 0, ToolTopics.BEGIN + i * 1000, utf8("key " + i),
                        new byte[10_000])).get();
            }
        }
        Path folder = partition(topic, 0);
        Expect.eventually("sealed segments", () -> names(folder, ".log").size() == 2 && !names(folder, ".snapshot").isEmpty());
        List<String> logs = names(folder, ".log");
        String first = folder.resolve(logs.get(0)).toString().replace(".log", "");
        scene.run(DUMP_LOG, "--files", first + ".index").says("offset: \\d+ position: \\d+");
        scene.run(DUMP_LOG, "--files", first + ".index", "--index-sanity-check").says("passed sanity check");
        scene.run(DUMP_LOG, "--files", first + ".index", "--verify-index-only").says("Dumping");
        scene.run(DUMP_LOG, "--files", first + ".timeindex").says("timestamp: <time> offset: \\d+");
        scene.run(DUMP_LOG, "--files", first + ".timeindex", "--index-sanity-check").says("passed sanity check");
        scene.run(DUMP_LOG, "--files", folder.resolve(names(folder, ".snapshot").get(0)).toString())
                .mask("producerId: \\d+", "producerId: <n>").mask("\\d{20}\\.snapshot", "<end offset>.snapshot")
                .says("producerId: <n> producerEpoch: 0");
        scene.run(DUMP_LOG, "--files", folder.resolve(logs.get(1)).toString(), "--max-bytes", "15000")
                .mask("producerId: \\d+", "producerId: <n>").mask("crc: \\d+", "crc: <n>").says("baseOffset");
    }

    private static List<String> names(Path folder, String suffix) throws Exception {
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(path -> path.getFileName().toString()).filter(name -> name.endsWith(suffix)).sorted()
                    .collect(Collectors.toList());
        }
    }
}
