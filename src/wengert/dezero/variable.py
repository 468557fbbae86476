"""The book's Variable: Wengert's, made as the book makes it, and whose operators and functions give it again.

Core.py is what a program imports; this file is apart from it for the classes to be the same under any name of the
package.
"""

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any

import numpy as np

import wengert
from wengert import functions as F
from wengert.backends import namespace_of
from wengert.core.backward import accumulate_into_leaves, backpropagate
from wengert.core.recorded import Leaf, make_result
from wengert.dezero.cuda import as_cupy, as_numpy
from wengert.errors import DeclarationError, ShapeError, message

__all__ = ["Function", "Parameter", "Variable", "as_array", "as_variable", "publish", "returns", "speaks"]


_AUGMENTED = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"]
_AUGMENTED += ["lshift", "rshift", "and", "or", "xor"]


def returns(kind: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: what the function returns as a Variable of Wengert's, it returns as one of ``kind``.

    Example:
        >>> sin = returns(Variable)(wengert.functions.sin)
        >>> type(sin(np.array(0.5))) is Variable
        True
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*inputs: Any, **options: Any) -> Any:
            return _as_kind(function(*inputs, **options), kind)

        return call

    return decorate


def publish(namespace: dict[str, Any]) -> None:
    """Let a module's functions made by `returns` be known by the first name they have there: pickle looks for it."""
    for name, value in namespace.items():
        house = getattr(value, "__wrapped__", None)
        if house is None or name[0] == "_" or hasattr(value, "published"):
            continue
        if name != house.__name__:
            value.__doc__ = f"{house.__doc__.splitlines()[0]}\n\nSee `wengert.functions.{house.__name__}`."
        value.__module__, value.__qualname__, value.__name__ = namespace["__name__"], name, name
        value.published = True


def _as_kind(value: Any, kind: Any) -> Any:
    if value.__class__ is wengert.Variable:
        value.__class__ = kind  # the same object, so that the tape's weak reference to it holds
    elif value.__class__ is tuple:
        return tuple(_as_kind(part, kind) for part in value)
    return value


def speaks(kind: Any) -> Any:
    """Let the operators, methods and properties that a class has from Wengert's Variable return its own kind.

    Example:
        >>> type(Variable(np.array(2.0)) * 3.0) is Variable
        True
    """
    own = returns(kind)
    members = {name: member for base in reversed(wengert.Variable.__mro__) for name, member in vars(base).items()}
    for name, member in members.items():
        getter = getattr(member, "fget", member)
        if name in vars(kind) or not isinstance(getter, FunctionType):
            continue
        # Results of NumPy's own functions arrive at these two.
        if "Variable" in str(getter.__annotations__.get("return")) or name in ("__array_ufunc__", "__array_function__"):
            setattr(kind, name, property(own(getter)) if member is not getter else own(getter))
    for name in _AUGMENTED:  # in the book x += 1 makes a new Variable, and gives it the name
        setattr(kind, f"__i{name}__", getattr(kind, f"__{name}__"))
    return kind


