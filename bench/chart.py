"""`make chart`: draws the growth of the stored run (bench/ratios.json) as `docs/growth.svg`. Pure, except that it reads
and writes these two files.

The axis of sizes is logarithmic, and the axis of costs is linear from zero. A cost that grows with the logarithm of the
size is a straight line. A cost that grows with the size itself bends upwards.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.check import STORED
from bench.figures import shown
from bench.growth import COSTS, MESSAGES, ONE_SHOP, SHOPS

CHART: Final = Path(__file__).parents[1] / "docs" / "growth.svg"

COLOURS: Final = {MESSAGES.name: "#1f6f54", ONE_SHOP.name: "#b3541e", SHOPS.name: "#2d5fa8"}
"""The colours differ in lightness, so people who confuse red and green can distinguish them."""
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 230, 180, 60, 74, 76
_LARGEST: Final = 6
"""Powers of ten on the axis of sizes."""

Points = Sequence[tuple[int, float]]


def series(run: Mapping[str, Any]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Returns the sizes and medians of each cost on each axis."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    for row in run["rows"]:
        if row["group"] in COLOURS:
            label, _, size = row["name"].rpartition(" at ")
            found[label][row["group"]].append((int(size.replace(",", "")), median(row["rounds"])))
    return found


def drawn(run: Mapping[str, Any]) -> str:
    """Returns the picture as SVG."""
    found = series(run)
    panels = [(label, unit) for label, unit in COSTS.values() if label in found]
    width = _LEFT + len(panels) * (_WIDTH + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_TOP + _HEIGHT + 50}" '
        'font-family="sans-serif" font-size="12">',
        "<title>What a delivery and a read cost as messages and shops become more</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for number, (name, colour) in enumerate(COLOURS.items()):
        at = _LEFT + number * 260
        parts.append(f'<path d="M{at} 20h24" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{at + 32}" y="24">{escape(name)}</text>')
    for number, (label, unit) in enumerate(panels):
        parts += _panel(_LEFT + number * (_WIDTH + _GAP), label, unit, found[label])
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: int, label: str, unit: str, lines: Mapping[str, Points]) -> list[str]:
    top = _round_up(max(value for points in lines.values() for _, value in points))
    shown_unit = "µs" if unit == "us" else unit
    parts = [f'<text x="{left}" y="{_TOP - 18}" font-weight="bold">{escape(label)}, {shown_unit}</text>']
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _TOP + _HEIGHT * (1 - share)
        parts.append(f'<path d="M{left} {y:.1f}h{_WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{shown(top * share)}</text>')
    for power in range(0, _LARGEST + 1, 2):
        x = left + _WIDTH * power / _LARGEST
        parts.append(f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{10**power:,}</text>')
    for name, points in lines.items():
        spots = [
            (left + _WIDTH * math.log10(size) / _LARGEST, _TOP + _HEIGHT * (1 - value / top)) for size, value in points
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[name]}"/>' for x, y in spots]
    return parts


def _round_up(value: float) -> float:
    """Rounds up to a round number for the axis."""
    step = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    return next(step * times for times in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * times >= value)


if __name__ == "__main__":
    CHART.write_text(drawn(json.loads(STORED.read_text())))
