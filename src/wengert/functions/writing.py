"""Writing into values: ``x[index] = value`` and ``x += value``, as NumPy does it and as the tape records it.

A write goes to the root of the family, whose memory it is, and every view that shows the place is made again from what
it is a view of: its numbers are the new ones, and so is its derivative.  What an operation has saved is never changed:
a write makes a copy first where anybody outside the family holds the memory.
"""

from sys import getrefcount
from typing import Any
from weakref import ref

import numpy as np

from wengert.backends import namespace_of
from wengert.backends.regions import has_gaps, region_of, shows
from wengert.core.function import Function, maker_of, watched
from wengert.core.memory import SCALAR, View, root_of, views_of
from wengert.core.modes import current_config
from wengert.core.operation import record_call
from wengert.core.recorded import Leaf, Recorded, make_result
from wengert.errors import DtypeError, GraphError, InputError, ShapeError, message
from wengert.functions.creation import astype
from wengert.functions.indexing import _update, check_taken_in, get_item, plain_index, scatter_add, update
from wengert.functions.shape import reshape
from wengert.tracing import refuse_leak

__all__ = ["assign", "augment", "cleared", "entries", "placed", "write"]


def write(target: Any, index: Any, value: Any) -> None:
    """``target[index] = value``: recorded, and seen by all that shows the same memory.

    Args:
        target: A Variable, a view of one perhaps.
        index: As in NumPy: basic, advanced, boolean.
        value: A Variable, an array or a number that broadcasts into the place; it is cast to the dtype of ``target``.

    Raises:
        GraphError: the memory is that of a leaf that needs a gradient, and the tape is recording; or that of a
            computed value, and it is not.
        DtypeError: ``target`` holds integers or booleans, and ``value`` needs a gradient.
        InputError: ``target`` is a view that NumPy makes read-only, of `diagonal` or `broadcast_to`.
        ShapeError: ``value`` does not broadcast into the place.

    Cost: the entries written; a copy of the whole array first where somebody else holds it, as an operation does that
        has saved it.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> y = Variable(np.array([1.0, 2.0, 3.0])) * 2.0
        >>> tail = y[1:]
        >>> write(tail, 0, 10.0)
        >>> y
        variable([ 2. 10.  6.])
    """
    index = plain_index(index)
    root = root_of(target)
    recording = current_config().enable_backprop
    _check_root(root, recording)
    check_taken_in(target, value)
    if _lies_there_already(target, index, value):
        return
    if isinstance(root.data, np.ndarray):
        _write_into_memory(root, target, index, value, recording)
    else:
        _write_anew(root, target, index, value, recording)


def augment(target: Any, result: Any) -> Any:
    """What ``target += value`` leaves under the name, where ``result`` is ``target + value``.

    That is ``target`` itself, which now holds the result; for a scalar, which NumPy does not change either, ``result``.

    Raises:
        DtypeError: the result is of a kind that the dtype of ``target`` does not hold, as floating point in integers.
        ShapeError: it has another shape.
        GraphError: see `write`.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> y = Variable(np.array([1.0, 2.0])) * 2.0
        >>> z = y
        >>> augment(z, z + 1.0) is y, y
        (True, variable([3. 5.]))
    """
    if target.memory is SCALAR:
        return result
    if result.shape != target.shape:
        raise ShapeError(
            message(
                "x += value and its kin leave the shape of x as it is.",
                [("x", target), ("result", result)],
                "write x = x + value.",
            )
        )
    assign(target, result)
    return target


