"""The registry of steps."""

from typing import Callable

from ..random_state import State

Step = Callable[[State], None]

# Steps, how often each comes, and the APIs that it needs.
STEPS: list[tuple[Step, int, tuple[str, ...]]] = []


def step(weight: int, *apis: str):
    """Registers a step of the grammar."""

    def register(function: Step) -> Step:
        STEPS.append((function, weight, apis))
        return function

    return register
