"""What the suites share: running checks, writing records as lines, the broker under test."""