def assign(target: Any, result: Any) -> None:
    """All of ``target`` becomes ``result``, of the same shape, cast to its dtype where that is of the same kind.

    Raises:
        DtypeError: it is not.
        GraphError: see `write`.

    Example:
        >>> import numpy as np
        >>> from wengert import Variable
        >>> y = Variable(np.array([1.0, 2.0])) * 2.0
        >>> assign(y, y[::-1])
        >>> y
        variable([4. 2.])
    """
    if result.dtype != target.dtype:
        if not namespace_of((target.data,)).can_cast(result.dtype, target.dtype, "same_kind"):
            raise DtypeError(
                message(
                    f"x += value and its kin leave the dtype of x, and {target.dtype} does not hold the result.",
                    [("x", target), ("result", result)],
                    "write x = x + value, or make x of that dtype first.",
                )
            )
        check_taken_in(target, result)
        result = astype(result, target.dtype)
    if target.memory.__class__ is View or result.memory is not None or views_of(target):
        write(target, ..., result)
        return
    recording = current_config().enable_backprop
    _check_root(target, recording)
    refuse_leak(target, result.data, "the data")
    target.data = result.data
    if recording:
        _become(target, result)


def _check_root(root: Any, recording: bool) -> None:
    if isinstance(root.node, Leaf):
        if recording:
            namespace_of((root.data,))  # one that waits for its shape says so
            raise GraphError(
                message(
                    "writing into a leaf would lose the value that gradients are asked for.",
                    [("leaf", root)],
                    "write into a copy, x = x.copy(), or make a new value, x = x + 1: both are recorded; "
                    "to change the leaf itself, as a step of training does, write inside no_grad().",
                )
            )
    elif root.node is not None and not recording:
        raise GraphError(
            message(
                "writing inside no_grad() would part a computed value from how the tape says it was made.",
                [("variable", root)],
                "write outside no_grad(), or into x.detach().",
            )
        )


def _lies_there_already(target: Any, index: Any, value: Any) -> bool:
    """Whether ``value`` shows the place itself, as in the second half of ``x[1:] += 1``, which is ``x[1:] = view``."""
    if not isinstance(value, Recorded) or value.memory.__class__ is not View or root_of(value) is not root_of(target):
        return False
    if not isinstance(value.data, np.ndarray):
        return False
    place = target.data[index]
    return bool(
        place.shape == value.data.shape
        and place.strides == value.data.strides
        and place.__array_interface__["data"] == value.data.__array_interface__["data"]
    )


def _write_into_memory(root: Any, target: Any, index: Any, value: Any, recording: bool) -> None:
    """The write for NumPy's arrays: in place."""
    observer = current_config().observer
    # An observer is shown the value as it was: what stands for it holds the memory, so that the family moves.
    before = root if observer is None else make_result(root.data, root.node)
    views = views_of(root)
    for view in views:
        if not shows(view.data, view.memory.base.data):  # somebody has given it, or its base, other data since
            view.memory = None
            return write(target, index, value)
    if not _held_by_family_only(root, views):
        _move(root, views)
    if not target.data.flags.writeable:
        raise InputError(
            message(
                "this view is read-only, as it is in NumPy: diagonal and broadcast_to make such views.",
                [("view", target)],
                "write into the array itself, or into a copy of the view.",
            )
        )
    rule = _update.rule
    region = None if target is root else region_of(target.data, root.data)

    def act(x: Any, value: Any, *, index: Any, region: Any) -> Any:
        entries, edge = (value.data, value.node) if isinstance(value, Recorded) else (value, None)
        if entries.__class__ is complex and x.data.dtype.kind == "c":
            entries = np.asarray(entries)
        xp = namespace_of((x.data, entries))
        try:
            xp.write(target.data, index, entries)
        except Exception as error:
            raise rule.failed(error, (target, value)) from error
        edges = tuple([each for each in (x.node, edge) if each is not None])
        needs = (x.node is not None) + 2 * (edge is not None) if recording else 0
        options = {"index": index, "region": region}
        return record_call(rule, xp, (x, value), (x.data, entries), edges, needs, root.data, options)

    options = {"index": index, "region": region}
    if observer is None:
        written = act(root, value, **options)
    else:
        written = watched(rule, act, (before, value), options, observer)
    if written.node is None:
        return None
    _become(root, written)
    for view in views:
        if not view.memory.made_off_tape and np.may_share_memory(view.data, target.data):
            _become(view, view.memory.again())
    return None


