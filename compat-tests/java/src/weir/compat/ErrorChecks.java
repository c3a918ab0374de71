package weir.compat;

import static weir.compat.Samples.utf8;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** What is refused, and that nothing is left behind by it. The broker runs with auto.create.topics.enable=false. */
final class ErrorChecks {
    private final Cluster cluster;

    ErrorChecks(Cluster cluster) {
        this.cluster = cluster;
    }

    void register(Checks checks) {
        checks.add("error.unknown_topic", this::unknownTopic);
        checks.add("error.message_too_large", this::messageTooLarge);
        checks.add("error.invalid_topic", this::invalidTopic);
        checks.add("error.duplicate_topic", this::duplicateTopic);
        checks.add("error.invalid_config", this::invalidConfig);
        checks.add("error.invalid_shape", this::invalidShape);
        checks.add("error.offset_out_of_range", this::offsetOutOfRange);
        checks.add("error.unknown_partition", this::unknownPartition);
        checks.add("error.no_key", this::noKey);
        checks.add("error.timestamp", this::timestamp);
    }

    /** Producing to a missing topic and reading it fail, and do not create it. */
    private String unknownTopic() throws Exception {
        String missing = cluster.name("missing");
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of("max.block.ms", 3000))) {
            Expect.error(TimeoutException.class, () -> producer.send(new ProducerRecord<>(missing, utf8("v"))).get());
        }
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of("allow.auto.create.topics", true))) {
            consumer.assign(List.of(new TopicPartition(missing, 0)));
            consumer.seek(new TopicPartition(missing, 0), 0);
            Expect.equal(0, consumer.poll(Duration.ofSeconds(1)).count(), "records of a missing topic");
        }
        Expect.error(UnknownTopicOrPartitionException.class,
                () -> Client.describeTopics(cluster.admin, List.of(missing)));
        Expect.error(UnknownTopicOrPartitionException.class,
                () -> cluster.admin.deleteTopics(List.of(missing)).all().get());
        Expect.error(UnknownTopicOrPartitionException.class,
                () -> cluster.admin.createPartitions(Map.of(missing, NewPartitions.increaseTo(2))).all().get());
        Expect.that(!cluster.admin.listTopics().names().get().contains(missing), "it was created");
        return "refused in 5 ways";
    }

    /** A refused record takes no offset. */
    private String messageTooLarge() throws Exception {
        String topic = cluster.topic("too-large", 1, Map.of("max.message.bytes", "2000"));
        long now = System.currentTimeMillis();
        ProducerRecord<byte[], byte[]> small = new ProducerRecord<>(topic, 0, now, utf8("small"), utf8("v"));
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of())) {
            Expect.error(RecordTooLargeException.class,
                    () -> producer.send(new ProducerRecord<>(topic, Samples.noise(4000, 1))).get());
            Expect.equal(0L, producer.send(small).get().offset(), "offset after the refused one");
        }
        return Expect.sameLines(List.of(Lines.sent(small, 0, 0, now)), cluster.readLines(topic));
    }

    private String invalidTopic() throws Exception {
        List<String> names = List.of("with space", "..", ".", "", "ä", "a/b", "x".repeat(250));
        for (String name : names) {
            Expect.error(InvalidTopicException.class,
                    () -> cluster.admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all().get());
        }
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of("max.block.ms", 10_000))) {
            Expect.error(InvalidTopicException.class,
                    () -> producer.send(new ProducerRecord<>("with space", utf8("v"))).get());
        }
        return names.size() + " names";
    }

    /** One refused topic does not keep the others of the request from being made. */
    private String duplicateTopic() throws Exception {
        String topic = cluster.topic("duplicate", 1);
        String other = cluster.name("duplicate-other");
        var answers = cluster.admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1),
                new NewTopic(other, 1, (short) 1))).values();
        Expect.error(TopicExistsException.class, () -> answers.get(topic).get());
        answers.get(other).get();
        return "TopicExistsException";
    }

    private String invalidConfig() throws Exception {
        String topic = cluster.topic("invalid-config", 1);
        List<Map.Entry<String, String>> wrong = List.of(Map.entry("retention.ms", "soon"),
                Map.entry("cleanup.policy", "shred"), Map.entry("max.message.bytes", "-5"),
                Map.entry("no.such.setting", "1"), Map.entry("segment.bytes", "1000"));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        for (Map.Entry<String, String> config : wrong) {
            NewTopic request = new NewTopic(cluster.name("wrong"), 1, (short) 1)
                    .configs(Map.of(config.getKey(), config.getValue()));
            Expect.error(InvalidConfigurationException.class,
                    () -> cluster.admin.createTopics(List.of(request)).all().get());
            AlterConfigOp set = new AlterConfigOp(new ConfigEntry(config.getKey(), config.getValue()),
                    AlterConfigOp.OpType.SET);
            Expect.error(InvalidConfigurationException.class,
                    () -> cluster.admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get());
        }
        Expect.that(!cluster.admin.listTopics().names().get().contains(cluster.name("wrong")), "it was created");
        return wrong.size() + " settings, each twice";
    }

    private String invalidShape() throws Exception {
        String topic = cluster.topic("shape", 3);
        String other = cluster.name("shape-other");
        Expect.error(InvalidPartitionsException.class, () -> cluster.admin.createTopics(
                List.of(new NewTopic(other, Optional.of(0), Optional.empty()))).all().get());
        Expect.error(InvalidReplicationFactorException.class, () -> cluster.admin.createTopics(
                List.of(new NewTopic(other, 1, (short) 3))).all().get());
        for (int count : new int[] {2, 3}) {
            Expect.error(InvalidPartitionsException.class, () -> cluster.admin.createPartitions(
                    Map.of(topic, NewPartitions.increaseTo(count))).all().get());
        }
        return "partitions and replicas";
    }

    private String offsetOutOfRange() throws Exception {
        String topic = cluster.topic("out-of-range", 1);
        RoundTrip.send(cluster, Map.of(), Samples.records(topic, 1, 10, 1));
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of())) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 11);
            OffsetOutOfRangeException problem = Expect.error(OffsetOutOfRangeException.class, () -> {
                for (int i = 0; i < 100; i++) {
                    consumer.poll(Duration.ofMillis(200));
                }
                return null;
            });
            Expect.equal(Map.of(partition, 11L), problem.offsetOutOfRangePartitions(), "partitions out of range");
            consumer.seek(partition, 9);
            Expect.equal(1, ConsumeChecks.poll(consumer, 1).size(), "records after seeking back");
        }
        return "OffsetOutOfRangeException";
    }

    /** A partition beyond the topic's is neither written nor described. */
    private String unknownPartition() throws Exception {
        String topic = cluster.topic("unknown-partition", 2);
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of("max.block.ms", 3000))) {
            Expect.error(TimeoutException.class,
                    () -> producer.send(new ProducerRecord<>(topic, 2, utf8("k"), utf8("v"))).get());
        }
        Expect.equal(List.of(), cluster.readLines(topic), "records");
        return "partition 2 of 2";
    }

    /** Compacted topics take no record without a key; the records of a batch are named that are at fault. */
    private String noKey() throws Exception {
        String topic = cluster.topic("no-key", 1, Map.of("cleanup.policy", "compact"));
        long now = System.currentTimeMillis();
        List<ProducerRecord<byte[], byte[]>> good = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of())) {
            Expect.error(InvalidRecordException.class,
                    () -> producer.send(new ProducerRecord<>(topic, utf8("no key"))).get());
            for (String value : Arrays.asList("value", null)) {
                good.add(new ProducerRecord<>(topic, 0, now, utf8("key"), utf8(value)));
            }
            for (int i = 0; i < good.size(); i++) {
                Expect.equal((long) i, producer.send(good.get(i)).get().offset(), "offset");
            }
        }
        List<String> expected = List.of(Lines.sent(good.get(0), 0, 0, now), Lines.sent(good.get(1), 0, 1, now));
        return Expect.sameLines(expected, cluster.readLines(topic));
    }

    /** Timestamps outside the topic's bounds. */
    private String timestamp() throws Exception {
        Map<String, String> bounds = new HashMap<>();
        bounds.put("message.timestamp.before.max.ms", "60000");
        bounds.put("message.timestamp.after.max.ms", "60000");
        String topic = cluster.topic("timestamp", 1, bounds);
        long now = System.currentTimeMillis();
        ProducerRecord<byte[], byte[]> good = new ProducerRecord<>(topic, 0, now, utf8("k"), utf8("v"));
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of())) {
            for (long wrong : new long[] {now - 3_600_000, now + 3_600_000}) {
                Expect.error(org.apache.kafka.common.errors.InvalidTimestampException.class,
                        () -> producer.send(new ProducerRecord<>(topic, 0, wrong, null, utf8("v"))).get());
            }
            Expect.equal(0L, producer.send(good).get().offset(), "offset");
        }
        return Expect.sameLines(List.of(Lines.sent(good, 0, 0, now)), cluster.readLines(topic));
    }
}
