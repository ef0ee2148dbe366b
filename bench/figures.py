"""Figures as rows beside their references, as a table for people and as JSON."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure beside its reference. Each round in `rounds` belongs to the round at the same position in
    `reference_rounds`."""

    group: str
    name: str
    rounds: Sequence[float]
    unit: str
    reference: str = ""
    reference_rounds: Sequence[float] = field(default_factory=tuple)
    at_least: float | None = None
    """The goal: the minimum ratio."""
    at_most: float | None = None
    note: str = ""

    @property
    def value(self) -> float:
        """Returns the median of the rounds."""
        return median(self.rounds)

    @property
    def ratios(self) -> list[float]:
        """Returns the ratio of each round. Other work on the machine slows both sides of a round."""
        if not self.reference_rounds:
            return []
        pairs = zip(self.rounds, self.reference_rounds, strict=True)
        return [own / other if other else math.inf for own, other in pairs]

    @property
    def ratio(self) -> float | None:
        """Returns the median of the rounds' ratios."""
        return median(self.ratios) if self.reference_rounds else None

    @property
    def goal(self) -> str:
        """Returns the goal and whether it is met, or "" without a goal."""
        if self.ratio is None or (self.at_least is None and self.at_most is None):
            return ""
        if self.at_least is not None:
            return f">= {self.at_least:g} {'met' if self.ratio >= self.at_least else 'MISSED'}"
        return f"<= {self.at_most:g} {'met' if self.ratio <= (self.at_most or 0) else 'MISSED'}"

    def as_json(self) -> dict[str, Any]:
        """Returns all fields and the computed values."""
        reference_value = median(self.reference_rounds) if self.reference_rounds else None
        return asdict(self) | {
            "value": self.value,
            "reference_value": reference_value,
            "ratio": self.ratio,
            "ratios": self.ratios,
            "goal": self.goal,
        }


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """Figures that this machine cannot measure, and the reason."""

    group: str
    name: str
    reason: str


def quantile(values: Sequence[float], share: float) -> float:
    """Returns the quantile of the values for `share`, from 0 to 1."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def shown(number: float) -> str:
    """Returns a number with three significant digits and separators for thousands."""
    if number == 0 or not math.isfinite(number):
        return str(number)
    digits = max(2 - math.floor(math.log10(abs(number))), 0)
    return f"{number:,.{digits}f}"


def table(rows: Sequence[Figure], skipped: Sequence[NotMeasured]) -> str:
    """Returns the rows for people, by group."""
    head = ("", "median", "spread", "unit", "beside", "its median", "ratio", "goal", "")
    lines: list[tuple[str, ...]] = [head]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append(("", *[""] * 8))
            lines.append((group, *[""] * 8))
        spread = f"{shown(min(row.rounds))} - {shown(max(row.rounds))}" if len(row.rounds) > 1 else ""
        beside = shown(median(row.reference_rounds)) if row.reference_rounds else ""
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        lines.append(
            (f"  {row.name}", shown(row.value), spread, row.unit, row.reference, beside, ratio, row.goal, row.note)
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    right = {1, 2, 5, 6}
    text = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*text, *(f"\nskipped: {one.group}, {one.name}: {one.reason}" for one in skipped)])
