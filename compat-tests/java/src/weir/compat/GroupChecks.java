package weir.compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.common.errors.FencedInstanceIdException;

/** Groups of three whose members come, go, die and come back. */
final class GroupChecks {
    private static final Map<String, Object> NOTHING = Map.of();

    private final Cluster cluster;

    GroupChecks(Cluster cluster) {
        this.cluster = cluster;
    }

    void register(Checks checks) {
        checks.add("group.range", this::range);
        checks.add("group.cooperative", this::cooperative);
        checks.add("group.static", this::statics);
    }

    /** Eager: at each change everybody gives up everything. */
    private String range() throws Exception {
        Map<String, String> range = Map.of("partition.assignment.strategy", RangeAssignor.class.getName());
        try (GroupScene scene = new GroupScene(cluster, "group-range", range)) {
            scene.join("a", NOTHING);
            scene.expectRound(scene.settle());
            scene.join("b", NOTHING);
            scene.joinInOwnProcess("c", NOTHING);
            Map<String, Set<Integer>> shares = scene.settle();
            scene.expectRound(shares);
            List<Set<Integer>> given = scene.member("a").drainRevoked();
            Expect.equal(GroupScene.PARTITIONS, given.get(0).size(), "partitions given up when another joined");
            scene.die("c");
            scene.expectRound(scene.settle());
            scene.leave("a");
            scene.expectRound(scene.settle());
            scene.join("d", NOTHING);
            scene.expectRound(scene.settle());
        }
        return "5 rounds: one, three, one killed, one left, one new";
    }

    /** Cooperative: only what moves is given up. */
    private String cooperative() throws Exception {
        Map<String, String> sticky = Map.of("partition.assignment.strategy", CooperativeStickyAssignor.class.getName());
        try (GroupScene scene = new GroupScene(cluster, "group-cooperative", sticky)) {
            scene.join("a", NOTHING);
            scene.expectRound(scene.settle());
            scene.join("b", NOTHING);
            Map<String, Set<Integer>> two = scene.settle();
            scene.expectRound(two);
            List<Integer> given = new ArrayList<>();
            scene.member("a").drainRevoked().forEach(given::addAll);
            Expect.equal(two.get("b"), Set.copyOf(given), "partitions given up when another joined");
            scene.joinInOwnProcess("c", NOTHING);
            scene.expectRound(scene.settle());
            scene.leave("b");
            Map<String, Set<Integer>> left = scene.settle();
            scene.expectRound(left);
            scene.member("a").drainRevoked();
            scene.die("c");
            scene.expectRound(scene.settle());
            Expect.equal(List.of(), scene.member("a").drainRevoked(), "given up when another died");
        }
        return "5 rounds: one, two, three, one left, one died";
    }

    /** A static member that comes back within its session disturbs nobody; a second one with its name drives it out. */
    private String statics() throws Exception {
        Map<String, Object> range = Map.of("partition.assignment.strategy", RangeAssignor.class.getName(),
                "session.timeout.ms", 12_000);
        try (GroupScene scene = new GroupScene(cluster, "group-static", range)) {
            for (String name : List.of("a", "b", "c")) {
                scene.join(name, Map.of("group.instance.id", name));
            }
            Map<String, Set<Integer>> shares = scene.settle();
            scene.expectRound(shares);
            for (String name : List.of("a", "b")) {
                scene.member("c").drainRevoked();
                scene.leave(name);
                scene.join(name, Map.of("group.instance.id", name));
                Expect.equal(shares, scene.settle(), "shares after " + name + " came back");
                scene.expectRound(shares);
                Expect.equal(List.of(), scene.member("c").drainRevoked(), "given up when " + name + " came back");
            }
            GroupMember old = scene.member("b");
            scene.join("b", Map.of("group.instance.id", "b"));
            Expect.eventually("the old b is fenced", () -> old.failure() != null);
            Expect.that(old.failure() instanceof FencedInstanceIdException, "the old b failed with " + old.failure());
            scene.expectRound(scene.settle());
            scene.leave("c");
            scene.expectRound(scene.settle());
        }
        return "5 rounds: three, two restarts, one fenced, one expired";
    }
}
