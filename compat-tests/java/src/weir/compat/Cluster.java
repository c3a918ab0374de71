package weir.compat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The broker under test, and clients of it. Names are unique for each run, so that a broker can be used again. */
final class Cluster implements AutoCloseable {
    final String bootstrap;
    final Admin admin;
    private final String run = UUID.randomUUID().toString().substring(0, 8);

    Cluster(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of(
                AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
                // It must not be below the time for one request, 30 s.
                AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, (int) Math.max(30_000, Expect.PATIENCE.toMillis())));
    }

    /** Whether it is Weir: it has properties of its own. */
    boolean isWeir() throws Exception {
        String node = String.valueOf(admin.describeCluster().nodes().get().iterator().next().id());
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, node);
        return admin.describeConfigs(List.of(broker)).all().get().get(broker).get("weir.max.groups") != null;
    }

    /** A name that no other run uses. */
    String name(String what) {
        return Client.PREFIX + "-" + what + "-" + run;
    }

    /** How every name of this run ends. */
    String suffix() {
        return "-" + run;
    }

    /** Creates a topic, waits until its partitions answer, and returns its name. */
    String topic(String what, int partitions, Map<String, String> configs) throws Exception {
        String topic = name(what);
        NewTopic request = new NewTopic(topic, Optional.of(partitions), Optional.of((short) 1)).configs(configs);
        admin.createTopics(List.of(request)).all().get();
        awaitPartitions(topic, partitions);
        return topic;
    }

    /**
     * Kafka answers CreateTopics before the partitions are known and lead. A producer's retries (not an idempotent
     * one's) could reorder then, and with acks=0 records would be lost.
     */
    void awaitPartitions(String topic, int partitions) throws Exception {
        Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
        for (int i = 0; i < partitions; i++) {
            ends.put(new TopicPartition(topic, i), OffsetSpec.latest());
        }
        Expect.eventually(topic + " leads", () -> {
            try {
                admin.listOffsets(ends).all().get();
                return true;
            } catch (ExecutionException problem) {
                if (problem.getCause() instanceof RetriableException) {
                    return false;
                }
                throw problem;
            }
        });
    }

    /** Waits until the broker says that a config of its own has this value, or none when it is null. */
    void awaitBrokerConfig(String name, String value) throws Exception {
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        Expect.eventually(name + " is " + value, () -> {
            var config = admin.describeConfigs(List.of(broker)).all().get().get(broker).get(name);
            return Objects.equals(value, config == null ? null : config.value());
        });
    }

    String topic(String what, int partitions) throws Exception {
        return topic(what, partitions, Map.of());
    }

    KafkaProducer<byte[], byte[]> producer(Map<String, ?> extra) {
        Map<String, Object> configs = new HashMap<>();
        configs.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        configs.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, false);
        // The default of old versions is 1.
        configs.put(ProducerConfig.ACKS_CONFIG, "all");
        configs.putAll(extra);
        return new KafkaProducer<>(configs, new ByteArraySerializer(), new ByteArraySerializer());
    }

    KafkaConsumer<byte[], byte[]> consumer(Map<String, ?> extra) {
        Map<String, Object> configs = new HashMap<>();
        configs.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        configs.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
        configs.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        configs.putAll(extra);
        return new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** Every record of the topic, by partition and offset. */
    List<ConsumerRecord<byte[], byte[]>> readAll(String topic, Map<String, ?> extra) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(extra)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
            long deadline = System.nanoTime() + Expect.PATIENCE.toNanos();
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                Expect.that(System.nanoTime() < deadline, "read " + records.size() + " records, the end is " + ends);
                consumer.poll(Duration.ofMillis(200)).forEach(records::add);
            }
            records.sort(Comparator.<ConsumerRecord<byte[], byte[]>>comparingInt(ConsumerRecord::partition)
                    .thenComparingLong(ConsumerRecord::offset));
            return records;
        }
    }

    List<String> readLines(String topic) {
        return readAll(topic, Map.of()).stream().map(Lines::got).toList();
    }

    @Override
    public void close() {
        admin.close(Duration.ofSeconds(5));
    }
}
