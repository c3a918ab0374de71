"""Checks of confluent-kafka, the Python client on librdkafka."""
