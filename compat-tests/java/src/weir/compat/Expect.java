package weir.compat;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** Assertions whose failures say what was expected and what was found. */
final class Expect {
    /** How long a check waits for something that must come; generous, as other work shares the machine. */
    static final Duration PATIENCE = Duration.ofSeconds(
            Long.parseLong(System.getenv().getOrDefault("WEIR_COMPAT_PATIENCE", "120")));

    private Expect() {}

    static void that(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void equal(Object expected, Object found, String what) {
        that(Objects.equals(expected, found), what + ": expected " + expected + ", found " + found);
    }

    /** Both lists hold the same lines in the same order; returns their count and digest. */
    static String sameLines(List<String> expected, List<String> found) {
        for (int i = 0; i < Math.min(expected.size(), found.size()); i++) {
            equal(expected.get(i), found.get(i), "record " + i);
        }
        equal(expected.size(), found.size(), "number of records");
        String digest = Lines.digest(found);
        equal(Lines.digest(expected), digest, "digest");
        return found.size() + " records " + digest.substring(0, 12);
    }

    /** The action fails with exactly this kind of exception, which is returned. */
    static <E extends Throwable> E error(Class<E> kind, Callable<?> action) {
        Object result;
        try {
            result = action.call();
        } catch (Throwable problem) {
            Throwable cause = problem;
            while ((cause instanceof ExecutionException || cause instanceof CompletionException)
                    && cause.getCause() != null) {
                cause = cause.getCause();
            }
            if (kind.isInstance(cause)) {
                return kind.cast(cause);
            }
            throw new AssertionError("expected " + kind.getSimpleName() + ", found " + cause, cause);
        }
        throw new AssertionError("expected " + kind.getSimpleName() + ", found success: " + result);
    }

    /** Waits until the condition holds. */
    static void eventually(String what, Callable<Boolean> condition) throws Exception {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.call()) {
            that(System.nanoTime() < end, "not within " + PATIENCE.toSeconds() + " s: " + what);
            Thread.sleep(50);
        }
    }
}
