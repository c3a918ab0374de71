"""Checks of kcat. It has no admin calls: topics and groups are made and asked with confluent-kafka."""
