package weir.compat;

import static weir.compat.Tool.CONSOLE_CONSUMER;
import static weir.compat.Tool.CONSOLE_PRODUCER;
import static weir.compat.Tool.CONSUMER_GROUPS;
import static weir.compat.Tool.CONSUMER_PERF_TEST;
import static weir.compat.Tool.E2E_LATENCY;
import static weir.compat.Tool.GET_OFFSETS;
import static weir.compat.Tool.PRODUCER_PERF_TEST;
import static weir.compat.Tool.VERIFIABLE_CONSUMER;
import static weir.compat.Tool.VERIFIABLE_PRODUCER;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** The tools that produce and consume. */
final class ToolClientScenes {
    private static final String[] FORMAT = {"--formatter-property", "print.key=true", "--formatter-property",
        "print.headers=true", "--formatter-property", "print.partition=true", "--formatter-property",
        "print.offset=true"};

    /** offsets.topic.num.partitions of the brokers under test. */
    private static final int OFFSETS_PARTITIONS = 4;

    private final ToolSuite suite;
    private final Cluster cluster;

    ToolClientScenes(ToolSuite suite) {
        this.suite = suite;
        cluster = suite.cluster;
    }

    void register() {
        suite.scene("console_producer", this::produce);
        suite.scene("console_producer_refused", this::produceRefused);
        suite.scene("console_consumer", this::consume);
        suite.scene("console_consumer_group", this::consumeGroup);
        suite.scene("console_consumer_internal", this::consumeInternal);
        suite.scene("console_consumer_refused", this::consumeRefused);
        suite.scene("producer_perf_test", this::producerPerf);
        suite.scene("consumer_perf_test", this::consumerPerf);
        suite.scene("e2e_latency", this::latency);
        suite.scene("verifiable_clients", this::verifiable);
    }

    private static String[] with(String[] first, String... more) {
        String[] all = java.util.Arrays.copyOf(first, first.length + more.length);
        System.arraycopy(more, 0, all, first.length, more.length);
        return all;
    }

    private void produce(ToolScene scene) throws Exception {
        String topic = cluster.topic("p-console", 1);
        scene.input("one\ntwo\n").run(CONSOLE_PRODUCER, "--topic", topic, "--timeout", "0", "--sync").saysNothing();
        scene.input("key 3\tthree\n").run(CONSOLE_PRODUCER, "--topic", topic, "--timeout", "0", "--reader-property", "parse.key=true",
                "--sync").saysNothing();
        scene.input("a:1,b:\tkey 4\tNULL\n").run(CONSOLE_PRODUCER, "--topic", topic, "--timeout", "0", "--sync", "--reader-property",
                "parse.key=true", "--reader-property", "parse.headers=true", "--reader-property", "null.marker=NULL")
                .saysNothing();
        for (String codec : new String[] {"none", "gzip", "snappy", "lz4", "zstd"}) {
            scene.input(codec + "\n").run(CONSOLE_PRODUCER, "--topic", topic, "--timeout", "0", "--compression-codec", codec, "--sync")
                    .saysNothing();
        }
        for (String acks : new String[] {"0", "1", "all"}) {
            scene.input("acks " + acks + "\n").run(CONSOLE_PRODUCER, "--topic", topic, "--timeout", "0", "--request-required-acks", acks,
                    "--command-property", "enable.idempotence=false").saysNothing();
        }
        RoundTrip.awaitEnd(cluster, topic, 12);
        scene.run(CONSOLE_CONSUMER, with(FORMAT, "--topic", topic, "--from-beginning", "--max-messages", "12"))
                .says("one$", "key 4.*null", "zstd$", "acks all");
    }

    private void produceRefused(ToolScene scene) throws Exception {
        String topic = cluster.topic("p-refused", 1, Map.of("max.message.bytes", "100"));
        scene.input("x".repeat(1000) + "\n").run(CONSOLE_PRODUCER, "--topic", topic, "--sync")
                .says("RecordTooLargeException");
        scene.input("no key\n").run(CONSOLE_PRODUCER, "--topic", topic, "--sync", "--reader-property",
                "parse.key=true").says("xception|No key");
        scene.input("x\n").run(CONSOLE_PRODUCER, "--topic", "bad name!", "--sync").says("InvalidTopicException");
        String compacted = cluster.topic("p-compacted", 1, Map.of("cleanup.policy", "compact"));
        scene.input("no key\n").run(CONSOLE_PRODUCER, "--topic", compacted, "--sync").says("InvalidRecordException");
        scene.run(GET_OFFSETS, "--topic", topic).says(":0:0");
        scene.run(GET_OFFSETS, "--topic", compacted).says(":0:0");
    }