@speaks
class Variable(wengert.Variable):
    """An array, the call that made it, and its gradient: the book's constructor of Wengert's Variable.

    Arrays of integers have gradients here, of whatever dtype arrives; and ``data`` may be None, to be set later.

    Raises:
        TypeError: ``data`` is no array.

    Example:
        >>> x = Variable(np.array([[1, 2, 3], [4, 5, 6]]), "x")
        >>> y = (x * 2).sum()
        >>> y.backward()
        >>> x, x.grad
        (variable([[1 2 3]
                  [4 5 6]]), variable([[2 2 2]
                  [2 2 2]]))
    """

    __slots__ = ()

    def __init__(self, data: Any, name: str | None = None) -> None:
        if data is None:
            self.data, self.memory, self.name, self._grad = None, None, name, None
        else:
            wengert.Variable.__init__(self, data, name)
        if data is None or self.data.dtype.kind in "iu":
            self.node = Leaf(self)

    @property
    def grad(self) -> Any:
        """What backward left here: None, or a Variable of this one's shape."""
        return _as_kind(self._grad, Variable)

    @grad.setter
    def grad(self, gradient: Any) -> None:
        if gradient is None or self.data is None or self.data.dtype.kind not in "iu":
            wengert.Variable.grad.__set__(self, gradient)  # type: ignore[attr-defined]
            return
        gradient = as_variable(as_array(gradient))
        if gradient.shape != self.shape:
            fact = "a gradient has the shape of its variable."
            raise ShapeError(message(fact, [("variable", self), ("gradient", gradient)]))
        self._grad = gradient

    def backward(
        self,
        retain_grad: bool = False,
        create_graph: bool = False,
        *,
        retain_graph: bool = True,
        gradient: Any = None,
    ) -> None:
        """See `wengert.Variable.backward`; gradients of integers are not made integers.

        As in the book the graph is kept, and dies with its Variables; ``retain_graph=False`` frees it at once.
        """
        if gradient is not None:
            self.grad = gradient
        if not self.generation or not isinstance(retain_grad, bool):
            super().backward(retain_grad)  # which says what is wrong
        seed = self._grad if self._grad is not None else make_result(namespace_of((self.data,)).ones_like(self.data))
        arrived = backpropagate(
            [(self.node, seed if create_graph else seed.data)],
            create_graph=create_graph,
            retain_graph=retain_graph,
            retain_grad=retain_grad,
        )
        for edge in list(arrived):
            leaf = edge.leaf()
            if leaf is not None and leaf.data.dtype.kind in "iu":
                g = arrived.pop(edge)
                g = g if create_graph else make_result(g)
                leaf._grad = g if leaf._grad is None else leaf._grad + g
        accumulate_into_leaves(arrived, create_graph)
        if not retain_grad:
            self._grad = None

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:  # type: ignore[override]
        """See `wengert.functions.sum`; ``keepdims`` stands second, as in the book."""
        return _as_kind(F.sum(self, axis=axis, keepdims=keepdims), Variable)

    def set_creator(self, function: Any) -> None:
        """The book's way to record a call, which `Function` does here.

        Raises:
            DeclarationError: always.
        """
        raise DeclarationError("set_creator: a call is recorded by Function.__call__.\n    Fix: call the function.")

    def to_cpu(self) -> None:
        """Hold the data as NumPy's."""
        if self.data is not None:
            self.data = as_numpy(self.data)

    def to_gpu(self) -> None:
        """Hold the data as CuPy's: see `cuda.as_cupy`."""
        if self.data is not None:
            self.data = as_cupy(self.data)


class Parameter(Variable, wengert.Parameter):
    """A Variable that a layer finds among its attributes.

    Example:
        >>> Parameter(None, name="W")
        variable(None)
    """

    __slots__ = ()

    def _checked_data(self, data: Any) -> Any:
        return data.data if isinstance(data, wengert.Variable) else data  # as the book has it: integers, None


class Function(wengert.Function):
    """The book's Function: ``forward`` on arrays, ``backward`` on Variables; see `wengert.Function`.

    Example:
        >>> class Square(Function):
        ...     def forward(self, x):
        ...         return x ** 2
        ...     def backward(self, gy):
        ...         (x,) = self.inputs
        ...         return 2 * x * gy
        >>> x = Variable(np.array(3))
        >>> y = Square()(x)
        >>> y.backward()
        >>> y, x.grad
        (variable(9), variable(6))
    """

    __call__ = returns(Variable)(wengert.Function.__call__)

    @property
    def inputs(self) -> tuple[Any, ...]:
        """See `wengert.Function.inputs`."""
        return tuple(_as_kind(value, Variable) for value in super().inputs)


def as_array(x: Any, array_module: Any = np) -> Any:
    """A number as an array; anything else as it is.

    Example:
        >>> as_array(1.5)
        array(1.5)
    """
    return array_module.asarray(x) if np.isscalar(x) else x


def as_variable(obj: Any) -> Any:
    """``obj`` itself where it is a Variable, else a new one around it.

    Raises:
        TypeError: it is no array.

    Example:
        >>> as_variable(np.array(1.5))
        variable(1.5)
    """
    return _as_kind(obj, Variable) if isinstance(obj, wengert.Variable) else Variable(obj)
