"""Runs client suites against Weir and Apache Kafka. Python's standard library only."""
