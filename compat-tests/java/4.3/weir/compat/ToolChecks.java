package weir.compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.tools.ConsoleProducer;
import org.apache.kafka.tools.ConsumerPerformance;
import org.apache.kafka.tools.ProducerPerformance;
import org.apache.kafka.tools.VerifiableConsumer;
import org.apache.kafka.tools.VerifiableProducer;
import org.apache.kafka.tools.consumer.ConsoleConsumer;

/**
 * Kafka's own tools, by their classes. What they say they did is compared with what is in the log. The broker creates
 * topics by itself, and those of the console tools come into being like that.
 */
final class ToolChecks {
    private static final int RECORD_SIZE = 100;

    private final Cluster cluster;
    private final int records;

    /** So many records are produced and consumed in all. */
    ToolChecks(Cluster cluster, int records) {
        this.cluster = cluster;
        this.records = records;
    }

    void register(Checks checks) {
        checks.add("tools.perf_acks_1", () -> perf("1", records / 10 * 4, "--record-size", "" + RECORD_SIZE));
        checks.add("tools.perf_acks_all", () -> perf("all", records / 10 * 4, "--payload-monotonic"));
        checks.add("tools.console", () -> console(records / 10));
        checks.add("tools.verifiable", () -> verifiable(records / 10));
        checks.add("tools.auto_create", this::autoCreate);
    }

    /** ProducerPerformance and ConsumerPerformance. */
    private String perf(String acks, int count, String... payload) throws Exception {
        String topic = cluster.topic("perf-" + acks, 3);
        List<String> arguments = new ArrayList<>(List.of("--topic", topic, "--num-records", "" + count,
                "--throughput", "-1", "--producer-props", "bootstrap.servers=" + cluster.bootstrap, "acks=" + acks));
        arguments.addAll(arguments.indexOf("--producer-props"), Arrays.asList(payload));
        String produced = ToolRun.run(ProducerPerformance::main, "", arguments.toArray(String[]::new));
        String total = count + " records sent, ";
        Expect.that(produced.contains(total), "ProducerPerformance said: " + produced);

        RoundTrip.awaitEnd(cluster, topic, count);
        List<ConsumerRecord<byte[], byte[]>> found = cluster.readAll(topic, Map.of());
        Expect.equal(count, found.size(), "records in the log");
        if (payload[0].equals("--record-size")) {
            Expect.that(found.stream().allMatch(r -> r.value().length == RECORD_SIZE), "records of another size");
        } else {
            Expect.equal(numbers(count),
                    found.stream().map(r -> Integer.parseInt(new String(r.value()))).sorted().toList(), "numbers");
        }

        String consumed = ToolRun.run(ConsumerPerformance::main, "", "--bootstrap-server", cluster.bootstrap,
                "--topic", topic, "--num-records", "" + count, "--hide-header", "--timeout", "60000");
        Expect.equal("" + count, consumed.split(", ")[4], "records that ConsumerPerformance read");
        return count + " records; " + produced.lines().filter(line -> line.startsWith(total)).findFirst().orElse("");
    }

    private static List<Integer> numbers(int count) {
        return java.util.stream.IntStream.range(0, count).boxed().toList();
    }

    /** ConsoleProducer with keys and headers to a topic that does not exist yet, ConsoleConsumer back. */
    private String console(int count) throws Exception {
        String topic = cluster.name("console");
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String value = "value " + i + (i % 7 == 0 ? " größe" : "");
            lines.add("number:" + i + ",twice:a,twice:b\tkey " + i % 100 + "\t" + value);
        }
        ToolRun.run(ConsoleProducer::main, String.join("\n", lines) + "\n", "--bootstrap-server", cluster.bootstrap,
                "--topic", topic, "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true");
        String output = ToolRun.run(ConsoleConsumer::main, "", "--bootstrap-server", cluster.bootstrap,
                "--topic", topic, "--from-beginning", "--max-messages", "" + count, "--timeout-ms", "60000",
                "--formatter-property", "print.key=true", "--formatter-property", "print.headers=true");
        return Expect.sameLines(lines.stream().sorted().toList(), output.lines().sorted().toList());
    }

    /** VerifiableProducer's acknowledged records are what VerifiableConsumer reads. */
    private String verifiable(int count) throws Exception {
        String topic = cluster.topic("verifiable", 3);
        String value = "\"value\":\"(\\d+)\"";
        String producer = ToolRun.runUntil(output -> events(output, "producer_send_success", value).size() == count,
                VerifiableProducer::main, "", "--bootstrap-server", cluster.bootstrap, "--topic", topic,
                "--max-messages", "" + count, "--acks", "-1");
        Expect.equal(numbers(count), events(producer, "producer_send_success", value), "acknowledged");
        String consumer = ToolRun.run(VerifiableConsumer::main, "", "--bootstrap-server", cluster.bootstrap,
                "--topic", topic, "--group-id", cluster.name("verifiable"), "--max-messages", "" + count,
                "--reset-policy", "earliest", "--verbose");
        Expect.equal(numbers(count), events(consumer, "record_data", value), "consumed");
        List<Integer> offsets = events(consumer, "record_data", "\"offset\":(\\d+)");
        Expect.equal(count, offsets.size(), "offsets");
        Expect.that(consumer.contains("\"name\":\"offsets_committed\""), "no offsets were committed");
        return count + " records";
    }

    /** The numbers in events of one kind, sorted. */
    private static List<Integer> events(String output, String kind, String number) {
        Pattern pattern = Pattern.compile(number);
        return output.lines().filter(line -> line.contains("\"name\":\"" + kind + "\"")).map(line -> {
            Matcher matcher = pattern.matcher(line);
            Expect.that(matcher.find(), "no number in " + line);
            return Integer.valueOf(matcher.group(1));
        }).sorted().toList();
    }

    /** A producer's first record creates its topic with the broker's defaults; a consumer that asks not to does not. */
    private String autoCreate() throws Exception {
        String made = cluster.name("auto-made");
        String other = cluster.name("auto-not-made");
        String detail = RoundTrip.check(cluster, made, Map.of("enable.idempotence", true),
                Samples.records(made, 1, 100, 1));
        Expect.equal(1, cluster.admin.describeTopics(List.of(made)).allTopicNames().get().get(made).partitions().size(),
                "partitions");
        try (var consumer = cluster.consumer(Map.of("group.id", cluster.name("auto")))) {
            consumer.subscribe(List.of(other));
            consumer.poll(java.time.Duration.ofSeconds(2));
        }
        Expect.that(!cluster.admin.listTopics().names().get().contains(other), "a consumer created a topic");
        return detail;
    }
}
