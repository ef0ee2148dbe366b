"""The comparison of two runs of the benchmark tells figures that have changed from figures that differ by chance."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import check
from bench.check import Incomparable, compare, report
from bench.figures import Figure


def run(*rows: Figure, divisor: int = 1, skipped: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """Returns the JSON of a run."""
    return {
        "environment": {"processor": "one"},
        "effort": {"divisor": divisor},
        "rows": [row.as_json() for row in rows],
        "skipped": skipped or [],
    }


def row(ratios: list[float], unit: str = "us", name: str = "reads") -> Figure:
    """Returns a figure whose rounds have these ratios."""
    return Figure("group", name, ratios, unit, "a bare one", [1.0] * len(ratios))


@pytest.mark.parametrize(
    ("before", "now", "unit", "verdict"),
    [
        ([2.0, 2.1, 2.2], [2.15, 2.3, 2.5], "us", "same"),
        ([2.0, 2.1, 2.2], [2.6, 2.7, 2.8], "us", "worse"),
        ([2.0, 2.1, 2.2], [1.5, 1.6, 1.7], "us", "better"),
        ([0.50, 0.52], [0.60, 0.61], "per second", "better"),
        ([0.50, 0.52], [0.40, 0.41], "per second", "worse"),
        ([0.50, 0.52], [0.46, 0.48], "per second", "same"),
        ([0.2, 3.0], [0.1, 9.0], "us", "same"),
        ([0.90], [0.95], "bytes", "same"),
        ([0.90], [1.01], "bytes", "worse"),
    ],
)
def test_a_ratio_has_changed_if_the_rounds_of_both_runs_do_not_overlap(
    before: list[float], now: list[float], unit: str, verdict: str
) -> None:
    """A ratio has not changed if the rounds of both runs overlap, or nearly overlap."""
    (finding,) = compare(check.rounds_of(run(row(before, unit))), check.rounds_of(run(row(now, unit))))
    assert finding.verdict == verdict


def test_the_report_fails_and_starts_with_worse_and_missing_figures() -> None:
    """A better figure does not balance a worse one."""
    before = run(row([1.0], name="a"), row([1.0], name="b"), row([1.0], name="c"))
    lines, well = report(before, run(row([0.5], name="a"), row([2.0], name="b")))
    assert not well
    assert [line.split()[0] for line in lines[1:]] == ["worse", "missing", "better"]
    assert "+100%" in lines[1]


def test_a_skipped_measurement_is_not_a_failure() -> None:
    """For example, Node is absent, and the run has printed the reason."""
    skipped = [{"group": "group", "name": "a bare one", "reason": "there is no node"}]
    lines, well = report(run(row([1.0])), run(skipped=skipped))
    assert well
    assert "skipped on this machine" in lines[1]


def test_figures_without_a_reference_are_not_compared() -> None:
    """A figure without a reference depends on the machine."""
    assert check.rounds_of(run(Figure("group", "purge", [5.0], "ms"))) == {}


@pytest.mark.parametrize(("stored", "last"), [(1, 10), (10, 1)])
def test_a_quick_look_is_not_compared(stored: int, last: int) -> None:
    """The figures of a quick run are rough."""
    with pytest.raises(Incomparable, match="quick"):
        report(run(divisor=stored), run(divisor=last))


def test_the_exit_code_shows_the_result_of_the_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 0 for a run like the stored one, 1 if it is worse, and 2 without a run."""
    stored = json.loads(check.STORED.read_text())
    latest = tmp_path / "latest.json"
    assert check.main([str(latest)]) == 2
    latest.write_text(json.dumps(stored))
    assert check.main([str(latest)]) == 0
    for one in stored["rows"]:
        one["ratios"] = [ratio * (0.1 if one["unit"] == "per second" else 10) for ratio in one["ratios"]]
    latest.write_text(json.dumps(stored))
    capsys.readouterr()
    assert check.main([str(latest)]) == 1
    assert "worse" in capsys.readouterr().out
