package weir.compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/** The calls of tools that make one check, in order. */
final class ToolScene {
    /** Kafka answers a change before all of it knows of it; a tool that is called after another comes a while later. */
    private static final long PAUSE_MS = 50;

    final Cluster cluster;
    private final ToolMask mask;
    private final Path files;
    private final List<ToolStep> steps = new ArrayList<>();
    private String stdin = "";

    ToolScene(Cluster cluster, ToolMask mask, Path files) {
        this.cluster = cluster;
        this.mask = mask;
        this.files = files;
    }

    /** What the next tool finds on its standard input. */
    ToolScene input(String text) {
        stdin = text;
        return this;
    }

    /** Runs a tool with these arguments (the broker's address is added). */
    ToolStep run(Tool tool, String... arguments) throws Exception {
        return runUntil(output -> true, tool, arguments);
    }

    /** The same for a tool that goes on printing after its main method returned. */
    ToolStep runUntil(Predicate<String> enough, Tool tool, String... arguments) throws Exception {
        String[] all = tool.arguments(cluster.bootstrap, arguments);
        Thread.sleep(PAUSE_MS);
        ToolRun.Result result;
        if (tool == Tool.CONSOLE_CONSUMER) {
            // It counts in a static field.
            synchronized (tool) {
                result = ToolRun.call(enough, tool.main, stdin, all);
            }
        } else {
            result = ToolRun.call(enough, tool.main, stdin, all);
        }
        stdin = "";
        String command = tool.script() + " " + String.join(" ", Arrays.stream(all).map(ToolScene::quoted).toList());
        ToolStep step = new ToolStep(mask.line(command), result.code(), result.output(), mask.lines(result.all()));
        steps.add(step);
        return step;
    }

    private static String quoted(String argument) {
        return argument.matches("[^\\s\\[\\]{}]+") ? argument : "'" + argument + "'";
    }

    /** A file with settings for an admin client that soon gives up. */
    String impatient() throws IOException {
        return file("impatient.properties", "request.timeout.ms=1500\ndefault.api.timeout.ms=2000\n");
    }

    /** A file with this content, for tools that read one. */
    String file(String name, String content) throws IOException {
        return Files.writeString(files.resolve(name), content).toString();
    }

    /** What a tool printed, as a line-by-line comparison wants it. */
    List<String> rendered() {
        return steps.stream().flatMap(step -> step.rendered().stream()).toList();
    }

    /** All facts of all steps hold. */
    void verify() {
        steps.forEach(ToolStep::verify);
    }
}
