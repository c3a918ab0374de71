"""Sends the same request sequences to Apache Kafka and to Weir and compares the answers. See compat-tests/README.md."""
