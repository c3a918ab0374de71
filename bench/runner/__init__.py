"""Runs the benchmark: servers, loads, probes of the machine, and the report. See bench/README.md."""

# First of all: it makes the compat tests' package `harness` known.
from . import paths