def _held_by_family_only(root: Any, views: list[Any]) -> bool:
    """Whether nobody but these values holds the memory, so that a write spoils nothing.

    Counted are references: an array has one from its Variable and one from this count, and the root's one more from
    each view.  What has been saved, by the tape or by anybody else, holds the array or a view of it.
    """
    if root.data.base is not None or not root.data.flags.writeable:
        return False
    for view in views:
        if getrefcount(view.data) > 2:
            return False
    return getrefcount(root.data) <= 2 + len(views)


def _move(root: Any, views: list[Any]) -> None:
    """Give a family memory of its own."""
    before = root.data
    gaps = has_gaps(before)
    root.data = np.array(before, copy=True)  # in the same order of axes, so that views lie in it as before
    for view in views:
        if gaps:
            with_tape = view.memory
            data = with_tape.operate(with_tape.base.data, **with_tape.options).data
        else:
            data = region_of(view.data, before).of(root.data)
        data.flags.writeable = view.data.flags.writeable
        view.data = data


def _write_anew(root: Any, target: Any, index: Any, value: Any, recording: bool) -> None:
    """The write for arrays that cannot be written into: a new array for every member of the family."""
    views = views_of(root)
    numbers = np.arange(root.data.size).reshape(root.data.shape)
    places = {id(root): numbers}
    for view in views:  # these libraries have no views: what NumPy would make one is one
        above = places.get(id(view.memory.base))
        shown = None if above is None else view.memory.operate(above, **view.memory.options).data
        if shown is None or not shows(shown, above):
            view.memory = None
        else:
            places[id(view)] = shown
    if target is not root and target.memory is None:
        return write(target, index, value)
    if target is root:
        written = update(root, index, value)
    else:
        written = reshape(update(reshape(root, (-1,)), places[id(target)][index], value), root.data.shape)
    refuse_leak(root, written.data, "the data")
    root.data = written.data
    if recording:
        _become(root, written)
    for view in views:
        if view.memory is not None:
            again = view.memory.again()
            view.data = again.data
            if recording and not view.memory.made_off_tape:
                _become(view, again)
    return None


def _become(value: Any, other: Any) -> None:
    """Stand on the tape where ``other`` stands; what made this value before no longer leads to it."""
    if value.node is not None and value.node.depth:
        function, place = maker_of(value.node)
        stand_in = ref(make_result(None))  # dead at once
        results = function.results
        function.made = (*results[:place], stand_in, *results[place + 1 :]) if function.several else stand_in
    value.node = other.node
    if isinstance(value.node, Function):
        value.node.made = ref(value)


# What derivatives ask of a namespace, where they are recorded themselves


def placed(shape: Any, index: Any, values: Any) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``index``.

    Example:
        >>> import numpy as np
        >>> placed((3,), 1, np.array(2.0))
        variable([0. 2. 0.])
    """
    return scatter_add(shape, values.dtype, index, values)


def entries(g: Any, index: Any, region: Any) -> Any:
    """The entries at ``index`` of the view of ``g`` that lies at ``region``; of ``g`` itself where None.

    Example:
        >>> import numpy as np
        >>> entries(np.array([1.0, 2.0]), 1, None)
        variable(2.0)
    """
    return get_item(g, index) if region is None else get_item(reshape(g, (-1,)), region.places(g.shape)[index])


def cleared(g: Any, owned: bool, index: Any, region: Any) -> Any:
    """``g`` with zeros there.

    Example:
        >>> import numpy as np
        >>> cleared(np.array([1.0, 2.0]), False, 1, None)
        variable([1. 0.])
    """
    if region is None:
        return update(g, index, 0.0)
    return reshape(update(reshape(g, (-1,)), region.places(g.shape)[index], 0.0), g.shape)
