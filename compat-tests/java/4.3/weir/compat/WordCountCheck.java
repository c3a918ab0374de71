package weir.compat;

import static weir.compat.Samples.utf8;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Kafka Streams counts words, at least once, through a repartition topic and a store with a changelog, while the broker
 * restarts and is killed; at the end it starts anew from the changelog alone.
 */
final class WordCountCheck {
    private static final int PARTITIONS = 2;
    private static final int LINES = 300;
    private static final String STORE = "counts";

    private final Cluster cluster;
    private final Map<String, Long> sent = new TreeMap<>();
    private final Map<String, Long> counted = new TreeMap<>();
    private int lines = 0;

    WordCountCheck(Cluster cluster) {
        this.cluster = cluster;
    }

    void register(Checks checks) {
        checks.add(Checks.RESTART + "word_count", this::run);
    }

    private String run() throws Exception {
        String input = cluster.topic("words", PARTITIONS);
        String output = cluster.topic("word-counts", PARTITIONS);
        String application = cluster.name("streams");
        Path state = Files.createTempDirectory("weir-streams");
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of("enable.idempotence", true,
                        "delivery.timeout.ms", Control.ANSWER_MS, "linger.ms", 5));
                KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of())) {
            List<TopicPartition> partitions = List.of(new TopicPartition(output, 0), new TopicPartition(output, 1));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            try (KafkaStreams streams = start(application, input, output, state)) {
                count(producer, consumer, input, "at first");
                for (String command : List.of("restart", "kill")) {
                    // These are on their way while the broker goes.
                    send(producer, input);
                    Control.ask(command);
                    count(producer, consumer, input, "after " + command);
                }
                Expect.that(streams.state() == KafkaStreams.State.RUNNING, "the state is " + streams.state());
            }
            expectTopics(application);
            remove(state);
            try (KafkaStreams anew = start(application, input, output, state)) {
                count(producer, consumer, input, "anew from the changelog");
            }
        } finally {
            remove(state);
        }
        long more = counted.values().stream().mapToLong(Long::longValue).sum()
                - sent.values().stream().mapToLong(Long::longValue).sum();
        return lines + " lines, " + sent.size() + " words, " + more + " counted again";
    }

    private KafkaStreams start(String application, String input, String output, Path state) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(input)
                .flatMapValues(line -> Arrays.asList(line.split(" ")))
                .groupBy((key, word) -> word, Grouped.as("by-word"))
                .count(Materialized.as(STORE))
                .toStream()
                .to(output, Produced.with(Serdes.String(), Serdes.Long()));
        Topology topology = builder.build();
        Properties configs = new Properties();
        configs.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        configs.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, cluster.bootstrap);
        configs.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
        configs.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.String().getClass());
        configs.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.String().getClass());
        configs.put(StreamsConfig.STATE_DIR_CONFIG, state.toString());
        configs.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 200);
        configs.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        configs.put("auto.offset.reset", "earliest");
        configs.put("session.timeout.ms", 6000);
        configs.put("heartbeat.interval.ms", 500);
        KafkaStreams streams = new KafkaStreams(topology, configs);
        streams.start();
        return streams;
    }

    /** Sends lines and waits until each word was counted at least as often as it was sent. */
    private void count(KafkaProducer<byte[], byte[]> producer, KafkaConsumer<byte[], byte[]> consumer, String input,
            String what) throws Exception {
        send(producer, input);
        producer.flush();
        Expect.eventually("all words are counted " + what, () -> {
            consumer.poll(Duration.ofMillis(200)).forEach(record -> counted.put(
                    new String(record.key(), StandardCharsets.UTF_8), ByteBuffer.wrap(record.value()).getLong()));
            return sent.entrySet().stream()
                    .allMatch(word -> counted.getOrDefault(word.getKey(), 0L) >= word.getValue());
        });
        Expect.equal(sent.keySet(), counted.keySet(), "words " + what);
    }

    private void send(KafkaProducer<byte[], byte[]> producer, String input) {
        for (int i = 0; i < LINES; i++) {
            String line = "weir word" + lines % 7 + " number" + lines % 40;
            producer.send(new ProducerRecord<>(input, lines % PARTITIONS, null, utf8(line)));
            for (String word : line.split(" ")) {
                sent.merge(word, 1L, Long::sum);
            }
            lines++;
        }
    }

    /** Streams made its own topics; the changelog is compacted. */
    private void expectTopics(String application) throws Exception {
        String changelog = application + "-" + STORE + "-changelog";
        Set<String> names = new TreeSet<>(cluster.admin.listTopics().names().get());
        Expect.that(names.containsAll(List.of(changelog, application + "-by-word-repartition")), "topics: " + names);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, changelog);
        Expect.equal("compact", cluster.admin.describeConfigs(List.of(resource)).all().get().get(resource)
                .get("cleanup.policy").value(), "policy of the changelog");
    }

    private static void remove(Path folder) throws Exception {
        if (!Files.exists(folder)) {
            return;
        }
        try (var paths = Files.walk(folder)) {
            for (Path path : paths.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }
}
