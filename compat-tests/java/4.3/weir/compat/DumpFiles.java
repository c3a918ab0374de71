package weir.compat;

import java.io.BufferedOutputStream;
import java.io.FileOutputStream;
import java.io.FileDescriptor;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.tools.DumpLogSegments;

/**
 * Runs Kafka's DumpLogSegments over many files in one JVM. The tool prints what it finds and exits 0 whatever that is,
 * and one damaged file can end it; so each file gets a run of its own, its complaints stand between its other lines,
 * and an exception becomes a line too. Who reads the output judges it.
 */
final class DumpFiles {
    /** Begins the lines that this class adds. */
    private static final String MARK = "===";

    private DumpFiles() {}

    /** The list has a path a line. */
    static void main(Path list) throws Exception {
        FileOutputStream raw = new FileOutputStream(FileDescriptor.out);
        try (PrintStream out = new PrintStream(new BufferedOutputStream(raw, 1 << 20), false, StandardCharsets.UTF_8)) {
            System.setOut(out);
            System.setErr(out);
            Exit.setExitProcedure((code, message) -> {
                throw new IllegalStateException("exit " + code + ": " + message);
            });
            for (String file : Files.readAllLines(list)) {
                dump(file, out);
            }
        }
    }

    private static void dump(String file, PrintStream out) {
        boolean offsets = file.endsWith(".log") && Path.of(file).getParent().getFileName().toString()
                .startsWith("__consumer_offsets-");
        out.println(MARK + " file " + file);
        try {
            if (offsets) {
                DumpLogSegments.main(new String[] {"--deep-iteration", "--offsets-decoder", "--files", file});
            } else {
                DumpLogSegments.main(new String[] {"--deep-iteration", "--files", file});
            }
        } catch (Throwable problem) {
            out.println();
            out.println(MARK + " threw " + problem.toString().replace('\n', ' '));
        }
    }
}
