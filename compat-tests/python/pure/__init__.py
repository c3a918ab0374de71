"""The checks of the clients that are written in Python, kafka-python and aiokafka.

They are of one origin and their interfaces are nearly one: `kafka_python.py` and `aio.py` make them one, with blocking
calls, and the checks are the same for both.
"""
