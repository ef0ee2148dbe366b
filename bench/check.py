"""`make bench-check`: the ratios of the last run beside those that are stored, and what has moved.

A ratio is a few rounds' on a machine that others use too. So it is said to have moved only where its rounds lie wholly
beyond the stored ones', both ranges made wider by `MARGIN`: the rounds themselves tell how far chance reaches. Figures
without a reference depend on the machine and are not compared.
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
"""Of the same code on the same machine, five rounds an hour apart have been that far from each other."""

Verdict = Literal["better", "same", "worse", "missing", "new"]
Rounds = Mapping[str, tuple[Sequence[float], bool]]
"""Of each figure the ratios of its rounds, and whether more is better."""


class Incomparable(Exception):
    """What cannot be compared; says why."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of one ratio."""

    name: str
    before: Sequence[float]
    now: Sequence[float]
    verdict: Verdict

    def line(self) -> str:
        """For people."""
        before = shown(median(self.before)) if self.before else "-"
        now = shown(median(self.now)) if self.now else "-"
        moved = f"{median(self.now) / median(self.before) - 1:+.0%}" if self.before and self.now else ""
        return f"{self.verdict:8} {before:>8} {now:>8} {moved:>6}  {self.name}"


def rounds_of(run: Mapping[str, Any]) -> dict[str, tuple[list[float], bool]]:
    """The ratios of a run, as `bench/latest.json` has them."""
    return {
        f"{row['group']}: {row['name']}, beside {row['reference']}": (row["ratios"], row["unit"] == "per second")
        for row in run["rows"]
        if row["ratios"]
    }


def compare(before: Rounds, now: Rounds) -> list[Comparison]:
    """Every ratio of either, what is worse first."""
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
    """What the machine could not measure, by the beginning of the figures' names, and why."""
    return {one["name"]: one["reason"] for one in run["skipped"]}


def report(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The lines to print, and whether all is well.

    Raises:
        Incomparable: one of the two was a quick look.
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
    """Exit code 1 where something is worse or missing, 2 where nothing can be compared."""
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
