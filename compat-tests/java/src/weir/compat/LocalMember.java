package weir.compat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;

/** A member on a thread of this process. */
final class LocalMember implements GroupMember, ConsumerRebalanceListener {
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final LinkedBlockingQueue<Set<Integer>> revoked = new LinkedBlockingQueue<>();
    private final Set<Integer> current = new TreeSet<>();
    private final Thread thread;
    private volatile Set<Integer> assigned = Set.of();
    private volatile boolean running = true;
    private volatile Throwable failure;

    LocalMember(Cluster cluster, String topic, Map<String, ?> configs) {
        consumer = cluster.consumer(configs);
        consumer.subscribe(List.of(topic), this);
        thread = new Thread(this::loop, "member");
        thread.setDaemon(true);
        thread.start();
    }

    private void loop() {
        try {
            boolean committed = true;
            while (running) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
                if (!records.isEmpty() || !committed) {
                    committed = commit();
                    records.forEach(record -> lines.add(Lines.got(record)));
                }
            }
        } catch (Throwable problem) {
            failure = problem;
        } finally {
            consumer.close();
        }
    }

    /** Whether it could commit. Where the broker restarts it may not, and tries again after the next poll. */
    private boolean commit() {
        try {
            consumer.commitSync();
            return true;
        } catch (CommitFailedException | RetriableException problem) {
            if (Control.ADDRESS == null) {
                throw problem;
            }
            return false;
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        current.addAll(numbers(partitions));
        assigned = Set.copyOf(current);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        current.removeAll(numbers(partitions));
        assigned = Set.copyOf(current);
        if (!partitions.isEmpty()) {
            revoked.add(numbers(partitions));
        }
    }

    private static Set<Integer> numbers(Collection<TopicPartition> partitions) {
        return partitions.stream().map(TopicPartition::partition).collect(Collectors.toCollection(TreeSet::new));
    }

    @Override
    public Set<Integer> assigned() {
        return assigned;
    }

    @Override
    public List<String> drain() {
        List<String> drained = new ArrayList<>();
        lines.drainTo(drained);
        return drained;
    }

    @Override
    public List<Set<Integer>> drainRevoked() {
        List<Set<Integer>> drained = new ArrayList<>();
        revoked.drainTo(drained);
        return drained;
    }

    @Override
    public Throwable failure() {
        return failure;
    }

    @Override
    public void die() {
        throw new IllegalStateException("a member on a thread cannot be killed");
    }

    @Override
    public void close() throws InterruptedException {
        running = false;
        thread.join(30_000);
        Expect.that(!thread.isAlive(), "a member does not end");
    }
}
