package weir.compat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main method of one of Kafka's tools inside this JVM, with its input given and its output caught. Exits
 * become errors, and what the tool wants done at shutdown is done when it ends.
 *
 * <p>The standard streams belong to the whole process. So each is replaced once, before anything else looks at it (the
 * log's writer and Scala's console keep what they find), by one that hands every byte to the run whose thread writes or
 * reads it, and to the original where there is none. Threads that a tool starts belong to its run.
 */
final class ToolRun {
    /** A tool's main method. */
    interface Main {
        void run(String[] args) throws Exception;
    }

    /** How a tool ended: its exit code (0 when its main method just returned), and what it printed, to both streams in all. */
    record Result(int code, String output, String all) {}

    /** The exit code of a tool that did not end in time. */
    static final int ENDLESS = -1;

    /** How long a tool may take. */
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private static final InheritableThreadLocal<ToolRun> CURRENT = new InheritableThreadLocal<>();

    /** A tool's wish to end. An error, as the tools catch exceptions around it. */
    private static final class ToolExit extends Error {
        private static final long serialVersionUID = 1;

        ToolExit(int code) {
            super("exit " + code);
        }
    }

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final ByteArrayOutputStream all = new ByteArrayOutputStream();
    private final List<Runnable> hooks = new ArrayList<>();
    private final InputStream input;
    // The first exit counts; what the tool does then, until its hooks run, it only does because an exit is an error here.
    private volatile Integer exit;
    private volatile boolean mute;

    private ToolRun(String stdin) {
        input = new ByteArrayInputStream(stdin.getBytes(StandardCharsets.UTF_8));
    }

    /** Takes over the standard streams and the exits of this JVM. */
    static void install() {
        System.setOut(new PrintStream(new Output(System.out, false), true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new Output(System.err, true), true, StandardCharsets.UTF_8));
        System.setIn(new Input());
        Exit.setExitProcedure(ToolRun::exit);
        Exit.setHaltProcedure(ToolRun::exit);
        Exit.setShutdownHookAdder((name, hook) -> CURRENT.get().hooks.add(hook));
    }

    private static void exit(int code, String message) {
        ToolRun run = CURRENT.get();
        if (run != null && run.exit == null) {
            if (message != null) {
                run.write((message + "\n").getBytes(StandardCharsets.UTF_8), true);
            }
            run.exit = code;
            run.mute = true;
        }
        throw new ToolExit(code);
    }

    /** Runs the tool to its end and returns what it printed; any exit code but 0 is a failure. */
    static String run(Main main, String stdin, String... args) throws Exception {
        return runUntil(output -> true, main, stdin, args);
    }

    /** The same for a tool that goes on printing after main returned, until what it printed is enough. */
    static String runUntil(Predicate<String> enough, Main main, String stdin, String... args) throws Exception {
        Result result = call(enough, main, stdin, args);
        Expect.equal(0, result.code, "exit code, with the output " + result.all + ";");
        return result.output;
    }

    /** Runs the tool until it has ended and printed enough. */
    static Result call(Predicate<String> enough, Main main, String stdin, String... args) throws Exception {
        ToolRun run = new ToolRun(stdin);
        Thread thread = new Thread(() -> run.body(enough, main, args), "tool");
        thread.setDaemon(true);
        thread.start();
        thread.join(LIMIT.toMillis());
        boolean ended = !thread.isAlive();
        thread.interrupt();
        Integer code = run.exit;
        return new Result(!ended ? ENDLESS : code == null ? 0 : code, run.text(run.output), run.text(run.all));
    }

    private void body(Predicate<String> enough, Main main, String[] args) {
        CURRENT.set(this);
        try {
            main.run(args);
            Expect.eventually("enough output", () -> enough.test(text(output)));
        } catch (ToolExit ended) {
            // As it wished.
        } catch (Throwable problem) {
            // What the JVM does when main throws.
            problem.printStackTrace();
            exit = exit == null ? 1 : exit;
        } finally {
            mute = false;
            hooks.forEach(Runnable::run);
        }
    }

    private String text(ByteArrayOutputStream caught) {
        synchronized (all) {
            return caught.toString(StandardCharsets.UTF_8);
        }
    }

    private void write(byte[] bytes, boolean error) {
        synchronized (all) {
            if (!mute) {
                all.writeBytes(bytes);
                if (!error) {
                    output.writeBytes(bytes);
                }
            }
        }
    }

    private static final class Output extends OutputStream {
        private final PrintStream original;
        private final boolean error;

        Output(PrintStream original, boolean error) {
            this.original = original;
            this.error = error;
        }

        @Override
        public void write(int one) {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int start, int length) {
            ToolRun run = CURRENT.get();
            if (run == null) {
                original.write(bytes, start, length);
            } else {
                run.write(java.util.Arrays.copyOfRange(bytes, start, start + length), error);
            }
        }

        @Override
        public void flush() {
            original.flush();
        }
    }

    private static final class Input extends InputStream {
        @Override
        public int read() throws java.io.IOException {
            ToolRun run = CURRENT.get();
            return run == null ? -1 : run.input.read();
        }

        @Override
        public int read(byte[] bytes, int start, int length) throws java.io.IOException {
            ToolRun run = CURRENT.get();
            return run == null ? -1 : run.input.read(bytes, start, length);
        }
    }
}
