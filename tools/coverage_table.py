"""Write docs/functions.md: every differentiable function, the NumPy functions that reach it, and what is checked.

Run it as ``python tools/coverage_table.py``; tests/test_coverage_table.py fails where the page is out of date.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "functions.md"
VERSION = ".".join(np.__version__.split(".")[:2])
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from wengert import functions as F  # noqa: E402
from wengert import numpy_adapters, numpy_protocol, scipy_adapters  # noqa: E402

__all__ = ["numpy_functions", "page", "public_functions", "rows"]

_Dispatcher = type(np.sum)


def public_functions() -> dict[str, Any]:
    """The functions of ``wengert.functions`` by name, aliases included."""
    return {name: getattr(F, name) for name in sorted(set(F.__all__))}


def rows() -> dict[str, Any]:
    """The rows of the table of operations in tests/rows, by the name of the function, of several the first."""
    package = import_module("rows")
    modules = [import_module(f"rows.{module.name}") for module in iter_modules(package.__path__)]
    return {row.name: row for module in reversed(modules) for row in reversed(getattr(module, "ROWS", ()))}


def numpy_functions() -> dict[str, Any]:
    """NumPy's functions that a Variable is asked about, by the name they are called by."""
    spaces: dict[str, ModuleType] = {
        "np": np,
        "np.linalg": np.linalg,
        "np.fft": np.fft,
        "np.lib.stride_tricks": np.lib.stride_tricks,
    }
    return {
        f"{space}.{name}": getattr(module, name)
        for space, module in spaces.items()
        for name in sorted(dir(module))
        if name[0] != "_" and isinstance(getattr(module, name), _Dispatcher | np.ufunc)
    }


def page() -> str:
    """The text of docs/functions.md."""
    reached: dict[int, list[str]] = {}
    composed, constant, without = [], [], []
    for name, function in numpy_functions().items():
        found = numpy_protocol.find(function)
        if found is not None and found in numpy_adapters.ADAPTERS.values():
            composed.append(name)
        elif found is not None:
            reached.setdefault(id(found), []).append(name)
        elif numpy_protocol.is_constant(function):
            constant.append(name)
        else:
            without.append(name)
    lines = [
        "# Functions and their derivatives",
        "",
        f"NumPy's functions are those of NumPy {VERSION}.",
        "This page is written by `python tools/coverage_table.py` from the table of operations that drives the tests.",
        "*Checked* is the highest order of derivative that is compared with finite differences;",
        "formulas are themselves differentiable, so higher orders follow.",
        "",
        "## wengert.functions",
        "",
        *_functions(reached),
        "## NumPy functions composed of these",
        "",
        "They differentiate on Variables as well, to any order:",
        "",
        _list(composed),
        "",
        "## Functions of scipy.special",
        "",
        "Where a program has SciPy, these ufuncs differentiate on Variables, to any order; the others raise:",
        "",
        _list([f"special.{name}" for name in sorted(scipy_adapters.SPECIAL)]),
        "",
        "`logsumexp`, `softmax` and `log_softmax` are no ufuncs there: use those of `wengert.functions`.",
        "",
        "## NumPy functions that have no derivative by nature",
        "",
        "Comparisons, indices, questions about an array, files and text: they run on the data.",
        "",
        _list(constant),
        "",
        "## NumPy functions that raise",
        "",
        "`NotDifferentiableError` on a Variable that needs a gradient; they run on the data of one that needs none.",
        "",
        _list(without),
        "",
    ]
    return "\n".join(lines)


def _functions(reached: dict[int, list[str]]) -> Iterator[str]:
    table = rows()
    families: dict[str, list[Any]] = {}
    names: dict[int, list[str]] = {}
    for name, function in public_functions().items():
        names.setdefault(id(function), []).append(name)
        family = families.setdefault(function.__module__.rpartition(".")[2], [])
        if function not in family:
            family.append(function)
    for family, functions in sorted(families.items()):
        yield f"### {family}"
        yield ""
        yield "| function | also called | reached from NumPy by | checked |"
        yield "| --- | --- | --- | --- |"
        for function in functions:
            called = names[id(function)]
            name = function.__name__ if function.__name__ in called else called[0]
            aliases = _list([other for other in called if other != name])
            row = next((table[other] for other in (name, *called) if other in table), None)
            yield f"| `{name}` | {aliases} | {_list(reached.get(id(function), []))} | {_checked(row)} |"
        yield ""


def _checked(row: Any) -> str:
    if row is None:
        return "no row"
    if row.zero:
        return "zero everywhere"
    return {0: "no derivative", 1: "first order", 2: "second order"}.get(row.order, f"order {row.order}")


def _list(names: list[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
