package weir.compat;

import static weir.compat.Samples.utf8;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Reading by assignment, under fetch limits, and from any place in the log. */
final class ConsumeChecks {
    private final Cluster cluster;

    ConsumeChecks(Cluster cluster) {
        this.cluster = cluster;
    }

    void register(Checks checks) {
        checks.add("consume.assign", this::assign);
        checks.add("consume.fetch_limits", this::fetchLimits);
        checks.add("consume.read_committed", this::readCommitted);
        checks.add("seek.offset", this::seekOffset);
        checks.add("seek.beginning_end", this::seekBeginningAndEnd);
        checks.add("seek.time", this::seekTime);
    }

    /** Only the assigned partitions come, each whole and in order. */
    private String assign() throws Exception {
        String topic = cluster.topic("assign", 3);
        List<String> all = RoundTrip.send(cluster, Map.of(), Samples.records(topic, 3, 900, 3));
        List<String> expected = all.stream().filter(line -> !line.startsWith("p1 ")).toList();
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of())) {
            List<TopicPartition> partitions = List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 2));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            return Expect.sameLines(expected, poll(consumer, expected.size()).stream().sorted(BY_PLACE).toList());
        }
    }

    /** However small the limits, whole batches come and nothing is left out. */
    private String fetchLimits() throws Exception {
        String topic = cluster.topic("fetch-limits", 2);
        List<String> expected = RoundTrip.send(cluster, Map.of("compression.type", "gzip", "linger.ms", 5),
                Samples.records(topic, 2, 1000, 5));
        List<Map<String, Object>> limits = List.of(
                Map.of("max.partition.fetch.bytes", 1, "fetch.max.bytes", 1),
                Map.of("fetch.min.bytes", 1_000_000, "fetch.max.wait.ms", 100),
                Map.of("max.poll.records", 7));
        for (Map<String, Object> limit : limits) {
            Expect.sameLines(expected, cluster.readAll(topic, limit).stream().map(Lines::got).toList());
        }
        return expected.size() + " records under 3 limits";
    }

    private String readCommitted() throws Exception {
        String topic = cluster.topic("read-committed", 1);
        List<String> expected = RoundTrip.send(cluster, Map.of("enable.idempotence", true),
                Samples.records(topic, 1, 200, 6));
        Map<String, String> isolation = Map.of("isolation.level", "read_committed");
        return Expect.sameLines(expected, cluster.readAll(topic, isolation).stream().map(Lines::got).toList());
    }

    /** Seeks land on the record, inside a compressed batch too. */
    private String seekOffset() throws Exception {
        String topic = cluster.topic("seek-offset", 1);
        List<String> lines = RoundTrip.send(cluster, Map.of("compression.type", "snappy", "linger.ms", 20),
                Samples.records(topic, 1, 1000, 8));
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of())) {
            consumer.assign(List.of(partition));
            for (int offset : new int[] {500, 0, 999, 1, 777, 333}) {
                consumer.seek(partition, offset);
                int count = Math.min(100, 1000 - offset);
                Expect.sameLines(lines.subList(offset, offset + count), poll(consumer, count).subList(0, count));
            }
        }
        return "6 seeks";
    }

    private String seekBeginningAndEnd() throws Exception {
        String topic = cluster.topic("seek-ends", 2);
        List<String> lines = RoundTrip.send(cluster, Map.of(), Samples.records(topic, 2, 100, 9));
        List<TopicPartition> partitions = List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1));
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of())) {
            consumer.assign(partitions);
            consumer.seekToEnd(partitions);
            for (TopicPartition partition : partitions) {
                Expect.equal(50L, consumer.position(partition), "position at the end");
            }
            Expect.equal(0, consumer.poll(Duration.ofMillis(300)).count(), "records past the end");
            long now = System.currentTimeMillis();
            List<ProducerRecord<byte[], byte[]>> late = List.of(
                    new ProducerRecord<>(topic, 0, now, utf8("late"), utf8("0")),
                    new ProducerRecord<>(topic, 1, now, utf8("late"), utf8("1")));
            try (var producer = cluster.producer(Map.of())) {
                late.forEach(producer::send);
            }
            List<String> expectedLate = List.of(
                    Lines.sent(late.get(0), 0, 50, now), Lines.sent(late.get(1), 1, 50, now));
            Expect.sameLines(expectedLate, poll(consumer, 2).stream().sorted(BY_PLACE).toList());
            consumer.seekToBeginning(partitions);
            List<String> again = new ArrayList<>(lines);
            again.add(50, expectedLate.get(0));
            again.add(expectedLate.get(1));
            return Expect.sameLines(again, poll(consumer, 102).stream().sorted(BY_PLACE).toList());
        }
    }

    /** The first record at or after a time: inside batches, before all, after all. */
    private String seekTime() throws Exception {
        String topic = cluster.topic("seek-time", 2, Map.of("retention.ms", "-1"));
        long start = 1_600_000_000_000L;
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            records.add(new ProducerRecord<>(topic, 0, start + 10L * i, utf8("k" + i), utf8("v" + i)));
        }
        List<String> lines = RoundTrip.send(cluster, Map.of("compression.type", "zstd", "linger.ms", 5), records);
        TopicPartition filled = new TopicPartition(topic, 0);
        TopicPartition empty = new TopicPartition(topic, 1);
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of())) {
            consumer.assign(List.of(filled, empty));
            long[][] cases = {{0, 0}, {start, 0}, {start + 1, 1}, {start + 10, 1}, {start + 2495, 250},
                {start + 4990, 499}};
            for (long[] when : cases) {
                Map<TopicPartition, OffsetAndTimestamp> found = lookUp(consumer, filled, empty, when[0]);
                Expect.that(found.get(filled) != null, "nothing found at " + when[0]);
                Expect.equal(when[1], found.get(filled).offset(), "offset at " + when[0]);
                Expect.equal(start + 10 * when[1], found.get(filled).timestamp(), "timestamp at " + when[0]);
                Expect.equal(null, found.get(empty), "found in an empty partition");
                consumer.seek(filled, when[1]);
                consumer.seekToEnd(List.of(empty));
                Expect.equal(lines.get((int) when[1]), poll(consumer, 1).get(0), "record at " + when[0]);
            }
            Expect.equal(null, lookUp(consumer, filled, empty, start + 4991).get(filled), "found after the last");
        }
        return "7 times";
    }

    private static Map<TopicPartition, OffsetAndTimestamp> lookUp(KafkaConsumer<byte[], byte[]> consumer,
            TopicPartition one, TopicPartition other, long timestamp) {
        Map<TopicPartition, Long> query = new HashMap<>();
        query.put(one, timestamp);
        query.put(other, timestamp);
        return consumer.offsetsForTimes(query);
    }

    /** Polls until at least so many records came. */
    static List<String> poll(KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<String> lines = new ArrayList<>();
        long deadline = System.nanoTime() + Expect.PATIENCE.toNanos();
        while (lines.size() < count) {
            Expect.that(System.nanoTime() < deadline, lines.size() + " of " + count + " records came");
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                lines.add(Lines.got(record));
            }
        }
        return lines;
    }

    /** Orders lines by partition; the order inside a partition stays as read (the sort is stable). */
    private static final java.util.Comparator<String> BY_PLACE =
            java.util.Comparator.comparing(line -> line.substring(0, line.indexOf(' ')));
}
