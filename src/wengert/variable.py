"""Variable: an array that remembers how it was made; and Parameter, one that a model learns.

Operators and methods are the functions of ``wengert.functions`` under their usual names.
Read core/ for what happens when one is called.
"""

from collections.abc import Iterator
from typing import Any
from weakref import ref

from wengert import functions as F
from wengert import numpy_protocol
from wengert.backends import namespace_of
from wengert.core.backward import accumulate_into_leaves, backpropagate, unchain_behind
from wengert.core.function import Function, maker_of
from wengert.core.modes import current_config
from wengert.core.recorded import Leaf, Recorded, make_result, results_are
from wengert.errors import DtypeError, GraphError, InputError, ShapeError, describe, message

__all__ = ["Parameter", "Variable", "as_array", "as_variable"]

class Variable(Recorded):
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
        self.name = name
        self._grad = None

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

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """The type of the entries."""
        return self.data.dtype

    @property
    def T(self) -> "Variable":  # noqa: N802 (NumPy's name)
        """The axes in reverse order."""
        return F.transpose(self)

    @property
    def mT(self) -> "Variable":  # noqa: N802 (the Array API standard's name)
        """The last two axes exchanged."""
        return F.matrix_transpose(self)

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

    def item(self) -> Any:
        """The one entry of an array of size 1, as a Python number."""
        return self.data.item()

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def _number(self) -> Any:
        """The data, for Python and C code that would compute on with a plain number (``math.sin``, ``array[i] = x``).

        The gradient would be lost there without a word, so a recorded value is refused.
        """
        if self.requires_grad and current_config().enable_backprop:
            raise DtypeError(
                message(
                    "a Variable that needs a gradient does not turn into a plain number by itself.",
                    [("variable", self)],
                    "write x.item() or float(x.data) for the number alone; assign into x.copy() to keep the gradient.",
                )
            )
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
        """Make this value a leaf: what made it is forgotten."""
        if self.generation:
            self.node = Leaf(self)

    def unchain_backward(self) -> None:
        """Cut the tape behind this value, so that a later backward stops here (truncated backpropagation in time).

        It becomes a leaf, and so does every value behind it that is still held.
        """
        if self.generation:
            unchain_behind(self.node)

    def detach(self) -> "Variable":
        """The same data as a constant."""
        return Variable(self.data, requires_grad=False)

    # Operators

    def __add__(self, other: Any) -> "Variable":
        return F.add(self, other)

    def __radd__(self, other: Any) -> "Variable":
        return F.add(other, self)

    def __sub__(self, other: Any) -> "Variable":
        return F.subtract(self, other)

    def __rsub__(self, other: Any) -> "Variable":
        return F.subtract(other, self)

    def __mul__(self, other: Any) -> "Variable":
        return F.multiply(self, other)

    def __rmul__(self, other: Any) -> "Variable":
        return F.multiply(other, self)

    def __truediv__(self, other: Any) -> "Variable":
        return F.divide(self, other)

    def __rtruediv__(self, other: Any) -> "Variable":
        return F.divide(other, self)

    def __pow__(self, other: Any) -> "Variable":
        return F.power(self, other)

    def __rpow__(self, other: Any) -> "Variable":
        return F.power(other, self)

    def __matmul__(self, other: Any) -> "Variable":
        return F.matmul(self, other)

    def __rmatmul__(self, other: Any) -> "Variable":
        return F.matmul(other, self)

    def __floordiv__(self, other: Any) -> "Variable":
        return F.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> "Variable":
        return F.floor_divide(other, self)

    def __mod__(self, other: Any) -> "Variable":
        return F.remainder(self, other)

    def __rmod__(self, other: Any) -> "Variable":
        return F.remainder(other, self)

    def __neg__(self) -> "Variable":
        return F.negative(self)

    def __abs__(self) -> "Variable":
        return F.abs(self)

    def __pos__(self) -> "Variable":
        return self

    def __eq__(self, other: Any) -> "Variable":  # type: ignore[override]
        return F.equal(self, other)

    def __ne__(self, other: Any) -> "Variable":  # type: ignore[override]
        return F.not_equal(self, other)

    def __lt__(self, other: Any) -> "Variable":
        return F.less(self, other)

    def __le__(self, other: Any) -> "Variable":
        return F.less_equal(self, other)

    def __gt__(self, other: Any) -> "Variable":
        return F.greater(self, other)

    def __ge__(self, other: Any) -> "Variable":
        return F.greater_equal(self, other)

    def __and__(self, other: Any) -> "Variable":
        return F.logical_and(*_booleans("&", self, other))

    def __or__(self, other: Any) -> "Variable":
        return F.logical_or(*_booleans("|", self, other))

    def __xor__(self, other: Any) -> "Variable":
        return F.logical_xor(*_booleans("^", self, other))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> "Variable":
        return F.logical_not(*_booleans("~", self))

    def __divmod__(self, other: Any) -> "tuple[Variable, Variable]":
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> "tuple[Variable, Variable]":
        return other // self, other % self

    __hash__ = Recorded.__hash__  # equality is elementwise, and identity is what a tape needs

    def __getitem__(self, index: Any) -> "Variable":
        return F.get_item(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        recording = current_config().enable_backprop
        if isinstance(self.node, Leaf) and recording:
            raise GraphError(
                message(
                    "x[index] = value on a leaf would lose the value that gradients are asked for.",
                    [("leaf", self)],
                    "assign to a copy, x = x.copy(), which is recorded; or, to set a start value, inside no_grad().",
                )
            )
        if self.generation and not recording:
            raise GraphError(
                "x[index] = value inside no_grad() would part this value from how the tape says it was made.\n"
                "    Fix: assign outside no_grad(), or to x.detach()."
            )
        written = F.update(self, index, value)
        self.data = written.data
        if recording:
            self._become(written)

    def _become(self, written: "Variable") -> None:
        """Stand on the tape where ``written`` stands; what made this value before no longer leads to it."""
        if self.generation:
            function, place = maker_of(self.node)
            stand_in = ref(make_result(None))  # dead at once
            results = function.results
            function.made = (*results[:place], stand_in, *results[place + 1 :]) if function.several else stand_in
        self.node = written.node
        if isinstance(self.node, Function):
            self.node.made = ref(self)

    # Methods: the functions of the same name

    def sum(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.sum`."""
        return F.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.mean`."""
        return F.mean(self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.prod`."""
        return F.prod(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.max`."""
        return F.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.min`."""
        return F.min(self, axis=axis, keepdims=keepdims)

    def var(
        self, axis: Any = None, keepdims: bool = False, *, correction: float | None = None, ddof: float | None = None
    ) -> "Variable":
        """See `wengert.functions.var`; ``ddof`` is NumPy's older name of ``correction``."""
        return F.var(self, axis=axis, keepdims=keepdims, correction=_correction(correction, ddof))

    def std(
        self, axis: Any = None, keepdims: bool = False, *, correction: float | None = None, ddof: float | None = None
    ) -> "Variable":
        """See `wengert.functions.std`; ``ddof`` is NumPy's older name of ``correction``."""
        return F.std(self, axis=axis, keepdims=keepdims, correction=_correction(correction, ddof))

    def cumsum(self, axis: int | None = None) -> "Variable":
        """See `wengert.functions.cumsum`."""
        return F.cumsum(self, axis=axis)

    def cumprod(self, axis: int | None = None) -> "Variable":
        """See `wengert.functions.cumprod`."""
        return F.cumprod(self, axis=axis)

    def any(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.any`."""
        return F.any(self, axis=axis, keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.all`."""
        return F.all(self, axis=axis, keepdims=keepdims)

    def squeeze(self, axis: Any = None) -> "Variable":
        """See `wengert.functions.squeeze`."""
        return F.squeeze(self, axis=axis)

    def clip(self, min: Any = None, max: Any = None) -> "Variable":
        """See `wengert.functions.clip`."""
        return F.clip(self, min, max)

    def dot(self, other: Any) -> "Variable":
        """See `wengert.functions.dot`."""
        return F.dot(self, other)

    def matmul(self, other: Any) -> "Variable":
        """See `wengert.functions.matmul`."""
        return F.matmul(self, other)

    def flatten(self) -> "Variable":
        """All entries along one axis: `wengert.functions.ravel`."""
        return F.ravel(self)

    def ravel(self) -> "Variable":
        """See `wengert.functions.ravel`."""
        return F.ravel(self)

    def copy(self) -> "Variable":
        """See `wengert.functions.copy`."""
        return F.copy(self)

    def astype(self, dtype: Any) -> "Variable":
        """See `wengert.functions.astype`."""
        return F.astype(self, dtype)

    def repeat(self, repeats: Any, axis: int | None = None) -> "Variable":
        """See `wengert.functions.repeat`."""
        return F.repeat(self, repeats, axis=axis)

    def swapaxes(self, axis1: int, axis2: int) -> "Variable":
        """See `wengert.functions.swapaxes`."""
        return F.swapaxes(self, axis1, axis2)

    def trace(self, offset: int = 0) -> "Variable":
        """See `wengert.functions.trace`."""
        return F.trace(self, offset=offset)

    def diagonal(self, offset: int = 0) -> "Variable":
        """See `wengert.functions.diagonal`."""
        return F.diagonal(self, offset=offset)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.argmax`."""
        return F.argmax(self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> "Variable":
        """See `wengert.functions.argmin`."""
        return F.argmin(self, axis=axis, keepdims=keepdims)

    def argsort(self, axis: int | None = -1, *, descending: bool = False) -> "Variable":
        """See `wengert.functions.argsort`."""
        return F.argsort(self, axis=axis, descending=descending)

    def sort(self, axis: int | None = -1, *, descending: bool = False) -> "Variable":
        """See `wengert.functions.sort`: a sorted copy, where NumPy's method sorts in place.

        A recorded array is never changed.
        """
        return F.sort(self, axis=axis, descending=descending)

    def take(self, indices: Any, axis: int | None = None) -> "Variable":
        """See `wengert.functions.take`."""
        return F.take(self, indices, axis=axis)

    def nonzero(self) -> "tuple[Variable, ...]":
        """See `wengert.functions.nonzero`."""
        indices: Any = F.nonzero(self)
        return indices

    def tolist(self) -> Any:
        """The entries as Python numbers in nested lists: like `item`, for the numbers alone."""
        return self.data.tolist()

    def round(self, decimals: int = 0) -> "Variable":
        """See `wengert.functions.round`."""
        return F.round(self, decimals)

    def reshape(self, *shape: Any) -> "Variable":
        """See `wengert.functions.reshape`; the shape may be one tuple or several numbers."""
        return F.reshape(self, shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape)

    def transpose(self, *axes: Any) -> "Variable":
        """See `wengert.functions.transpose`; the axes may be one tuple or several numbers."""
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list | None) else axes
        return F.transpose(self, order or None)


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
        # Reading is as quick as ever.  Of other Variables, which operations make by the thousand, nothing is checked.
        _set(self, name, self._checked_data(value) if name == "data" else value)

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


def _booleans(symbol: str, *operands: Any) -> tuple[Any, ...]:
    for operand in operands:
        if not isinstance(operand, bool) and getattr(operand, "dtype", "") != "bool":
            raise DtypeError(
                message(
                    f"{symbol} is logic here, and takes booleans.",
                    [("operand", operand)],
                    f"compare first, as in (x > 0) {symbol} (y > 0); for the bits of integers use x.data.",
                )
            )
    return operands


def _correction(correction: float | None, ddof: float | None) -> float:
    """The one number behind two names, 0 where neither is given."""
    if correction is not None and ddof is not None and correction != ddof:
        raise InputError(
            f"correction and ddof are names of one number, and were given as {correction} and {ddof}.\n"
            "    Fix: give one of them."
        )
    return next((number for number in (correction, ddof) if number is not None), 0)


def _rebuild(kind: type[Variable], data: Any, name: str | None, requires_grad: bool, grad: Any) -> Variable:
    value = object.__new__(kind)
    value.data, value.name, value._grad = data, name, grad
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
