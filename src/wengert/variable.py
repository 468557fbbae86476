"""Variable: an array that remembers how it was made; and Parameter, one that a model learns.

Operators and methods are the functions of ``wengert.functions`` under their usual names; those that an array of NumPy
has as well stand in array_methods.py.
Read core/ for what happens when one is called.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from wengert import functions as F
from wengert import numpy_protocol
from wengert.array_methods import ArrayMethods
from wengert.backends import namespace_of
from wengert.core.backward import accumulate_into_leaves, backpropagate, cut, unchain_behind
from wengert.core.function import Function, maker_of
from wengert.core.modes import current_config, note_exit
from wengert.core.recorded import Leaf, Recorded, make_result, results_are
from wengert.errors import DtypeError, GraphError, ShapeError, describe, message
from wengert.functions.writing import augment, write
from wengert.migration import answers
from wengert.numpy_errors import let_it_say
from wengert.tracing import made_here, refuse_leak

__all__ = ["Parameter", "Variable", "as_array", "as_variable"]

_Operator = Callable[[Any, Any], "Variable"]


def _both_ways(symbol: Any, function: Any) -> tuple[_Operator, _Operator]:
    """An operator and its reflection: the function, and where it refuses an operand, `numpy_protocol.otherwise`."""

    def forward(self: Any, other: Any) -> "Variable":
        try:
            return function(self, other)
        except DtypeError as error:
            return numpy_protocol.otherwise(symbol, self, other, error)

    def reflected(self: Any, other: Any) -> "Variable":
        try:
            return function(other, self)
        except DtypeError as error:
            return numpy_protocol.otherwise(symbol, other, self, error)

    return _called(f"__{symbol.__name__}__", forward), _called(f"__r{symbol.__name__}__", reflected)


def _on_bits(symbol: Any) -> tuple[_Operator, _Operator]:
    """An operator on booleans and integers, and its reflection."""

    def forward(self: Any, other: Any) -> "Variable":
        return numpy_protocol.bits(symbol, self, other)

    def reflected(self: Any, other: Any) -> "Variable":
        return numpy_protocol.bits(symbol, other, self)

    name = symbol.__name__.strip("_")
    return _called(f"__{name}__", forward), _called(f"__r{name}__", reflected)


def _called(name: str, method: Any) -> _Operator:
    method.__name__, method.__qualname__ = name, f"Variable.{name}"
    return method


@answers("Variable")
class Variable(ArrayMethods):
    """An array, the call that made it, and the gradient that came back to it.

    Args:
        data: An array of a known library; a number or a list is refused (`as_variable` converts).
        name: What pictures and messages call it.
        requires_grad: Whether the tape treats it as a variable or as a constant.
            By default floating-point data does, and integers, booleans and complex numbers do not.

    Raises:
        DtypeError: ``data`` is no array, or is of a type that cannot have a gradient and was asked to.

    Example:
        >>> import numpy as np
        >>> x = Variable(np.array([1.0, 2.0]))
        >>> y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        variable([2. 4.])
    """

    __slots__ = ()

    __array_priority__ = 200

    def __init__(self, data: Any, name: str | None = None, *, requires_grad: bool | None = None) -> None:
        if isinstance(data, Recorded) or not hasattr(data, "dtype") or not hasattr(data, "shape"):
            raise DtypeError(
                f"Variable: data must be an array, and this is {describe(data)}.\n"
                "    Fix: write Variable(np.array(...)), or as_variable(...), which converts numbers and lists."
            )
        data = namespace_of((data,)).checked_array(data)
        differentiable = _differentiable(data)
        if requires_grad and not differentiable:
            raise _no_gradient_of(data)
        self.data = data
        self.node = Leaf(self) if (differentiable if requires_grad is None else requires_grad) else None
        self.memory = None
        self.name = name
        self._grad = None
        made_here(self)

    def __reduce__(self) -> Any:
        """How ``copy`` and ``pickle`` take a value: a leaf or a constant, whole."""
        if self.generation:
            raise GraphError(
                message(
                    "copy, pickle: this value was computed, and a copy would stand on no tape.",
                    [("variable", self)],
                    "use x.copy(), which is recorded, or copy x.detach().",
                )
            )
        return _rebuild, (type(self), self.data, self.name, self.requires_grad, self._grad)

    # The array inside

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        if self.data is None:
            return "variable(None)"
        return f"variable({str(self.data).replace(chr(10), chr(10) + ' ' * 9)})"

    def _repr_html_(self) -> str:
        """How notebooks show it: the numbers, the gradient, and the graph behind it."""
        from wengert.visualize.notebook import variable_html  # only needed here

        return variable_html(self)

    def __iter__(self) -> Iterator["Variable"]:
        if not self.ndim:
            raise TypeError("iteration over a Variable of no axes")
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def _number(self) -> Any:
        """The data, for Python and C code that would compute on with a plain number (``math.sin``, ``array[i] = x``).

        The gradient would be lost there without a word, so a recorded value is refused.
        """
        if self.requires_grad and current_config().enable_backprop:
            words = message(
                "a Variable that needs a gradient does not turn into a plain number: the gradient would be lost.",
                [("variable", self)],
                "call NumPy's function, np.exp(x) for math.exp(x); assign into an array made by np.zeros_like(x, "
                "shape=...) or wengert.functions.zeros(shape), where A[i] = x is recorded; x.item() is the number "
                "alone, a constant: no gradient flows through it.",
            )
            let_it_say(words, 2)  # NumPy's error, where it is an array of NumPy's that asks
            raise DtypeError(words)
        return self.data

    def __index__(self) -> int:
        return self.data.__index__()  # type: ignore[no-any-return]

    def __format__(self, specification: str) -> str:
        return format(self.data.item() if specification and not self.ndim else str(self), specification)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The namespace of functions on Variables, in the words of the Array API standard."""
        return F

    # NumPy's functions on Variables: see numpy_protocol.py

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return numpy_protocol.to_array(self, dtype, copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return numpy_protocol.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if len(types) > 1 and not all(issubclass(kind, Recorded | np.ndarray) for kind in types):
            return NotImplemented  # another library's turn
        return numpy_protocol.call_function(function, args, kwargs)

    # The tape

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow into this value; False for a constant, and for a leaf that is set so (frozen).

        Raises:
            GraphError: set to False on a value that the tape computed.
            DtypeError: set to True on data that cannot have a gradient.
        """
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if bool(wanted) is self.requires_grad:
            return
        if wanted:
            if not _differentiable(self.data):
                raise _no_gradient_of(self.data)
            self.node = Leaf(self)
        elif self.node.depth:
            raise GraphError(
                "requires_grad = False: this value was computed, and the tape leads on from it.\n"
                "    Fix: go on with x.detach(), which is a constant; or freeze the leaves it is computed from."
            )
        else:
            self.node = None

    @property
    def creator(self) -> Function | None:
        """The call that made this value; None for a leaf."""
        return maker_of(self.node)[0] if self.generation else None

    @property
    def generation(self) -> int:
        """How many calls deep this value stands on the tape; 0 for a leaf."""
        return 0 if self.node is None else self.node.depth  # type: ignore[no-any-return]

    @property
    def grad(self) -> "Variable | None":
        """What backward left here: None, or a Variable of this one's shape and dtype."""
        return self._grad  # type: ignore[return-value]

    @grad.setter
    def grad(self, gradient: Any) -> None:
        self._grad = None if gradient is None else _gradient_for(self, gradient)

    def cleargrad(self) -> None:
        """Forget the gradient, so that the next backward starts afresh."""
        self._grad = None

    def backward(
        self,
        retain_grad: bool = False,
        create_graph: bool = False,
        *,
        retain_graph: bool = False,
        gradient: Any = None,
    ) -> None:
        """Go back over the tape, and add to the ``grad`` of every leaf the derivative of this value.

        Args:
            retain_grad: Leave the gradients of intermediate values in their ``grad`` as well.
            create_graph: Record the pass itself, so that gradients can be differentiated again.
            retain_graph: Keep what the tape kept, so that backward can be called again.
            gradient: What to start from; ``self.grad`` where that is set, else ones.

        Raises:
            GraphError: nothing was recorded, or what the tape kept has been freed.
            ShapeError: ``gradient`` has another shape than this value.

        Example:
            >>> import numpy as np
            >>> x = Variable(np.array(2.0))
            >>> y = x ** 3
            >>> y.backward(create_graph=True)
            >>> gx = x.grad
            >>> x.cleargrad()
            >>> gx.backward()
            >>> gx, x.grad
            (variable(12.0), variable(12.0))
        """
        if not isinstance(retain_grad, bool):
            raise DtypeError(
                "backward: its first argument is retain_grad, True or False.\n"
                "    Fix: give a gradient to start from as backward(gradient=...)."
            )
        if not self.generation:
            raise GraphError(_no_graph(self))
        if gradient is None:
            gradient = self._grad
        if gradient is None:
            seed = make_result(namespace_of((self.data,)).ones_like(self.data))
        else:
            seed = _gradient_for(self, gradient)
        root = [(self.node, seed if create_graph else seed.data)]
        arrived = backpropagate(root, create_graph=create_graph, retain_graph=retain_graph, retain_grad=retain_grad)
        accumulate_into_leaves(arrived, create_graph)
        if not retain_grad:
            self._grad = None

    def unchain(self) -> None:
        """Make this value a leaf, also for what was computed from it: what made it is forgotten."""
        if self.generation:
            cut(self.node)

    def unchain_backward(self) -> None:
        """Cut the tape behind this value, so that a later backward stops here (truncated backpropagation in time).

        It becomes a leaf, and so does every value behind it that is still held.
        """
        if self.generation:
            unchain_behind(self.node)

    def detach(self) -> "Variable":
        """The same data as a constant."""
        if self.node is not None:
            note_exit("detach()")
        return Variable(self.data, requires_grad=False)

    # Operators

    __add__, __radd__ = _both_ways(operator.add, F.add)
    __sub__, __rsub__ = _both_ways(operator.sub, F.subtract)
    __mul__, __rmul__ = _both_ways(operator.mul, F.multiply)
    __truediv__, __rtruediv__ = _both_ways(operator.truediv, F.divide)
    __pow__, __rpow__ = _both_ways(operator.pow, F.power)
    __matmul__, __rmatmul__ = _both_ways(operator.matmul, F.matmul)
    __floordiv__, __rfloordiv__ = _both_ways(operator.floordiv, F.floor_divide)
    __mod__, __rmod__ = _both_ways(operator.mod, F.remainder)

    def __neg__(self) -> "Variable":
        return F.negative(self)

    def __abs__(self) -> "Variable":
        return F.abs(self)

    def __pos__(self) -> "Variable":
        return F.positive(self)

    __eq__ = _both_ways(operator.eq, F.equal)[0]  # type: ignore[assignment]
    __ne__ = _both_ways(operator.ne, F.not_equal)[0]  # type: ignore[assignment]
    __lt__ = _both_ways(operator.lt, F.less)[0]
    __le__ = _both_ways(operator.le, F.less_equal)[0]
    __gt__ = _both_ways(operator.gt, F.greater)[0]
    __ge__ = _both_ways(operator.ge, F.greater_equal)[0]

    __and__, __rand__ = _on_bits(operator.and_)
    __or__, __ror__ = _on_bits(operator.or_)
    __xor__, __rxor__ = _on_bits(operator.xor)
    __lshift__, __rlshift__ = _on_bits(operator.lshift)
    __rshift__, __rrshift__ = _on_bits(operator.rshift)

    def __invert__(self) -> "Variable":
        return numpy_protocol.bits(operator.invert, self)

    def __divmod__(self, other: Any) -> "tuple[Variable, Variable]":
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> "tuple[Variable, Variable]":
        return other // self, other % self

    # Augmented assignment changes the value itself, as in NumPy: every name for it, and every view, sees that.

    def __iadd__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self + other)  # type: ignore[no-any-return]

    def __isub__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self - other)  # type: ignore[no-any-return]

    def __imul__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self * other)  # type: ignore[no-any-return]

    def __itruediv__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self / other)  # type: ignore[no-any-return]

    def __ifloordiv__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self // other)  # type: ignore[no-any-return]

    def __imod__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self % other)  # type: ignore[no-any-return]

    def __ipow__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self ** other)  # type: ignore[no-any-return]

    def __imatmul__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self @ other)  # type: ignore[no-any-return]

    def __ilshift__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self << other)  # type: ignore[no-any-return]

    def __irshift__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self >> other)  # type: ignore[no-any-return]

    def __iand__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self & other)  # type: ignore[no-any-return]

    def __ior__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self | other)  # type: ignore[no-any-return]

    def __ixor__(self, other: Any) -> "Variable":  # type: ignore[misc]
        return augment(self, self ^ other)  # type: ignore[no-any-return]

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    __hash__ = Recorded.__hash__  # equality is elementwise, and identity is what a tape needs

    def __getitem__(self, index: Any) -> "Variable":
        return F.get_item(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        write(self, index, numpy_protocol.operand(value))



results_are(Variable)


class Parameter(Variable):
    """A Variable that a model learns: a layer finds it among its attributes.

    Example:
        >>> import numpy as np
        >>> Parameter(np.zeros(3), name="bias").requires_grad
        True
    """

    __slots__ = ()

    def __init__(self, data: Any, name: str | None = None, *, requires_grad: bool = True) -> None:
        super().__init__(data, name, requires_grad=requires_grad)

    def __setattr__(self, name: str, value: Any) -> None:
        # Reading is as quick as ever.  Of other Variables, which operations make by the thousand, nothing is checked;
        # nor is an array that is like the one that it replaces.
        if name == "data":
            held = getattr(self, "data", None)
            if held is None or value.__class__ is not held.__class__ or value.dtype is not held.dtype:
                value = self._checked_data(value)
        _set(self, name, value)

    def _checked_data(self, data: Any) -> Any:
        """What ``parameter.data = data`` puts there: an array, that of a Variable, or what waits for its shape."""
        data = data.data if isinstance(data, Recorded) else data
        if not hasattr(data, "dtype") or not hasattr(data, "shape"):
            raise DtypeError(
                message("the data of a parameter is an array.", [("data", data)], "write p.data = numpy.array(...).")
            )
        if hasattr(type(data), "_no_array"):
            return data
        data = namespace_of((data,)).checked_array(data)
        if getattr(self, "data", None) is not None:
            refuse_leak(self, data, "the data")
        if getattr(self, "node", None) is not None and not _differentiable(data):
            raise _no_gradient_of(data)
        held = getattr(self, "data", None)
        if hasattr(type(held), "fits") and not held.fits(data.shape):  # type: ignore[union-attr]
            raise ShapeError(
                message(
                    "this array does not fit the parameter, which waits for a shape.",
                    [("parameter", held), ("data", data)],
                    f"give an array of shape {held.shape}, with any length for None.",  # type: ignore[union-attr]
                )
            )
        return data


_set = object.__setattr__


def as_array(value: Any) -> Any:
    """The array in ``value``: a Variable's data, an array itself, or a number or list converted by NumPy.

    Example:
        >>> as_array(1.5)
        array(1.5)
    """
    if isinstance(value, Recorded):
        return value.data
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return namespace_of((value,)).asarray(value)
    return namespace_of(()).asarray(value)


def as_variable(value: Any) -> Variable:
    """``value`` itself where it is a Variable, else a new one around its array.

    Example:
        >>> as_variable([1.0, 2.0])
        variable([1. 2.])
    """
    return value if isinstance(value, Variable) else Variable(as_array(value))


def _rebuild(kind: type[Variable], data: Any, name: str | None, requires_grad: bool, grad: Any) -> Variable:
    value = object.__new__(kind)
    value.data, value.memory, value.name, value._grad = data, None, name, grad
    value.node = Leaf(value) if requires_grad else None
    return value


def _differentiable(data: Any) -> bool:
    return namespace_of((data,)).isdtype(data.dtype, "real floating")  # type: ignore[no-any-return]


def _no_gradient_of(data: Any) -> DtypeError:
    return DtypeError(
        f"Variable: data of dtype {data.dtype} cannot have a gradient.\n"
        "    Fix: convert it to floating point first, for example data.astype(float)."
    )


def _gradient_for(value: Variable, gradient: Any) -> Variable:
    """Check that a gradient fits a value, and wrap it."""
    gradient = gradient if isinstance(gradient, Variable) else Variable(as_array(gradient), requires_grad=False)
    if gradient.shape != value.shape:
        raise ShapeError(
            message(
                "a gradient has the shape of its variable.",
                [("variable", value), ("gradient", gradient)],
                f"give an array of shape {value.shape}.",
            )
        )
    if gradient.dtype != value.dtype:
        if not namespace_of((gradient.data,)).isdtype(gradient.dtype, "real floating"):
            raise DtypeError(
                message("a gradient has the dtype of its variable.", [("variable", value), ("gradient", gradient)])
            )
        gradient = gradient.astype(value.dtype)
    return gradient


def _no_graph(value: Variable) -> str:
    fact = "backward: there is nothing to go back over."
    if value.requires_grad:
        return message(fact, [("leaf", value)], "call backward on a value computed from this one.")
    return message(
        fact,
        [("constant", value)],
        "compute it from a Variable that requires a gradient (floating-point data), outside no_grad().",
    )
