package weir.compat;

import static weir.compat.Samples.utf8;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** A broker that restarts while it is used: the producer loses nothing, a reader and a group go on. */
final class RestartCheck {
    private static final int PARTITIONS = 4;

    /** Between two records, and so many are read before, between and after the restarts. */
    private static final int PAUSE_MS = 4;
    private static final int STEP = 200;

    private final Cluster cluster;

    RestartCheck(Cluster cluster) {
        this.cluster = cluster;
    }

    void register(Checks checks) {
        checks.add(Checks.RESTART + "broker", this::run);
    }

    private String run() throws Exception {
        String topic = cluster.topic("restart", PARTITIONS);
        String group = cluster.name("restart");
        Map<String, Object> configs = Map.of("group.id", group, "auto.offset.reset", "earliest",
                "session.timeout.ms", 6000, "heartbeat.interval.ms", 500);
        try (LocalMember one = new LocalMember(cluster, topic, configs);
                LocalMember other = new LocalMember(cluster, topic, configs);
                Reader reader = new Reader(topic);
                Sender sender = new Sender(topic)) {
            Seen byAssignment = new Seen(() -> List.of(reader.drain()));
            Seen byGroup = new Seen(() -> List.of(one.drain(), other.drain()));
            readOn("at first", sender, byAssignment, byGroup);
            Control.ask("restart");
            readOn("after the restart", sender, byAssignment, byGroup);
            Control.ask("kill");
            readOn("after the kill", sender, byAssignment, byGroup);

            List<String> sent = sender.stop();
            List<String> log = cluster.readLines(topic);
            Expect.sameLines(sent, log);
            Expect.eventually("all is read by assignment", () -> byAssignment.look().lines.size() >= log.size());
            // The sort is stable: what came out of order, or twice, shows.
            Expect.sameLines(log, byAssignment.lines.stream().sorted(BY_PARTITION).toList());
            Expect.eventually("all is read by the group",
                    () -> new TreeSet<>(byGroup.look().lines).containsAll(log));
            Expect.equal(new TreeSet<>(log), new TreeSet<>(byGroup.lines), "what the group read");
            awaitCommitted(group, topic, log);
            int repeated = byGroup.lines.size() - log.size();
            return sent.size() + " sent, " + log.size() + " in the log, " + repeated + " came to the group again";
        }
    }

    private static void readOn(String what, Sender sender, Seen byAssignment, Seen byGroup) throws Exception {
        int mark = sender.count() + STEP;
        Expect.eventually(STEP + " records read " + what, () ->
                Math.min(byAssignment.look().highest, byGroup.look().highest) >= mark);
    }

    private void awaitCommitted(String group, String topic, List<String> log) throws Exception {
        Map<TopicPartition, Long> ends = new TreeMap<>(Comparator.comparingInt(TopicPartition::partition));
        for (int i = 0; i < PARTITIONS; i++) {
            String start = "p" + i + " ";
            ends.put(new TopicPartition(topic, i), log.stream().filter(line -> line.startsWith(start)).count());
        }
        Expect.eventually("the group has committed the end", () -> {
            Map<TopicPartition, OffsetAndMetadata> committed =
                    cluster.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            return ends.entrySet().stream().allMatch(end -> committed.get(end.getKey()) != null
                    && committed.get(end.getKey()).offset() == end.getValue());
        });
    }

    private static final Comparator<String> BY_PARTITION =
            Comparator.comparing(line -> line.substring(0, line.indexOf(' ')));

    private interface Drain {
        List<List<String>> lines() throws Exception;
    }

    /** All that somebody has read, and the highest number in it. */
    private static final class Seen {
        final List<String> lines = new ArrayList<>();
        int highest = -1;
        private final Drain drain;

        Seen(Drain drain) {
            this.drain = drain;
        }

        Seen look() throws Exception {
            for (List<String> some : drain.lines()) {
                for (String line : some) {
                    lines.add(line);
                    highest = Math.max(highest, numberIn(line));
                }
            }
            return this;
        }

        /** The number that a record's value is. */
        private static int numberIn(String line) {
            int at = line.indexOf(" v=") + 3;
            byte[] digits = HexFormat.of().parseHex(line.substring(at, line.indexOf(' ', at)));
            return Integer.parseInt(new String(digits, StandardCharsets.UTF_8));
        }
    }

    /** An idempotent producer on a thread: numbered records, one after the other. */
    private final class Sender implements AutoCloseable {
        private final List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        private final List<Future<RecordMetadata>> answers = new ArrayList<>();
        private final KafkaProducer<byte[], byte[]> producer;
        private final Thread thread;
        private volatile boolean running = true;
        private volatile int count = 0;

        Sender(String topic) {
            producer = cluster.producer(Map.of("enable.idempotence", true, "acks", "all", "retries", Integer.MAX_VALUE,
                    "delivery.timeout.ms", Control.ANSWER_MS, "linger.ms", 5));
            thread = new Thread(() -> loop(topic), "sender");
            thread.setDaemon(true);
            thread.start();
        }

        private void loop(String topic) {
            while (running) {
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, count % PARTITIONS,
                        System.currentTimeMillis(), utf8("key " + count % 50), utf8("%09d".formatted(count)));
                records.add(record);
                answers.add(producer.send(record));
                count = records.size();
                try {
                    Thread.sleep(PAUSE_MS);
                } catch (InterruptedException ended) {
                    return;
                }
            }
        }

        int count() {
            return count;
        }

        /** Ends and returns the lines of all records, at the offsets that were answered, by partition. */
        List<String> stop() throws Exception {
            close();
            Map<Integer, List<String>> lines = new TreeMap<>();
            for (int i = 0; i < records.size(); i++) {
                ProducerRecord<byte[], byte[]> record = records.get(i);
                RecordMetadata answer = answers.get(i).get();
                lines.computeIfAbsent(record.partition(), p -> new ArrayList<>())
                        .add(Lines.sent(record, record.partition(), answer.offset(), record.timestamp()));
            }
            return lines.values().stream().flatMap(List::stream).toList();
        }

        @Override
        public void close() throws InterruptedException {
            running = false;
            thread.join();
            producer.close();
        }
    }

    /** A consumer of all partitions by assignment, on a thread. */
    private final class Reader implements AutoCloseable {
        private final LinkedBlockingQueue<String> lines =
                new LinkedBlockingQueue<>();
        private final Thread thread;
        private volatile boolean running = true;
        private volatile Throwable failure;

        Reader(String topic) {
            thread = new Thread(() -> loop(topic), "reader");
            thread.setDaemon(true);
            thread.start();
        }

        private void loop(String topic) {
            try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of())) {
                List<TopicPartition> partitions = new ArrayList<>();
                for (int i = 0; i < PARTITIONS; i++) {
                    partitions.add(new TopicPartition(topic, i));
                }
                consumer.assign(partitions);
                consumer.seekToBeginning(partitions);
                while (running) {
                    consumer.poll(Duration.ofMillis(100)).forEach(record -> lines.add(Lines.got(record)));
                }
            } catch (Throwable problem) {
                failure = problem;
            }
        }

        List<String> drain() {
            Expect.that(failure == null, "the reader failed: " + failure);
            List<String> drained = new ArrayList<>();
            lines.drainTo(drained);
            return drained;
        }

        @Override
        public void close() throws InterruptedException {
            running = false;
            thread.join();
        }
    }
}
