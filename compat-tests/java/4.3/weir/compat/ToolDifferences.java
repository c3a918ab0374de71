package weir.compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/**
 * The list of differences between Weir's and Kafka's answers that are accepted, read from a text file of blocks between
 * empty lines. Each has the checks that it is about (a pattern), a reason, and what does not count in them, on either
 * side: lines, or a part of lines, as patterns.
 */
final class ToolDifferences {
    private record Accepted(Pattern check, Pattern lines, Pattern part, String reason) {
        boolean matches(String line) {
            return (lines != null ? lines : part).matcher(line.strip()).find();
        }
    }

    private final List<Accepted> all = new ArrayList<>();
    private final Set<Accepted> needed = ConcurrentHashMap.newKeySet();

    ToolDifferences(Path file) throws IOException {
        for (String block : Files.readString(file).split("\n\\s*\n")) {
            Map<String, String> fields = fields(block);
            if (!fields.isEmpty()) {
                Expect.that(fields.size() == 3 && fields.keySet().containsAll(Set.of("checks", "reason"))
                        && (fields.containsKey("lines") || fields.containsKey("part")), "odd entry in " + file + block);
                all.add(new Accepted(pattern(fields.get("checks")), pattern(fields.get("lines")),
                        pattern(fields.get("part")), fields.get("reason")));
            }
        }
    }

    private static Pattern pattern(String text) {
        return text == null ? null : Pattern.compile(text);
    }

    /** "name: value" lines; those that begin with a space go on with the value before (a pattern without the space). */
    private static Map<String, String> fields(String block) {
        Map<String, String> fields = new LinkedHashMap<>();
        String last = "";
        for (String line : block.split("\n")) {
            if (line.startsWith(" ")) {
                String between = last.equals("reason") ? " " : "";
                fields.merge(last, line.strip(), (a, b) -> a + between + b);
            } else if (!line.startsWith("#") && !line.isBlank()) {
                last = line.substring(0, line.indexOf(':'));
                fields.put(last, line.substring(last.length() + 1).strip());
            }
        }
        return fields;
    }

    private List<Accepted> about(String check) {
        return all.stream().filter(accepted -> accepted.check.matcher(check).matches()).toList();
    }

    /** What counts in the lines of a check. */
    List<String> counting(String check, List<String> lines) {
        List<Accepted> entries = about(check);
        List<String> counting = new ArrayList<>();
        for (String line : lines) {
            if (line.startsWith("$") || entries.stream().noneMatch(entry -> entry.lines != null && entry.matches(line))) {
                String rest = line;
                for (Accepted entry : entries) {
                    rest = entry.part == null ? rest : entry.part.matcher(rest).replaceAll("");
                }
                counting.add(rest);
            }
        }
        return counting;
    }

    /** Notes which entries are about a line that differs, and returns their reasons. */
    List<String> reasons(String check, List<String> differing) {
        List<String> reasons = new ArrayList<>();
        for (Accepted entry : about(check)) {
            if (differing.stream().anyMatch(entry::matches)) {
                needed.add(entry);
                reasons.add(entry.reason);
            }
        }
        return reasons;
    }

    /** The entries that no difference needed. */
    List<String> unneeded() {
        return all.stream().filter(entry -> !needed.contains(entry)).map(Accepted::toString).toList();
    }
}
