"""Figures as rows beside their references, as a table for people and as JSON."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure beside its reference. `rounds` and `reference_rounds` belong together one by one."""

    group: str
    name: str
    rounds: Sequence[float]
    unit: str
    reference: str = ""
    reference_rounds: Sequence[float] = field(default_factory=tuple)
    at_least: float | None = None
    """Goal of the ratio."""
    at_most: float | None = None
    note: str = ""

    @property
    def value(self) -> float:
        """The median round."""
        return median(self.rounds)

    @property
    def ratios(self) -> list[float]:
        """Each round's own ratio: what slows the machine for a while slows both sides of it."""
        if not self.reference_rounds:
            return []
        pairs = zip(self.rounds, self.reference_rounds, strict=True)
        return [own / other if other else math.inf for own, other in pairs]

    @property
    def ratio(self) -> float | None:
        """The median round's."""
        return median(self.ratios) if self.reference_rounds else None

    @property
    def goal(self) -> str:
        """The goal, and whether it is met; empty without one."""
        if self.ratio is None or (self.at_least is None and self.at_most is None):
            return ""
        if self.at_least is not None:
            return f">= {self.at_least:g} {'met' if self.ratio >= self.at_least else 'MISSED'}"
        return f"<= {self.at_most:g} {'met' if self.ratio <= (self.at_most or 0) else 'MISSED'}"

    def as_json(self) -> dict[str, Any]:
        """Everything, with what follows from it."""
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
    """What this machine cannot measure, and why."""

    group: str
    name: str
    reason: str


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def shown(number: float) -> str:
    """Three figures that matter, with thousands apart."""
    if number == 0 or not math.isfinite(number):
        return str(number)
    digits = max(2 - math.floor(math.log10(abs(number))), 0)
    return f"{number:,.{digits}f}"


def table(rows: Sequence[Figure], skipped: Sequence[NotMeasured]) -> str:
    """The rows for people, group by group."""
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
