package weir.compat;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Runs checks, some at a time (most of them wait for the broker), and reports each in one line that the runner reads:
 * first "PLAN name" for all of them, so that one that never answers is missed, then "CHECK name ok|fail ms detail".
 */
final class Checks {
    /** The checks of this kind run if the runner has said how the broker is restarted, and then no others. */
    static final String RESTART = "restart.";

    private final List<Check> checks = new ArrayList<>();
    private final PrintStream out;

    Checks(PrintStream out) {
        this.out = out;
    }

    void add(String name, Check.Body body) {
        checks.add(new Check(name, body));
    }

    /** Runs those whose name contains one of the filters (all without a filter). */
    void run(int threads, List<String> filters) throws InterruptedException {
        List<Check> chosen = checks.stream()
                .filter(check -> check.name().startsWith(RESTART) == (Control.ADDRESS != null))
                .filter(check -> filters.isEmpty() || filters.stream().anyMatch(check.name()::contains))
                .toList();
        chosen.forEach(check -> line("PLAN", check.name()));
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        chosen.forEach(check -> pool.execute(() -> runOne(check)));
        pool.shutdown();
        // The runner ends a process that takes too long, so there is no other limit here.
        pool.awaitTermination(1, TimeUnit.DAYS);
    }

    private void runOne(Check check) {
        long start = System.nanoTime();
        String verdict = "ok";
        String detail;
        try {
            detail = check.body().run();
        } catch (Throwable problem) {
            verdict = "fail";
            detail = describe(problem);
        }
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
        line("CHECK", check.name(), verdict, Long.toString(millis), detail);
    }

    private synchronized void line(String... fields) {
        out.println(String.join("\t", fields).replace('\n', ' '));
        out.flush();
    }

    private static String describe(Throwable problem) {
        StringBuilder text = new StringBuilder(problem.toString());
        for (StackTraceElement frame : problem.getStackTrace()) {
            if (frame.getClassName().startsWith("weir.compat") && !frame.getClassName().endsWith("Expect")) {
                text.append(" at ").append(frame.getFileName()).append(':').append(frame.getLineNumber());
                break;
            }
        }
        return text.toString().replace('\t', ' ');
    }
}
