"""docs/reliability.md: a row for each fault that a test causes, and a mutation that each test notices."""

import ast
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.fault.mutate import Place, mutations, places
from tests.fault.rows import BEGIN, END, HEAD, Row, lines, main, outcome
from tests.house.sources import ROOT

DOCUMENT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def faults_brought_about() -> Iterator[tuple[str, str]]:
    """Yields each fault with the test that is marked with it."""
    for path in sorted((ROOT / "tests" / "fault").glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                        (name,) = mark.args
                        yield ast.literal_eval(name), f"{path.relative_to(ROOT)}::{node.name}"


def lines_of_the_document() -> list[list[str]]:
    """Returns the cells of the table, without its head."""
    made = DOCUMENT.partition(BEGIN)[2].partition(END)[0]
    drawn = [line for line in made.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in drawn[2:]]


def test_the_document_has_a_row_for_exactly_the_tested_faults() -> None:
    """If this fails, `make reliability` was not run since the change. tests/fault/rows.py says how to run a part."""
    assert sorted(row[0] for row in lines_of_the_document()) == sorted({fault for fault, _ in faults_brought_about()})


def test_nothing_is_lost_or_duplicated_without_a_reason() -> None:
    """The table in the repository shows this."""
    lost, duplicated = HEAD.index("lost"), HEAD.index("duplicated")
    for row in lines_of_the_document():
        assert row[lost] == "0" or ": " in row[lost], row
        assert row[duplicated] == "0", row


def test_every_fault_has_a_mutation_that_its_own_test_must_notice() -> None:
    """No mutation belongs to a fault without a test."""
    of_tests = set(faults_brought_about())
    assert {fault for fault, _ in of_tests} == {one.fault for one in mutations()}
    named = {(one.fault, one.test.partition("[")[0]) for one in mutations()}
    assert named <= of_tests


def test_every_mutation_has_one_place_and_every_place_has_a_mutation() -> None:
    """The comment `keeps: ...` moves with the code, and the list of mutations does not change."""
    tagged = places()
    assert set(tagged) == {one.keeps for one in mutations()}
    assert [name for name, found in tagged.items() if len(found) != 1] == []


def test_a_mutated_module_differs_and_can_be_imported() -> None:
    """If the module could not be imported, the fault's test would fail for the wrong reason."""
    tagged = places()
    for mutation in mutations():
        (place,) = tagged[mutation.keeps]
        place.replaced(mutation.instead)


@pytest.mark.parametrize("instead", ["x = 1", "y = gone", "y = ("])
def test_an_invalid_mutation_is_refused(instead: str) -> None:
    """The line is the same, uses an unknown name, or is broken."""
    place = Place(Path("x.py"), "# keeps: x\nx = 1\n", 11, 16, "")
    with pytest.raises((ValueError, SyntaxError)):
        place.replaced(instead)


class Sent:
    """Two messages that were answered 200."""

    acknowledged = frozenset({"m_1", "m_2"})
    held = "two at once"


@pytest.mark.parametrize(
    ("found", "lost", "duplicated"),
    [(["m_1", "m_2", "m_never_answered"], 0, 0), (["m_2"], 1, 0), (["m_1", "m_2", "m_1", "m_1"], 0, 2)],
)
def test_lost_and_duplicated_are_counted(found: list[str], lost: int, duplicated: int) -> None:
    """A message that was stored but not answered 200 is neither lost nor duplicated."""
    row = outcome("fire", Sent(), found, None, "")
    assert (row.acknowledged, row.lost, row.duplicated) == (2, lost, duplicated)


def test_runs_of_one_fault_are_one_line_with_the_longest_recovery() -> None:
    """The reason for a loss is in the same cell as the number of lost messages."""
    runs = [Row("fire", "a lot", 1000, 0, 0, 0.52), Row("fire", "a lot", 500, 3, 0, 1.26, "no copy")]
    (line,) = lines(runs).values()
    assert line == "| fire | 2 | a lot | 1,500 | 3: no copy | 0 | 1.3 s |"


def test_a_run_of_some_faults_keeps_the_lines_of_other_faults(tmp_path: Path) -> None:
    """The text around the table stays too."""
    document, run = tmp_path / "document.md", tmp_path / "rows"
    document.write_text(f"before {BEGIN} {END} after")
    for fault, acknowledged in (("flood", 1), ("fire", 2), ("fire", 3)):
        run.write_bytes(orjson.dumps(Row(fault, "a lot", acknowledged, 0, 0)))
        main(run, document)
    text = document.read_text()
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert [line for line in text.splitlines() if line.startswith("| f")][1:] == [
        "| fire | 1 | a lot | 3 | 0 | 0 | - |",
        "| flood | 1 | a lot | 1 | 0 | 0 | - |",
    ]
