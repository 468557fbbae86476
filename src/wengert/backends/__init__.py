"""Array libraries, each one file: a namespace in the words of the Array API standard, and the kernels it lacks.

Which library a call runs on is read off the types of its arrays; Python numbers belong to any.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from wengert.errors import DtypeError

__all__ = ["namespace_named", "namespace_of", "namespaces"]

# The module that an array's class comes from, and the backend for it: a new library is one line here and one file.
_BACKENDS = {"numpy": "numpy", "jax": "jax", "jaxlib": "jax"}
_DEFAULT = "numpy"
_NUMBERS = (bool, int, float, type(None))


class _Namespaces(dict[Any, Any]):
    """From the type (or types) of a call's arrays to their common namespace, found once."""

    def __missing__(self, types: Any) -> Any:
        kinds = types if isinstance(types, tuple) else (types,)
        names = {name for name in map(_backend_name, kinds) if name is not None}
        if len(names) > 1:
            raise DtypeError(
                f"arrays of different libraries in one operation: {' and '.join(sorted(names))}.\n"
                "    Fix: convert one of them first; Wengert never copies between libraries unasked."
            )
        space = namespace_named(names.pop() if names else _DEFAULT)
        for kind in kinds:
            space.check_type(kind)
        self[types] = space
        return space


namespaces = _Namespaces()


def namespace_named(name: Any) -> Any:
    """The namespace of the library of this name.

    Raises:
        ImportError: it is not installed, or not known.
    """
    if not isinstance(name, str) or name not in _BACKENDS.values():
        raise ImportError(f"{name} is not a known array library")
    return import_module(f"wengert.backends.{name}")


def namespace_of(arrays: Iterable[Any]) -> Any:
    """The namespace that these arrays have in common.

    Raises:
        DtypeError: they belong to different libraries, or one is no array of a known library.
    """
    return namespaces[tuple(map(type, arrays))]


def _backend_name(kind: type) -> str | None:
    """The backend of a class of arrays, or None for a Python number."""
    for base in kind.__mro__:
        name = _BACKENDS.get(base.__module__.partition(".")[0])
        if name is not None:
            return name
    if issubclass(kind, _NUMBERS):
        return None
    if issubclass(kind, complex):
        raise DtypeError(
            "a complex number has no gradient here, and no operation takes it.\n"
            "    Fix: keep real and imaginary parts as two real arrays."
        )
    if hasattr(kind, "_no_array"):  # a class of Wengert's own that says why it is none
        raise DtypeError(kind._no_array)
    raise DtypeError(
        f"{kind.__name__} is not an array of a known library ({', '.join(sorted(set(_BACKENDS.values())))}).\n"
        "    Fix: convert it first, for example with numpy.asarray."
    )
