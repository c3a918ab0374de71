package weir.compat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/** One call of a tool in a scene: its command line, its exit code, its masked output; and what of it counts. */
final class ToolStep {
    /** A name that an earlier run on the same broker made. */
    private static final Pattern OTHERS = Pattern.compile("java-[\\w.-]+-[0-9a-f]{8}(?![0-9a-f-])");

    private String command;
    private final int code;
    private final String raw;
    private final List<Pattern> facts = new ArrayList<>();
    private List<String> lines;
    private boolean noFacts;

    ToolStep(String command, int code, String raw, List<String> lines) {
        this.command = command;
        this.code = code;
        this.raw = raw;
        this.lines = lines;
    }

    /** The tool's order of lines is that of a hash table, or of things that happen at once. */
    ToolStep unordered() {
        lines = lines.stream().sorted().toList();
        return this;
    }

    /** Only lines with this pattern count: the others are about what other checks made. */
    ToolStep only(String pattern) {
        Pattern wanted = Pattern.compile(pattern);
        lines = lines.stream().filter(line -> wanted.matcher(line).find() && !OTHERS.matcher(line).find()).toList();
        return this;
    }

    /** Lines with this pattern do not count. */
    ToolStep without(String pattern) {
        Pattern unwanted = Pattern.compile(pattern);
        lines = lines.stream().filter(line -> !unwanted.matcher(line).find()).toList();
        return this;
    }

    /** Every number in the output depends on speed. */
    ToolStep figures() {
        return each(ToolMask::figures);
    }

    /** What the pattern finds, in the output or the command, depends on the run. */
    ToolStep mask(String pattern, String replacement) {
        command = command.replaceAll(pattern, replacement);
        return each(line -> line.replaceAll(pattern, replacement));
    }

    /** Cuts lines where the pattern is, and sorts the pieces with the given text. */
    ToolStep split(String where, String sorted) {
        List<String> pieces = lines.stream().flatMap(line -> Pattern.compile(where).splitAsStream(line)).toList();
        List<String> all = new ArrayList<>(pieces.stream().filter(piece -> !piece.contains(sorted)).toList());
        pieces.stream().filter(piece -> piece.contains(sorted))
                .map(piece -> piece.replaceAll("[,\\]}]+$", "")).sorted().forEach(all::add);
        lines = all;
        return this;
    }

    private ToolStep each(UnaryOperator<String> change) {
        lines = lines.stream().map(change).toList();
        return this;
    }

    /** Some line of Kafka's has each of these patterns: the tool did what the check is for. */
    ToolStep says(String... patterns) {
        for (String pattern : patterns) {
            facts.add(Pattern.compile(pattern));
        }
        return this;
    }

    /** Kafka's tool prints nothing that counts. */
    ToolStep saysNothing() {
        noFacts = true;
        return this;
    }

    /** What it printed, as it was. */
    String raw() {
        return raw;
    }

    /** Whether the facts hold. */
    void verify() {
        for (Pattern fact : facts) {
            Expect.that(lines.stream().anyMatch(line -> fact.matcher(line).find()),
                    command + " does not say '" + fact + "': " + lines);
        }
        Expect.that(!noFacts || lines.isEmpty(), command + " says something: " + lines);
        Expect.that(noFacts || !facts.isEmpty(), command + ": nothing is expected of it; it says: " + lines);
    }

    /** What is compared. */
    List<String> rendered() {
        List<String> all = new ArrayList<>();
        all.add("$ " + command);
        lines.forEach(line -> all.add("  " + line));
        all.add("  exit " + code);
        return all;
    }
}
