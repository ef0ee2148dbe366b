"""docs/privacy.md: every promise has a mechanism that is there and a test that runs."""

import ast
import re
from functools import cache

import pytest

from tests.house.sources import ROOT

LEDGER = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
HEAD = ["promise", "mechanism", "test", "outside our reach"]
MARKS = {"skip", "skipif", "xfail"}


def rows() -> list[list[str]]:
    """Returns the cells of the table. Its head comes first."""
    lines = [line for line in LEDGER.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in [lines[0], *lines[2:]]]


def names(cell: str) -> list[str]:
    """Returns the names in code marks."""
    return re.findall(r"`([^`]+)`", cell)


def marks_of(source: str) -> dict[str, set[str]]:
    """Returns each test of a module, with the marks that prevent it from running. A module's own marks apply to all its
    tests."""
    tree = ast.parse(source)
    of_all: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
            of_all |= _marks(node.value)
    return {
        node.name: of_all.union(*map(_marks, node.decorator_list))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def _marks(node: ast.expr) -> set[str]:
    return {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)} & MARKS


@cache
def marks_in(path: str) -> dict[str, set[str]]:
    """Returns each test of the module in this file, with its marks. The result is empty if there is no such file."""
    file = ROOT / path
    return marks_of(file.read_text(encoding="utf-8")) if file.is_file() else {}


def faults(row: list[str]) -> list[str]:
    """Returns the faults of a row."""
    if len(row) != len(HEAD) or not all(row):
        return ["a cell is missing"]
    _, mechanism, test, _ = row
    found = [f"{name} is missing" for name in names(mechanism) if not (ROOT / name).is_file()]
    found += [f"no {what} is named" for what, cell in (("mechanism", mechanism), ("test", test)) if not names(cell)]
    for name in names(test):
        path, _, function = name.partition("::")
        marks = marks_in(path).get(function)
        if marks is None:
            found.append(f"{name} is missing")
        elif marks:
            found.append(f"{name} is skipped")
    return found


def test_the_table_has_its_four_columns_and_every_promise_once() -> None:
    """A promise that occurs twice would be kept in one place only."""
    head, *promises = rows()
    assert head == HEAD
    assert len({row[0] for row in promises}) == len(promises) >= 13


@pytest.mark.parametrize("row", rows()[1:], ids=lambda row: row[0])
def test_every_promise_has_an_existing_mechanism_and_a_running_test(row: list[str]) -> None:
    """A mechanism is named by its file, and a test by its file and name."""
    assert faults(row) == []


def test_every_document_and_file_that_the_ledger_names_is_there() -> None:
    """The names are in the prose and in the last column too."""
    paths = [name for name in names(LEDGER) if re.fullmatch(r"[\w./-]+\.(md|py|lua|yaml|js)", name)]
    assert [path for path in paths if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (["p", "`cache/gone.py`", "`tests/house/test_privacy.py::test_every_row`", "x"], "cache/gone.py is missing"),
        (["p", "`cache/keys.py`", "`tests/house/test_privacy.py::test_gone`", "x"], "test_gone is missing"),
        (["p", "`cache/keys.py`", "`tests/gone.py::test_gone`", "x"], "test_gone is missing"),
        (["p", "`cache/keys.py`", "by hand", "x"], "no test is named"),
        (["p", "good will", "`tests/gone.py::test_gone`", "x"], "no mechanism is named"),
        (["p", "`cache/keys.py`", "", "x"], "a cell is missing"),
        (["p", "`cache/keys.py`"], "a cell is missing"),
    ],
)
def test_a_wrong_row_is_refused(row: list[str], fault: str) -> None:
    """The test gives the rule wrong rows."""
    assert any(fault in found for found in faults(row))


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.skip\ndef test_x(): ...",
        "@pytest.mark.skipif(True, reason='x')\nasync def test_x(): ...",
        "@pytest.mark.xfail(reason='x')\ndef test_x(): ...",
        "pytestmark = pytest.mark.skip\ndef test_x(): ...",
        "pytestmark = [pytest.mark.skipif(True, reason='x')]\nclass TestX:\n    def test_x(self): ...",
    ],
)
def test_a_test_that_does_not_run_is_noticed(source: str) -> None:
    """The test itself or its module may have the mark."""
    assert marks_of(source)["test_x"]
    assert not marks_of("@pytest.mark.parametrize('x', [1])\ndef test_x(x): ...")["test_x"]
