"""Every test draws the same random numbers, whichever ran before it, and hears Ctrl-C."""

import signal

import pytest

import wengert


@pytest.fixture(autouse=True)
def _seeded() -> None:
    wengert.seed(0)


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """A shell starts what runs in the background deaf to Ctrl-C, and its children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
