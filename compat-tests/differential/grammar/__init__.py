"""The grammar of random sequences: what can be asked, how often, with which arguments.

Arguments are mostly right and drawn from what is there. Nothing here depends on time: all that a broker does a little
later is waited for, nothing expires, and no two requests are under way at once but where one waits for the other.
"""

from . import cluster, groups, offsets, records, topics
from .steps import STEPS

__all__ = ["STEPS", "cluster", "groups", "offsets", "records", "topics"]
