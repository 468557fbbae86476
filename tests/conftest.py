"""Every test draws the same random numbers, whichever ran before it."""

import pytest

import wengert


@pytest.fixture(autouse=True)
def _seeded() -> None:
    wengert.seed(0)
