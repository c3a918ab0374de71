package weir.compat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** A member in a process of its own, which can be killed. It ends by itself when this process does. */
final class ChildMember implements GroupMember {
    private final Process process;
    private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private volatile Set<Integer> assigned = Set.of();

    ChildMember(Cluster cluster, String topic, Map<String, ?> configs) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC", "-Xmx128m", "-cp", System.getProperty("java.class.path"),
                Main.class.getName(), "member", cluster.bootstrap, topic));
        configs.forEach((name, value) -> command.add(name + "=" + value));
        process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        Thread reader = new Thread(this::read, "child member");
        reader.setDaemon(true);
        reader.start();
    }

    /** The child's side: prints what it has and reads; ends when its standard input does. */
    static void main(String bootstrap, String topic, List<String> settings) throws Exception {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    continue;
                }
            } catch (IOException ended) {
                // The same as the end of the input.
            }
            Runtime.getRuntime().halt(1);
        });
        watch.setDaemon(true);
        watch.start();
        Map<String, Object> configs = new HashMap<>();
        settings.forEach(s -> configs.put(s.substring(0, s.indexOf('=')), s.substring(s.indexOf('=') + 1)));
        try (Cluster cluster = new Cluster(bootstrap);
                LocalMember member = new LocalMember(cluster, topic, configs)) {
            while (member.failure() == null) {
                System.out.println(member.assigned().stream().map(String::valueOf)
                        .collect(Collectors.joining(",", "A", "")));
                member.drain().forEach(line -> System.out.println("L" + line));
                System.out.flush();
                Thread.sleep(50);
            }
            member.failure().printStackTrace();
        }
    }

    private void read() {
        try (BufferedReader in = new BufferedReader(
                new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                String rest = line.substring(1);
                if (line.charAt(0) == 'A') {
                    assigned = rest.isEmpty() ? Set.of()
                            : Arrays.stream(rest.split(",")).map(Integer::valueOf).collect(Collectors.toSet());
                } else {
                    lines.add(rest);
                }
            }
        } catch (IOException ended) {
            // The process was killed.
        }
        assigned = Set.of();
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
        return List.of();
    }

    @Override
    public Throwable failure() {
        return process.isAlive() ? null : new IllegalStateException("the member's process ended");
    }

    @Override
    public void die() throws InterruptedException {
        process.destroyForcibly();
        Expect.that(process.waitFor(30, TimeUnit.SECONDS), "a killed process does not end");
    }

    @Override
    public void close() throws InterruptedException {
        die();
    }
}
