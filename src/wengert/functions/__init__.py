"""The differentiable functions, one file a family; as a whole, the namespace ``F`` that derivatives are recorded in."""

from typing import TYPE_CHECKING

from wengert.functions import (
    activation,
    arithmetic,
    attention,
    comparison,
    convolution,
    creation,
    decompositions,
    elementwise,
    indexing,
    linalg,
    loss,
    normalization,
    pooling,
    recurrent,
    reduction,
    shape,
)
from wengert.functions.activation import *
from wengert.functions.arithmetic import *
from wengert.functions.attention import *
from wengert.functions.comparison import *
from wengert.functions.convolution import *
from wengert.functions.creation import *
from wengert.functions.decompositions import *
from wengert.functions.elementwise import *
from wengert.functions.indexing import *
from wengert.functions.linalg import *
from wengert.functions.loss import *
from wengert.functions.normalization import *
from wengert.functions.pooling import *
from wengert.functions.recurrent import *
from wengert.functions.reduction import *
from wengert.functions.shape import *
from wengert.functions.writing import cleared, entries, placed  # noqa: F401  (asked for by derivatives only)
from wengert.migration import answering

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    name
    for family in (
        activation,
        arithmetic,
        attention,
        comparison,
        convolution,
        creation,
        decompositions,
        elementwise,
        indexing,
        linalg,
        loss,
        normalization,
        pooling,
        recurrent,
        reduction,
        shape,
    )
    for name in family.__all__
]

if not TYPE_CHECKING:
    __getattr__ = answering("wengert.functions")
