"""Every example in the documents and docstrings runs."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pytest

import wengert

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(wengert.__path__, "wengert.")
    if not module.name.startswith("wengert.backends.jax")
)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    with np.errstate(all="ignore"):
        result = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert result.failed == 0


@pytest.mark.parametrize("name", ["README.md", "docs/see.md"])
def test_documents(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(ROOT / name), module_relative=False, optionflags=FLAGS)
    assert result.attempted > 5
    assert result.failed == 0
