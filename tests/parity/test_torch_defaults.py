"""Defaults beside PyTorch's own: where a name is the same and a default is another, docs/torch.md says so."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from wengert import Variable, functions, layers, optimizers

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e .[parity]")

PAGE = (Path(__file__).parents[2] / "docs" / "torch.md").read_text()
PAIRS = [
    (functions, torch.nn.functional),
    (layers, torch.nn),
    (optimizers, torch.optim),
    (optimizers, torch.optim.lr_scheduler),
]
RENAMED = {"negative_slope": "slope", "p": "ratio", "dim": "axis", "num_groups": "groups"}
SAME = {"activation"}  # the same function of each library
NAMES = [(mine, theirs, name) for mine, theirs in PAIRS for name in mine.__all__ if hasattr(theirs, name)]
def defaults(function: Any) -> dict[str, Any]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return {}
    return {name: p.default for name, p in parameters.items() if p.default is not p.empty}


@pytest.mark.parametrize(("mine", "theirs", "name"), NAMES, ids=[f"{m.__name__}.{n}" for m, _, n in NAMES])
def test_another_default_is_on_the_page(mine: Any, theirs: Any, name: str) -> None:
    ours, other = defaults(getattr(mine, name)), defaults(getattr(theirs, name))
    if "betas" in other:
        other["beta1"], other["beta2"] = other.pop("betas")
    for argument, value in other.items():
        here = RENAMED.get(argument, argument)
        if here not in ours or ours[here] == value or here in SAME:
            continue
        if here == "dtype":
            assert "`dtype` of layers" in PAGE
        else:
            lines = [line for line in PAGE.splitlines() if f"`{name}" in line or f"F.{name}" in line]
            assert any(here in line or argument in line for line in lines), (name, here, ours[here], value)


def test_the_same_name_with_another_meaning() -> None:
    """The lines of the page's first table after that of names: each gives something else there, and this here."""
    x = np.arange(6.0).reshape(2, 3)
    F, TF, t = functions, torch.nn.functional, torch.tensor(x)
    square = np.arange(9.0).reshape(3, 3)
    assert_array_equal(F.linear(x, square).data, x @ square)
    assert_array_equal(TF.linear(t, torch.tensor(square)), x @ square.T)
    assert F.pad(x, (1, 2)).shape == (5, 6) and TF.pad(t, (1, 2)).shape == (2, 6)
    assert len(F.split(np.arange(12.0), 3)) == 3 and len(torch.split(torch.arange(12.0), 3)) == 4
    assert_allclose(F.std(x).data, np.std(x))
    assert_allclose(F.std(x, correction=1).data, torch.std(t))
    assert_allclose(F.var(x, correction=1).data, torch.var(t))
    assert F.flatten(np.ones((2, 3, 4))).shape == (2, 12) and torch.flatten(torch.ones(2, 3, 4)).shape == (24,)
    mean, var = np.full(3, 2.0), np.ones(3)
    evaluated = F.batch_norm(x, Variable(mean), Variable(var), training=False).data
    assert_allclose(evaluated, TF.batch_norm(t, torch.tensor(mean), torch.tensor(var)))
    trained = F.batch_norm(x, Variable(mean, requires_grad=False), Variable(var, requires_grad=False)).data
    assert_allclose(trained.mean(0), 0, atol=1e-12)
    assert F.max(x, 1).shape == (2,) and len(torch.max(t, 1)) == 2
    assert_array_equal(Variable(x[0]).repeat(2).data, [0, 0, 1, 1, 2, 2])
    assert_array_equal(t[0].repeat(2), np.tile(x[0], 2))


def test_many_are_looked_at() -> None:
    assert len(NAMES) > 150
