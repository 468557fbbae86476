"""The table of operations: one row each, one file a family; tests/test_operations.py turns every row into tests."""

import importlib
import pkgutil
from typing import Any


def all_rows() -> list[Any]:
    """The rows of all families."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "row")
    return [row for name in modules for row in importlib.import_module(f"rows.{name}").ROWS]
