"""A proxy between clients and a broker that spoils some records. Python's standard library only."""
