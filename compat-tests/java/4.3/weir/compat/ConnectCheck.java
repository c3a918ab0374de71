package weir.compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.connect.cli.ConnectStandalone;
import org.apache.kafka.connect.file.FileStreamSinkConnector;
import org.apache.kafka.connect.file.FileStreamSourceConnector;
import org.apache.kafka.connect.storage.StringConverter;

/**
 * Kafka Connect, standalone and in a process of its own, copies a growing file to a topic and the topic to another file
 * while the broker restarts and is killed. Every line arrives, in order; some may come again.
 */
final class ConnectCheck {
    private static final int LINES = 300;

    private final Cluster cluster;
    private final List<String> written = new ArrayList<>();

    ConnectCheck(Cluster cluster) {
        this.cluster = cluster;
    }

    void register(Checks checks) {
        checks.add(Checks.RESTART + "connect_copy", this::run);
    }

    private String run() throws Exception {
        String topic = cluster.topic("connect", 1);
        Path folder = Files.createTempDirectory("weir-connect");
        Path source = folder.resolve("source.txt");
        Path sink = folder.resolve("sink.txt");
        Files.createFile(source);
        Process process = start(folder, topic, source, sink);
        try {
            copy(process, source, sink, "at first");
            for (String command : List.of("restart", "kill")) {
                // These are on their way while the broker goes.
                append(source);
                Control.ask(command);
                copy(process, source, sink, "after " + command);
            }
            List<String> log = cluster.readAll(topic, Map.of()).stream().map(r -> new String(r.value())).toList();
            Expect.equal(written, List.copyOf(new LinkedHashSet<>(log)), "lines in the topic");
            return written.size() + " lines, " + (log.size() - written.size()) + " in the topic again, "
                    + (Files.readAllLines(sink).size() - log.size()) + " in the file again";
        } finally {
            process.destroyForcibly().waitFor();
            for (Path path : Files.list(folder).toList()) {
                Files.delete(path);
            }
            Files.delete(folder);
        }
    }

    private Process start(Path folder, String topic, Path source, Path sink) throws IOException {
        Map<String, String> worker = new TreeMap<>();
        worker.put("bootstrap.servers", cluster.bootstrap);
        worker.put("key.converter", StringConverter.class.getName());
        worker.put("value.converter", StringConverter.class.getName());
        worker.put("offset.storage.file.filename", folder.resolve("offsets").toString());
        worker.put("offset.flush.interval.ms", "500");
        worker.put("listeners", "http://127.0.0.1:0");
        worker.put("plugin.discovery", "service_load");
        worker.put("consumer.session.timeout.ms", "6000");
        worker.put("consumer.heartbeat.interval.ms", "500");
        Map<String, String> from = Map.of("name", "source", "tasks.max", "1", "topic", topic,
                "connector.class", FileStreamSourceConnector.class.getName(), "file", source.toString());
        // The name of a sink is also its group's.
        Map<String, String> to = Map.of("name", cluster.name("sink"), "tasks.max", "1", "topics", topic,
                "connector.class", FileStreamSinkConnector.class.getName(), "file", sink.toString());
        return new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m",
                "-Dlog4j2.configurationFile=" + System.getProperty("log4j2.configurationFile"),
                "-cp", System.getProperty("java.class.path"), ConnectStandalone.class.getName(),
                write(folder.resolve("worker.properties"), worker), write(folder.resolve("source.properties"), from),
                write(folder.resolve("sink.properties"), to))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }

    private static String write(Path file, Map<String, String> properties) throws IOException {
        return Files.write(file, properties.entrySet().stream().map(p -> p.getKey() + "=" + p.getValue()).toList())
                .toString();
    }

    /** Appends lines to the source and waits until all that were ever written are in the sink, in order. */
    private void copy(Process process, Path source, Path sink, String what) throws Exception {
        append(source);
        Expect.eventually("all lines are copied " + what, () -> {
            Expect.that(process.isAlive(), "Connect ended");
            return Files.exists(sink) && new LinkedHashSet<>(Files.readAllLines(sink)).size() >= written.size();
        });
        Expect.equal(written, List.copyOf(new LinkedHashSet<>(Files.readAllLines(sink))), "lines " + what);
    }

    private void append(Path source) throws IOException {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < LINES; i++) {
            lines.add("line %06d".formatted(written.size() + i));
        }
        written.addAll(lines);
        Files.write(source, lines, StandardOpenOption.APPEND);
    }
}
