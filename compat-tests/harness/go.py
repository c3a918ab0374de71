"""The Go clients: one program for each, built from the module in go/ with what its go.sum pins."""

from .suite import Suite

SUITES: list[Suite] = []
