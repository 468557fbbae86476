"""The package of "Deep Learning from Scratch 3", on Wengert: the book's modules, names and arguments.

``import wengert.dezero as dezero``; or `install`, after which ``import dezero`` is this.
What differs on purpose is in docs/dezero.md.
"""

import sys

from wengert.dezero import (
    core,
    core_simple,
    cuda,
    dataloaders,
    datasets,
    functions,
    functions_conv,
    layers,
    models,
    optimizers,
    transforms,
    utils,
)
from wengert.dezero.core import (
    Config,
    Function,
    Parameter,
    Variable,
    as_array,
    as_variable,
    no_grad,
    setup_variable,
    test_mode,
    using_config,
)
from wengert.dezero.dataloaders import DataLoader, SeqDataLoader
from wengert.dezero.datasets import Dataset
from wengert.dezero.layers import Layer
from wengert.dezero.models import Model

__version__ = "0.0.13"  # of the book's package, whose names these are
is_simple_core = False

__all__ = [
    "Config",
    "DataLoader",
    "Dataset",
    "Function",
    "Layer",
    "Model",
    "Parameter",
    "SeqDataLoader",
    "Variable",
    "as_array",
    "as_variable",
    "core",
    "core_simple",
    "cuda",
    "dataloaders",
    "datasets",
    "functions",
    "functions_conv",
    "install",
    "is_simple_core",
    "layers",
    "models",
    "no_grad",
    "optimizers",
    "setup_variable",
    "test_mode",
    "transforms",
    "using_config",
    "utils",
]


def install(name: str = "dezero") -> None:
    """Let ``import dezero``, ``import dezero.functions as F`` and the like find this package.

    Example:
        >>> install("dezero_by_another_name")
        >>> from dezero_by_another_name.core import Variable as found
        >>> found is Variable
        True
    """
    this = sys.modules[__name__]
    sys.modules[name] = this
    for key, module in list(sys.modules.items()):
        if key.startswith(f"{__name__}."):
            sys.modules[name + key.removeprefix(__name__)] = module
