"""`make bench-check`: compares the ratios of the last run with the stored ratios, and reports what has changed.

A ratio comes from a few rounds on a machine with other work. So `MARGIN` widens the range of a ratio's rounds and the
stored range. A ratio counts as changed only if these two wider ranges do not touch. The rounds themselves show the size
of random differences. Figures without a reference depend on the machine and are not compared.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

from bench.figures import shown

LATEST: Final = Path(__file__).parent / "latest.json"
STORED: Final = Path(__file__).parent / "ratios.json"

MARGIN: Final = 0.05
"""The largest difference that was found between two runs of the same code on the same machine, one hour apart. A run
had five rounds."""

Verdict = Literal["better", "same", "worse", "missing", "new"]
Rounds = Mapping[str, tuple[Sequence[float], bool]]
"""The ratios of each figure's rounds, and whether a higher ratio is better."""


class Incomparable(Exception):
    """Raised if two runs cannot be compared. The sentence gives the reason."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result for one ratio."""

    name: str
    before: Sequence[float]
    now: Sequence[float]
    verdict: Verdict

    def line(self) -> str:
        """Returns the result as a line for people."""
        before = shown(median(self.before)) if self.before else "-"
        now = shown(median(self.now)) if self.now else "-"
        moved = f"{median(self.now) / median(self.before) - 1:+.0%}" if self.before and self.now else ""
        return f"{self.verdict:8} {before:>8} {now:>8} {moved:>6}  {self.name}"


def rounds_of(run: Mapping[str, Any]) -> dict[str, tuple[list[float], bool]]:
    """Returns the ratios of a run in the form of `bench/latest.json`."""
    return {
        f"{row['group']}: {row['name']}, beside {row['reference']}": (row["ratios"], row["unit"] == "per second")
        for row in run["rows"]
        if row["ratios"]
    }


def compare(before: Rounds, now: Rounds) -> list[Comparison]:
    """Returns the result for every ratio of both runs, the worse ratios first."""
    found = []
    for name in {**before, **now}:
        old, more_is_better = before.get(name) or now[name]
        new = now[name][0] if name in now else []
        if name not in before:
            found.append(Comparison(name, [], new, "new"))
        else:
            found.append(Comparison(name, old, new, _verdict(old, new, more_is_better) if new else "missing"))
    order = ("worse", "missing", "better", "new", "same")
    return sorted(found, key=lambda finding: order.index(finding.verdict))


def _verdict(before: Sequence[float], now: Sequence[float], more_is_better: bool) -> Verdict:
    above = min(now) * (1 - MARGIN) > max(before) * (1 + MARGIN)
    below = max(now) * (1 + MARGIN) < min(before) * (1 - MARGIN)
    if not (above or below):
        return "same"
    return "better" if above == more_is_better else "worse"


def skipped_in(run: Mapping[str, Any]) -> dict[str, str]:
    """Returns the figures that the machine could not measure: the beginning of their names, and the reason."""
    return {one["name"]: one["reason"] for one in run["skipped"]}


def report(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Returns the lines to print, and whether no ratio is worse or missing. Raises: Incomparable: one of the runs used
    `--quick`.
    """
    for which, run in (("stored", before), ("last", now)):
        if run["effort"]["divisor"] != 1:
            raise Incomparable(f"The {which} run was a quick look: its figures are too rough to compare.")
    absent = skipped_in(now)
    lines, well = [f"{'':8} {'stored':>8} {'last':>8} {'':>6}"], True
    for finding in compare(rounds_of(before), rounds_of(now)):
        lines.append(finding.line())
        if finding.verdict == "missing" and any(finding.name.endswith(f"beside {name}") for name in absent):
            lines[-1] += "  (skipped on this machine)"
        elif finding.verdict in {"worse", "missing"}:
            well = False
    if before["environment"]["processor"] != now["environment"]["processor"]:
        lines.append(f"The stored run was on another machine: {before['environment']['processor']}.")
    return lines, well


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit with code 1 if a ratio is worse or missing, and with code 2 if the runs cannot be compared."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.check", description="What has moved since the stored run; exit code 1 for the worse."
    )
    parser.add_argument("latest", nargs="?", type=Path, default=LATEST, help="a run's JSON (bench/latest.json)")
    asked = parser.parse_args(arguments)
    try:
        lines, well = report(json.loads(STORED.read_text()), json.loads(asked.latest.read_text()))
    except FileNotFoundError as error:
        print(f"There is no {error.filename}; run `make bench` first.", file=sys.stderr)
        return 2
    except Incomparable as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
