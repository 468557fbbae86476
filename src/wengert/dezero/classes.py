"""The book's function classes, such as ``Sin`` and ``Pow``: each the function of the same name, made with its options.

What they record is the house's call, so ``y.creator`` is that, and not one of these.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["class_of"]


class _Class:
    function: Callable[..., Any]
    options: tuple[str, ...]

    def __init__(self, *values: Any, **named: Any) -> None:
        if len(values) > len(self.options) or not set(named) <= set(self.options[len(values) :]):
            raise TypeError(f"{type(self).__name__} is made with ({', '.join(self.options)}).")
        self.given = dict(zip(self.options, values, strict=False)) | named

    def __call__(self, *inputs: Any) -> Any:
        return type(self).function(*inputs, **self.given)


def class_of(function: Callable[..., Any], name: str, *options: str) -> Any:
    """The class of a function, which is made with these options and called on the inputs.

    Example:
        >>> import numpy as np
        >>> from wengert.functions import sum
        >>> Sum = class_of(sum, "Sum", "axis", "keepdims")
        >>> Sum(axis=0)(np.ones((2, 3)))
        variable([2. 2. 2.])
    """
    return type(name, (_Class,), {"function": staticmethod(function), "options": options, "__doc__": function.__doc__})
