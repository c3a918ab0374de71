package weir.compat;

import static weir.compat.Samples.utf8;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** A topic of six partitions and the members of one group that read it. */
final class GroupScene implements AutoCloseable {
    static final int PARTITIONS = 6;

    final Cluster cluster;
    final String group;
    final String topic;
    private final Map<String, Object> configs;
    private final Map<String, GroupMember> members = new LinkedHashMap<>();
    private int produced = 0;

    GroupScene(Cluster cluster, String what, Map<String, ?> extra) throws Exception {
        this.cluster = cluster;
        group = cluster.name(what);
        topic = cluster.topic(what, PARTITIONS);
        configs = new HashMap<>(Map.of("group.id", group, "auto.offset.reset", "earliest",
                "session.timeout.ms", 6000, "heartbeat.interval.ms", 500));
        configs.putAll(extra);
    }

    GroupMember join(String name, Map<String, ?> extra) {
        GroupMember member = new LocalMember(cluster, topic, with(extra));
        members.put(name, member);
        return member;
    }

    GroupMember joinInOwnProcess(String name, Map<String, ?> extra) throws Exception {
        GroupMember member = new ChildMember(cluster, topic, with(extra));
        members.put(name, member);
        return member;
    }

    private Map<String, Object> with(Map<String, ?> extra) {
        Map<String, Object> all = new HashMap<>(configs);
        all.putAll(extra);
        return all;
    }

    GroupMember member(String name) {
        return members.get(name);
    }

    void leave(String name) throws Exception {
        members.remove(name).close();
    }

    void die(String name) throws Exception {
        members.remove(name).die();
    }

    /** Waits until the group is stable and the members share all partitions evenly, each with one owner. */
    Map<String, Set<Integer>> settle() throws Exception {
        Expect.eventually("settled: " + group + " of " + members.keySet(), () -> {
            // There is no group before the first member has asked to join.
            if (!exists() || !isStable(describe()) || !isShared()) {
                return false;
            }
            Thread.sleep(300);
            return isShared() && isStable(describe());
        });
        Map<String, Set<Integer>> shares = new TreeMap<>();
        members.forEach((name, member) -> shares.put(name, new TreeSet<>(member.assigned())));
        return shares;
    }

    ConsumerGroupDescription describe() throws Exception {
        return cluster.admin.describeConsumerGroups(List.of(group)).all().get().get(group);
    }

    private boolean exists() throws Exception {
        return Client.listedState(cluster.admin, group) != null;
    }

    private boolean isStable(ConsumerGroupDescription description) {
        return Client.stateOf(description).equals("STABLE") && description.members().size() == members.size();
    }

    private boolean isShared() {
        members.forEach((name, member) ->
                Expect.that(member.failure() == null, "member " + name + " failed: " + member.failure()));
        List<Integer> all = new ArrayList<>();
        for (GroupMember member : members.values()) {
            int count = member.assigned().size();
            if (count < PARTITIONS / members.size() || count > (PARTITIONS + members.size() - 1) / members.size()) {
                return false;
            }
            all.addAll(member.assigned());
        }
        return all.size() == PARTITIONS && new TreeSet<>(all).size() == PARTITIONS;
    }

    /** Produces a round of records; each comes once, to the member that has its partition. */
    void expectRound(Map<String, Set<Integer>> shares) throws Exception {
        Map<Integer, List<String>> expected = produceRound();
        Map<String, List<String>> found = new HashMap<>();
        int count = expected.values().stream().mapToInt(List::size).sum();
        Expect.eventually("a round of " + count + " records in " + group, () -> {
            members.forEach((name, member) ->
                    found.computeIfAbsent(name, n -> new ArrayList<>()).addAll(member.drain()));
            return found.values().stream().mapToInt(List::size).sum() >= count;
        });
        for (Map.Entry<String, Set<Integer>> share : shares.entrySet()) {
            List<String> own = share.getValue().stream().flatMap(p -> expected.get(p).stream()).toList();
            List<String> read = found.get(share.getKey()).stream()
                    .sorted(Comparator.comparing(GroupScene::place)).toList();
            Expect.sameLines(own, read);
        }
    }

    private Map<Integer, List<String>> produceRound() throws Exception {
        Map<Integer, List<String>> lines = new TreeMap<>();
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        List<Future<RecordMetadata>> answers = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of())) {
            for (int i = 0; i < PARTITIONS * 20; i++) {
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, i % PARTITIONS,
                        System.currentTimeMillis(), utf8("k" + i), utf8("record " + produced++));
                records.add(record);
                answers.add(producer.send(record));
            }
        }
        for (int i = 0; i < records.size(); i++) {
            RecordMetadata answer = answers.get(i).get();
            lines.computeIfAbsent(answer.partition(), p -> new ArrayList<>()).add(
                    Lines.sent(records.get(i), answer.partition(), answer.offset(), answer.timestamp()));
        }
        return lines;
    }

    private static String place(String line) {
        return line.substring(0, line.indexOf(' '));
    }

    @Override
    public void close() throws Exception {
        for (GroupMember member : members.values()) {
            member.close();
        }
    }
}
