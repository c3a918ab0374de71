package weir.compat;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Committed offsets: written, read back by others, and where a group goes on. */
final class CommitChecks {
    private final Cluster cluster;

    CommitChecks(Cluster cluster) {
        this.cluster = cluster;
    }

    void register(Checks checks) {
        checks.add("commit.sync", this::sync);
        checks.add("commit.async", this::async);
        checks.add("commit.resume", this::resume);
        checks.add("commit.auto", this::auto);
        checks.add("commit.reset", this::reset);
        checks.add("commit.lag", this::lag);
    }

    /** Offset, metadata and leader epoch come back, to another client and to Admin; never committed ones are null. */
    private String sync() throws Exception {
        String topic = cluster.topic("commit-sync", 3);
        String group = cluster.name("commit-sync");
        TopicPartition zero = new TopicPartition(topic, 0);
        TopicPartition one = new TopicPartition(topic, 1);
        TopicPartition two = new TopicPartition(topic, 2);
        RoundTrip.send(cluster, Map.of(), Samples.records(topic, 3, 300, 1));
        try (KafkaConsumer<byte[], byte[]> consumer = member(group)) {
            consumer.assign(List.of(zero, one));
            consumer.commitSync(Map.of(zero, new OffsetAndMetadata(10, "größe " + "m".repeat(1000)),
                    one, new OffsetAndMetadata(99, java.util.Optional.of(0), "")));
            consumer.commitSync(Map.of(zero, new OffsetAndMetadata(42, "again")));
        }
        try (KafkaConsumer<byte[], byte[]> other = member(group)) {
            Map<TopicPartition, OffsetAndMetadata> committed = other.committed(Set.of(zero, one, two));
            Expect.equal(new OffsetAndMetadata(42, "again"), committed.get(zero), "partition 0");
            Expect.equal(new OffsetAndMetadata(99, java.util.Optional.of(0), ""), committed.get(one), "partition 1");
            Expect.equal(null, committed.get(two), "partition 2");
        }
        Map<TopicPartition, OffsetAndMetadata> listed =
                cluster.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        Expect.equal(Set.of(zero, one), listed.keySet(), "partitions with offsets");
        Expect.equal(42L, listed.get(zero).offset(), "Admin's offset");
        return "2 partitions";
    }

    private String async() throws Exception {
        String topic = cluster.topic("commit-async", 1);
        String group = cluster.name("commit-async");
        TopicPartition partition = new TopicPartition(topic, 0);
        RoundTrip.send(cluster, Map.of(), Samples.records(topic, 1, 100, 1));
        try (KafkaConsumer<byte[], byte[]> consumer = member(group)) {
            consumer.assign(List.of(partition));
            CompletableFuture<Map<TopicPartition, OffsetAndMetadata>> answer = new CompletableFuture<>();
            for (int offset = 1; offset < 50; offset++) {
                consumer.commitAsync(Map.of(partition, new OffsetAndMetadata(offset)), null);
            }
            consumer.commitAsync(Map.of(partition, new OffsetAndMetadata(77, "async")), (offsets, error) -> {
                if (error == null) {
                    answer.complete(offsets);
                } else {
                    answer.completeExceptionally(error);
                }
            });
            Expect.eventually("the callback", () -> {
                consumer.poll(Duration.ofMillis(50));
                return answer.isDone();
            });
            answer.get();
            Expect.equal(new OffsetAndMetadata(77, "async"), consumer.committed(Set.of(partition)).get(partition),
                    "committed");
        }
        return "50 commits";
    }

    /** A second consumer of the group goes on where the first one stopped. */
    private String resume() throws Exception {
        String topic = cluster.topic("commit-resume", 1);
        String group = cluster.name("commit-resume");
        List<String> lines = RoundTrip.send(cluster, Map.of(), Samples.records(topic, 1, 200, 2));
        for (int from = 0; from < 200; from += 50) {
            try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of("group.id", group,
                    "auto.offset.reset", "earliest", "max.poll.records", 50))) {
                consumer.subscribe(List.of(topic));
                Expect.sameLines(lines.subList(from, from + 50), ConsumeChecks.poll(consumer, 50));
                consumer.commitSync();
            }
        }
        return "4 consumers, 200 records";
    }

    /** Closing commits the position when auto-commit is on. */
    private String auto() throws Exception {
        String topic = cluster.topic("commit-auto", 1);
        String group = cluster.name("commit-auto");
        RoundTrip.send(cluster, Map.of(), Samples.records(topic, 1, 60, 2));
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of("group.id", group,
                "auto.offset.reset", "earliest", "enable.auto.commit", true))) {
            consumer.subscribe(List.of(topic));
            ConsumeChecks.poll(consumer, 60);
        }
        TopicPartition partition = new TopicPartition(topic, 0);
        OffsetAndMetadata committed =
                cluster.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition);
        Expect.that(committed != null, "nothing was committed");
        Expect.equal(60L, committed.offset(), "committed");
        return "offset 60";
    }

    /** A group without offsets starts where auto.offset.reset says. */
    private String reset() throws Exception {
        String topic = cluster.topic("commit-reset", 1);
        RoundTrip.send(cluster, Map.of(), Samples.records(topic, 1, 30, 2));
        TopicPartition partition = new TopicPartition(topic, 0);
        for (Map.Entry<String, Long> policy : Map.of("earliest", 0L, "latest", 30L).entrySet()) {
            try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(Map.of(
                    "group.id", cluster.name("reset-" + policy.getKey()), "auto.offset.reset", policy.getKey()))) {
                consumer.assign(List.of(partition));
                Expect.equal(policy.getValue(), consumer.position(partition), policy.getKey());
            }
        }
        try (KafkaConsumer<byte[], byte[]> consumer = member(cluster.name("reset-none"))) {
            consumer.assign(List.of(partition));
            Expect.error(NoOffsetForPartitionException.class, () -> consumer.position(partition));
        }
        return "3 policies";
    }

    /** The end of each partition less what the group has committed, before and after more comes. */
    private String lag() throws Exception {
        String topic = cluster.topic("commit-lag", 3);
        String group = cluster.name("commit-lag");
        List<TopicPartition> partitions = List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1),
                new TopicPartition(topic, 2));
        RoundTrip.send(cluster, Map.of(), Samples.records(topic, 3, 300, 3));
        try (KafkaConsumer<byte[], byte[]> consumer = member(group)) {
            consumer.commitSync(Map.of(partitions.get(0), new OffsetAndMetadata(40),
                    partitions.get(1), new OffsetAndMetadata(100), partitions.get(2), new OffsetAndMetadata(0)));
            Expect.equal(List.of(60L, 0L, 100L), lags(consumer, partitions), "lags");
            try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of("acks", "all"))) {
                for (int i = 0; i < 7; i++) {
                    producer.send(new ProducerRecord<>(topic, 1, null, Samples.utf8("more")));
                }
            }
            Expect.equal(List.of(60L, 7L, 100L), lags(consumer, partitions), "lags after more came");
        }
        return "3 partitions, twice";
    }

    private static List<Long> lags(KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> partitions) {
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(Set.copyOf(partitions));
        return partitions.stream().map(p -> ends.get(p) - committed.get(p).offset()).toList();
    }

    private KafkaConsumer<byte[], byte[]> member(String group) {
        return cluster.consumer(Map.of("group.id", group));
    }
}
