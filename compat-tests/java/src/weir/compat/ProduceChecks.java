package weir.compat;

import static weir.compat.Samples.utf8;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.record.TimestampType;

/** What a producer sends is what a consumer reads, to the byte. */
final class ProduceChecks {
    private final Cluster cluster;

    ProduceChecks(Cluster cluster) {
        this.cluster = cluster;
    }

    void register(Checks checks) {
        for (String acks : List.of("0", "1", "all")) {
            checks.add("produce.acks_" + acks, () -> plain("acks-" + acks, 500, Map.of("acks", acks)));
        }
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            checks.add("produce.codec_" + codec, () -> plain("codec-" + codec, 2000,
                    Map.of("compression.type", codec, "linger.ms", 20)));
        }
        checks.add("produce.topic_codec", this::topicCodec);
        checks.add("produce.idempotent", this::idempotent);
        checks.add("produce.at_once", this::atOnce);
        checks.add("produce.large", this::large);
        checks.add("produce.nulls", this::nulls);
        checks.add("produce.headers", this::headers);
        checks.add("produce.create_time", this::createTime);
        checks.add("produce.log_append_time", this::logAppendTime);
        checks.add("produce.partitioner", this::partitioner);
        checks.add("produce.volume", () -> plain("volume", Samples.VOLUME, Map.of("acks", "all", "linger.ms", 5)));
    }

    private String plain(String what, int count, Map<String, Object> configs) throws Exception {
        String topic = cluster.topic(what, 3);
        return RoundTrip.check(cluster, topic, configs, Samples.records(topic, 3, count, what.hashCode()));
    }

    /** The topic's codec replaces the producer's. */
    private String topicCodec() throws Exception {
        String detail = "";
        for (String codec : List.of("uncompressed", "gzip", "snappy", "lz4", "zstd")) {
            String topic = cluster.topic("topic-codec-" + codec, 1, Map.of("compression.type", codec));
            detail = RoundTrip.check(cluster, topic, Map.of("compression.type", "lz4", "linger.ms", 20),
                    Samples.records(topic, 1, 300, 7));
        }
        return "5 codecs, each " + detail;
    }

    /** Many small batches in flight at once stay in order, none twice. */
    private String idempotent() throws Exception {
        String topic = cluster.topic("idempotent", 2);
        Map<String, Object> configs = new HashMap<>();
        configs.put("enable.idempotence", true);
        configs.put("acks", "all");
        configs.put("batch.size", 600);
        configs.put("max.in.flight.requests.per.connection", 5);
        return RoundTrip.check(cluster, topic, configs, Samples.records(topic, 2, 3000, 11));
    }

    /**
     * What CreateTopics has answered takes records at once. Kafka answers before its partitions lead, so there a producer
     * may have to try again; Weir must not need it.
     */
    private String atOnce() throws Exception {
        int retries = cluster.isWeir() ? 0 : Integer.MAX_VALUE;
        int topics = 50;
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of("acks", "all", "retries", retries))) {
            for (int i = 0; i < topics; i++) {
                String topic = cluster.name("at-once-" + i);
                cluster.admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1))).all().get();
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (int partition = 0; partition < 3; partition++) {
                    sent.add(producer.send(new ProducerRecord<>(topic, partition, null, utf8("at once"))));
                }
                for (Future<RecordMetadata> answer : sent) {
                    Expect.equal(0L, answer.get().offset(), topic);
                }
            }
        }
        return topics + " topics, retries=" + retries;
    }

    private String large() throws Exception {
        String topic = cluster.topic("large", 2);
        long now = System.currentTimeMillis();
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            records.add(new ProducerRecord<>(topic, i % 2, now + i, utf8("large " + i), Samples.noise(1_000_000, i)));
        }
        return RoundTrip.check(cluster, topic, Map.of("max.request.size", 2_000_000), records);
    }

    /** A tombstone is not an empty value, and no key is not the empty key. */
    private String nulls() throws Exception {
        String topic = cluster.topic("nulls", 1);
        long now = System.currentTimeMillis();
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (String key : Arrays.asList(null, "", "key")) {
            for (String value : Arrays.asList(null, "", "value")) {
                records.add(new ProducerRecord<>(topic, 0, now, utf8(key), utf8(value)));
            }
        }
        RoundTrip.check(cluster, topic, Map.of(), records);
        String compressed = cluster.topic("nulls-compressed", 1);
        List<ProducerRecord<byte[], byte[]>> again = records.stream()
                .map(r -> new ProducerRecord<>(compressed, 0, r.timestamp(), r.key(), r.value())).toList();
        return RoundTrip.check(cluster, compressed, Map.of("compression.type", "zstd"), again);
    }

    /** Order, repeated names, null and empty values are kept. */
    private String headers() throws Exception {
        String topic = cluster.topic("headers", 1);
        long now = System.currentTimeMillis();
        ProducerRecord<byte[], byte[]> rich = new ProducerRecord<>(topic, 0, now, utf8("k"), utf8("v"));
        rich.headers().add("twice", utf8("first")).add("null", null).add("twice", utf8("second"))
                .add("empty", new byte[0]).add("", utf8("empty name")).add("größe", Samples.noise(200, 1))
                .add("twice", utf8("first"));
        ProducerRecord<byte[], byte[]> bare = new ProducerRecord<>(topic, 0, now, utf8("k"), utf8("v"));
        ProducerRecord<byte[], byte[]> many = new ProducerRecord<>(topic, 0, now, (byte[]) null, (byte[]) null);
        for (int i = 0; i < 300; i++) {
            many.headers().add("h" + i, utf8("x".repeat(i)));
        }
        return RoundTrip.check(cluster, topic, Map.of("linger.ms", 20), List.of(rich, bare, many));
    }

    /** The producer's timestamps are kept, old ones and ones out of order too. */
    private String createTime() throws Exception {
        String topic = cluster.topic("create-time", 1, Map.of("retention.ms", "-1"));
        long now = System.currentTimeMillis();
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (long timestamp : new long[] {now, 0, 1, now - 86_400_000, now + 60_000, 1_500_000_000_000L, now}) {
            records.add(new ProducerRecord<>(topic, 0, timestamp, null, utf8("at " + timestamp)));
        }
        String detail = RoundTrip.check(cluster, topic, Map.of("linger.ms", 20), records);
        for (ConsumerRecord<byte[], byte[]> record : cluster.readAll(topic, Map.of())) {
            Expect.equal(TimestampType.CREATE_TIME, record.timestampType(), "timestamp type");
        }
        return detail;
    }

    /** The broker's clock replaces the producer's timestamps, in the answer and in the log. */
    private String logAppendTime() throws Exception {
        String topic = cluster.topic("append-time", 1, Map.of("message.timestamp.type", "LogAppendTime"));
        List<String> expected = new ArrayList<>();
        long before = System.currentTimeMillis();
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of("compression.type", "lz4"))) {
            for (int i = 0; i < 20; i++) {
                ProducerRecord<byte[], byte[]> record =
                        new ProducerRecord<>(topic, 0, 1000L + i, utf8("k" + i), utf8("v" + i));
                RecordMetadata answer = producer.send(record).get();
                long after = System.currentTimeMillis();
                Expect.that(before <= answer.timestamp() && answer.timestamp() <= after,
                        "append time " + answer.timestamp() + " outside " + before + " to " + after);
                expected.add(Lines.sent(record, 0, i, answer.timestamp()));
            }
        }
        List<ConsumerRecord<byte[], byte[]>> found = cluster.readAll(topic, Map.of());
        for (ConsumerRecord<byte[], byte[]> record : found) {
            Expect.equal(TimestampType.LOG_APPEND_TIME, record.timestampType(), "timestamp type");
        }
        return Expect.sameLines(expected, found.stream().map(Lines::got).toList());
    }

    /** Without explicit partitions: a key always goes to the same one, and every record arrives. */
    private String partitioner() throws Exception {
        String topic = cluster.topic("partitioner", 4);
        List<String> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of())) {
            for (int i = 0; i < 400; i++) {
                byte[] key = i % 2 == 0 ? null : utf8("key " + i % 20);
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, key, utf8("value " + i));
                RecordMetadata answer = producer.send(record).get();
                sent.add(Lines.sent(record, answer.partition(), answer.offset(), answer.timestamp()));
            }
        }
        Map<String, Integer> homes = new HashMap<>();
        List<String> found = new ArrayList<>();
        for (ConsumerRecord<byte[], byte[]> record : cluster.readAll(topic, Map.of())) {
            found.add(Lines.got(record));
            if (record.key() != null) {
                Integer home = homes.putIfAbsent(new String(record.key()), record.partition());
                Expect.that(home == null || home == record.partition(), "a key in two partitions");
            }
        }
        return Expect.sameLines(sent.stream().sorted().toList(), found.stream().sorted().toList());
    }
}
