package weir.compat;

import static weir.compat.Samples.utf8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** The topic whose files are moved from one broker to another: filled with everything, and read back whole. */
final class Transplant {
    static final int PARTITIONS = 3;

    /** Small segments, so that there are several; nothing expires. */
    private static final Map<String, String> CONFIGS = Map.of("segment.bytes", "1048576", "retention.ms", "-1");

    /** The timestamps of the first partitions begin here. */
    private static final long START = 1_700_000_000_000L;

    /** Look-ups by time for each partition. */
    private static final int LOOK_UPS = 50;

    private final Cluster cluster;

    Transplant(Cluster cluster) {
        this.cluster = cluster;
    }

    void create(String topic) throws Exception {
        cluster.admin.createTopics(List.of(
                new NewTopic(topic, Optional.of(PARTITIONS), Optional.empty()).configs(CONFIGS))).all().get();
        cluster.awaitPartitions(topic, PARTITIONS);
    }

    /** Every codec, idempotent and plain producers, nulls, headers, old timestamps, several segments. */
    void write(String topic) throws Exception {
        create(topic);
        Random random = new Random(17);
        int number = 0;
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            for (boolean idempotent : new boolean[] {true, false}) {
                Map<String, Object> configs = Map.of("compression.type", codec, "enable.idempotence", idempotent,
                        "linger.ms", 10, "acks", "all", "max.in.flight.requests.per.connection", 1);
                try (KafkaProducer<byte[], byte[]> producer = cluster.producer(configs)) {
                    for (int i = 0; i < 1200; i++) {
                        producer.send(record(topic, number++, random));
                    }
                }
            }
        }
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, int number, Random random) {
        byte[] key = number % 11 == 0 ? null : utf8(number % 13 == 0 ? "" : "key " + random.nextInt(500));
        byte[] value = number % 17 == 0 ? null : number % 19 == 0 ? new byte[0]
                : Samples.noise(random.nextInt(1200), number);
        // Mostly rising, some going back.
        long timestamp = START + 100L * number - (number % 29 == 0 ? 50_000 : 0);
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, number % PARTITIONS, timestamp, key, value);
        if (number % 5 == 0) {
            record.headers().add("number", utf8("" + number)).add("null", null).add("number", utf8("again"));
        }
        return record;
    }

    /** Writes each record as a line to a file, with its kind of timestamp, and what look-ups by time find. */
    void read(String topic, Path file) throws IOException {
        List<String> lines = new ArrayList<>();
        for (ConsumerRecord<byte[], byte[]> record : cluster.readAll(topic, Map.of())) {
            lines.add(Lines.got(record) + " " + record.timestampType());
        }
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of())) {
            for (int partition = 0; partition < PARTITIONS; partition++) {
                TopicPartition where = new TopicPartition(topic, partition);
                for (int i = 0; i <= LOOK_UPS; i++) {
                    long when = START + i * 100L * 12_000 / LOOK_UPS - 7;
                    OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(where, when)).get(where);
                    lines.add("p" + partition + " from " + when + ": "
                            + (found == null ? "nothing" : found.offset() + " at " + found.timestamp()));
                }
            }
        }
        Files.write(file, lines);
        System.out.println(lines.size() + " lines " + Lines.digest(lines).substring(0, 12));
    }
}
