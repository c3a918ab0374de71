package weir.compat;

import java.util.List;
import java.util.Set;

/** A member of a consumer group that reads and commits by itself until it leaves or dies. */
interface GroupMember extends AutoCloseable {
    /** The partitions it has now. */
    Set<Integer> assigned();

    /** The lines it read since the last call. */
    List<String> drain();

    /** The sets of partitions taken from it since the last call. */
    List<Set<Integer>> drainRevoked();

    /** What ended it, if it did not end by itself; else null. */
    Throwable failure();

    /** Goes without a word to the broker. */
    void die() throws Exception;

    /** Leaves the group (a static member only stops). */
    @Override
    void close() throws Exception;
}