    private void consume(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "p-consume", 2);
        scene.run(CONSOLE_CONSUMER, with(FORMAT, "--topic", topic, "--from-beginning", "--max-messages", "20"))
                .unordered().says("Partition:1 Offset:9 NO_HEADERS key 9 value 9 of 1", "Processed a total of 20");
        scene.run(CONSOLE_CONSUMER, with(FORMAT, "--topic", topic, "--partition", "1", "--offset", "7",
                "--max-messages", "3", "--formatter-property", "print.timestamp=true", "--formatter-property",
                "print.epoch=true")).says("CreateTime:<time> Partition:1 Offset:7 Epoch:");
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--partition", "0", "--offset", "earliest", "--max-messages", "2")
                .says("value 1 of 0");
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--partition", "0", "--offset", "latest", "--timeout-ms", "1500")
                .says("Processed a total of 0");
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--partition", "0", "--offset", "1000", "--timeout-ms", "1500")
                .says("Processed a total of 0");
        scene.run(CONSOLE_CONSUMER, "--include", ".*p-consume.*", "--from-beginning", "--max-messages", "20",
                "--formatter-property", "print.value=false", "--formatter-property", "print.key=true").unordered()
                .says("key 9", "Processed a total of 20");
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--from-beginning", "--isolation-level", "read_committed",
                "--max-messages", "20").unordered().says("value 9 of 1");
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--from-beginning", "--max-messages", "1", "--key-deserializer",
                "org.apache.kafka.common.serialization.LongDeserializer", "--formatter-property", "print.key=true",
                "--formatter", "org.apache.kafka.tools.consumer.DefaultMessageFormatter").says("SerializationException");
    }

    private void consumeGroup(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "p-group", 1);
        String group = cluster.name("p-group");
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--group", group, "--from-beginning", "--max-messages", "4")
                .says("value 3 of 0");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).says("0 4 10 6");
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--group", group, "--max-messages", "6").says("value 9 of 0");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).says("0 10 10 0");
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--group", group, "--timeout-ms", "2500")
                .says("Processed a total of 0");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group, "--state").says("Empty");
    }

    /** The records of the group coordinator, as its own formatters read them. */
    private void consumeInternal(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "p-internal", 1);
        String group = cluster.name("p-internal");
        // It commits once, when it ends, however long that takes.
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--group", group, "--from-beginning", "--max-messages", "7",
                "--command-property", "client.id=reader", "--command-property", "enable.auto.commit=true", "--command-property",
                "auto.commit.interval.ms=3600000").says("value 6 of 0");
        // As brokers choose it: not the remainder that is never negative, but that of the absolute value.
        int partition = Math.abs(group.hashCode()) % OFFSETS_PARTITIONS;
        // Up to where it ends now; a consumer that ends when nothing has come for a while may end before the first record.
        long count = records("__consumer_offsets", partition);
        for (String formatter : new String[] {"OffsetsMessageFormatter", "GroupMetadataMessageFormatter"}) {
            scene.run(CONSOLE_CONSUMER, "--topic", "__consumer_offsets", "--partition", "" + partition, "--offset",
                    "earliest", "--max-messages", "" + count, "--formatter", "org.apache.kafka.tools.consumer." + formatter)
                    .mask("--partition \\d", "--partition <n>").mask("--max-messages \\d+", "--max-messages <n>")
                    .mask("Processed a total of .*", "")
                    .mask("\"(topicId|subscription|assignment)\":\"[^\"]*\"", "\"$1\":\"<bytes>\"")
                    .split("(?=\\{\"key\":)|(?=<time> ERROR)", "\"type\"").only("p-internal").says("p-internal.*(\"offset\":7|range)");
        }
    }

    /** Records of a partition that was never cleaned. */
    private long records(String topic, int partition) {
        TopicPartition asked = new TopicPartition(topic, partition);
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of())) {
            return consumer.endOffsets(List.of(asked)).get(asked) - consumer.beginningOffsets(List.of(asked)).get(asked);
        }
    }

    private void consumeRefused(ToolScene scene) throws Exception {
        String topic = cluster.topic("p-nothing", 1);
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--partition", "7", "--offset", "0", "--timeout-ms", "2000")
                .says("Processed a total of 0|xception");
        scene.run(CONSOLE_CONSUMER, "--topic", "bad name!", "--timeout-ms", "2000")
                .says("InvalidTopicException");
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--timeout-ms", "1500").says("TimeoutException|Processed");
        scene.run(CONSOLE_CONSUMER, "--topic", topic, "--offset", "3").only("partition").says("partition");
    }

    private void producerPerf(ToolScene scene) throws Exception {
        String topic = cluster.topic("p-perf", 2);
        scene.run(PRODUCER_PERF_TEST, "--topic", topic, "--num-records", "500", "--throughput", "-1", "--record-size",
                "100", "--command-property", "acks=all").figures().says("records sent, .*99th");
        scene.run(PRODUCER_PERF_TEST, "--topic", topic, "--num-records", "500", "--throughput", "2000",
                "--payload-monotonic", "--command-property", "acks=1", "enable.idempotence=false", "compression.type=zstd")
                .figures().says("records sent, ");
        String file = scene.file("payload.txt", "one\ntwo\nthree\n");
        scene.run(PRODUCER_PERF_TEST, "--topic", topic, "--num-records", "200", "--throughput", "-1", "--payload-file",
                file, "--warmup-records", "50").without("^Reading payloads").figures().says("records sent");
        scene.run(PRODUCER_PERF_TEST, "--topic", topic, "--num-records", "10", "--throughput", "-1", "--record-size",
                "10", "--print-metrics").figures().mask("client-id=[\\w-]+", "client-id=<id>")
                .only("producer-metrics:record-(send|error)-total").unordered().says("record-send-total");
        scene.run(Tool.TOPICS, "--describe", "--topic", topic).says("PartitionCount: 2");
        RoundTrip.awaitEnd(cluster, topic, 1210);
        scene.run(PRODUCER_PERF_TEST, "--topic", "bad name!", "--num-records", "1", "--throughput", "-1",
                "--record-size", "10").figures().says("InvalidTopicException");
    }

    private void consumerPerf(ToolScene scene) throws Exception {
        String topic = ToolTopics.filled(cluster, "p-cperf", 2);
        scene.run(CONSUMER_PERF_TEST, "--topic", topic, "--num-records", "20").figures().says("start.time", "<time>, <time>");
        scene.run(CONSUMER_PERF_TEST, "--topic", topic, "--num-records", "20",
                "--show-detailed-stats", "--reporting-interval", "100000").figures().says("^time, threadId");
        String group = cluster.name("p-cperf");
        scene.run(CONSUMER_PERF_TEST, "--topic", topic, "--num-records", "20", "--group", group, "--fetch-size", "100",
                "--hide-header").figures().says("<time>");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).unordered().says("1 10 10 0");
        scene.run(CONSUMER_PERF_TEST, "--topic", topic, "--num-records", "1000", "--timeout", "1500", "--hide-header")
                .figures().says("Exiting before consuming");
        scene.run(CONSUMER_PERF_TEST, "--topic", topic, "--num-records", "20", "--print-metrics").figures()
                .mask("client-id=[\\w-]+", "client-id=<id>").only("records-consumed-total|fetch-total").unordered()
                .says("records-consumed-total");
    }

    private void latency(ToolScene scene) throws Exception {
        String topic = cluster.name("p-latency");
        for (String acks : new String[] {"1", "all"}) {
            scene.run(E2E_LATENCY, "--topic", topic, "--num-records", "50", "--producer-acks", acks, "--record-size",
                    "20").figures().says("Avg latency", "Percentiles");
        }
        scene.run(E2E_LATENCY, "--topic", topic, "--num-records", "10", "--producer-acks", "1", "--record-size", "30",
                "--record-key-size", "5", "--num-headers", "2", "--record-header-size", "4").figures()
                .says("Avg latency");
        scene.run(E2E_LATENCY, "--topic", topic, "--num-records", "10", "--producer-acks", "0", "--record-size", "20")
                .says("cks");
        scene.run(GET_OFFSETS, "--topic", topic).says(":0:110");
    }

    private void verifiable(ToolScene scene) throws Exception {
        String topic = cluster.topic("p-verifiable", 1, ToolTopics.KEPT);
        scene.runUntil(output -> output.split("producer_send_success").length > 20, VERIFIABLE_PRODUCER, "--topic", topic, "--max-messages",
                "20", "--acks", "1", "--value-prefix", "7", "--repeating-keys", "3", "--message-create-time",
                "" + ToolTopics.BEGIN).unordered()
                .says("startup_complete", "producer_send_success.*7.19");
        String group = cluster.name("p-verifiable");
        scene.run(VERIFIABLE_CONSUMER, "--topic", topic, "--group-id", group, "--max-messages", "20", "--verbose",
                "--reset-policy", "earliest", "--session-timeout", "6000").without("\"name\":\"(records_consumed|offsets_committed)\"")
                .says("partitions_assigned", "\"key\":\"2\".*\"value\":\"7.19\"|value.*7.19");
        scene.run(CONSUMER_GROUPS, "--describe", "--group", group).says("0 20 20 0");
        scene.run(VERIFIABLE_CONSUMER, "--topic", topic, "--group-id", cluster.name("p-verifiable-auto"),
                "--max-messages", "20", "--enable-autocommit", "--group-instance-id", "me")
                .without("\"name\":\"(records_consumed|offsets_committed)\"").says("startup_complete");
    }
}
