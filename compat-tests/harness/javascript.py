"""The JavaScript client, installed with npm from the lock file in javascript/."""

from .suite import Suite

SUITES: list[Suite] = []
