"""Runs the benchmark: servers, loads, probes of the machine, and the report. See bench/README.md."""
