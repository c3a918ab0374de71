"""The sequences, one file for each area. Each file here is loaded; nothing has to be listed."""

import importlib
import pkgutil


def load() -> None:
    """Registers the sequences of all files."""
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
