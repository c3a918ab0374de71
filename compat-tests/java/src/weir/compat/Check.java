package weir.compat;

/** One named expectation about a broker. */
record Check(String name, Body body) {
    /** Runs the check and says in a few words what was compared; throws when the broker did something else. */
    interface Body {
        String run() throws Exception;
    }
}
