package weir.compat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main method of one of Kafka's tools inside this JVM, with its input given and its output caught. Exits
 * become exceptions, and what the tool wants done at shutdown is done when it ends. One at a time, as standard streams
 * belong to the whole process.
 */
final class ToolRun {
    /** A tool's main method. */
    interface Main {
        void run(String[] args) throws Exception;
    }

    /** A tool's wish to end. */
    private static final class ToolExit extends RuntimeException {
        private static final long serialVersionUID = 1;
        final int code;

        ToolExit(int code) {
            super("exit " + code);
            this.code = code;
        }
    }

    private final ByteArrayOutputStream caught = new ByteArrayOutputStream();

    private String output() {
        return caught.toString(StandardCharsets.UTF_8);
    }

    /** Runs the tool to its end and returns what it printed; any exit code but 0 is a failure. */
    static String run(Main main, String stdin, String... args) throws Exception {
        return runUntil(output -> true, main, stdin, args);
    }

    /** The same for a tool that goes on printing after main returned, until what it printed is enough. */
    static String runUntil(Predicate<String> enough, Main main, String stdin, String... args) throws Exception {
        ToolRun run = new ToolRun();
        PrintStream out = System.out;
        InputStream in = System.in;
        List<Runnable> hooks = new ArrayList<>();
        Exit.setExitProcedure((code, message) -> {
            throw new ToolExit(code);
        });
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        System.setOut(new PrintStream(run.caught, true, StandardCharsets.UTF_8));
        System.setIn(new ByteArrayInputStream(stdin.getBytes(StandardCharsets.UTF_8)));
        try {
            main.run(args);
            Expect.eventually("enough output", () -> enough.test(run.output()));
        } catch (ToolExit exit) {
            Expect.that(exit.code == 0, "exit code " + exit.code + ": " + run.output());
        } finally {
            hooks.forEach(Runnable::run);
            System.setOut(out);
            System.setIn(in);
            Exit.resetExitProcedure();
            Exit.resetShutdownHookAdder();
        }
        return run.output();
    }
}
