"""docs/functions.md says what is true, and every public function has a row in the table of operations."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import coverage_table


@pytest.mark.parametrize("name", coverage_table.public_functions())
def test_every_public_function_has_a_row(name: str) -> None:
    functions = coverage_table.public_functions()
    aliases = [other for other, function in functions.items() if function is functions[name]]
    assert any(other in coverage_table.rows() for other in aliases), f"{name} has no row in tests/rows"


def test_every_row_is_of_a_public_function() -> None:
    assert sorted(set(coverage_table.rows()) - set(coverage_table.public_functions())) == []


def test_the_page_is_up_to_date() -> None:
    text = coverage_table.PAGE.read_text(encoding="utf-8")
    if f"NumPy {coverage_table.VERSION}." not in text:
        pytest.skip("the page lists the functions of another version of NumPy")
    assert text == coverage_table.page(), "docs/functions.md is out of date: run python tools/coverage_table.py"


def test_every_numpy_name_in_a_row_is_answered() -> None:
    unanswered = {
        name: function
        for name, row in coverage_table.rows().items()
        for function in row.numpy
        if coverage_table.numpy_protocol.find(function) is None
    }
    assert unanswered == {}
