"""`make bench-store`: stores the last run, and updates `docs/growth.svg` and `docs/capacity.md`. Groups that the last
run did not measure (for example groups of `--full`) stay as stored.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench import capacity, chart
from bench.capacity import Load
from bench.check import LATEST, STORED, Incomparable

CAPACITY: Final = Path(__file__).parents[1] / "docs" / "capacity.md"
LOADS: Final = (Load(1_000), Load(100_000), Load(1_000_000))
_TABLE: Final = re.compile(r"\| shops \|.*?(?=\n\n)", re.DOTALL)


def merged(stored: Mapping[str, Any], latest: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the last run with the stored figures of groups that it lacks. Raises: Incomparable: the last run used
    `--quick`.
    """
    if latest["effort"]["divisor"] != 1:
        raise Incomparable("The last run was a quick look: its figures are too rough to be stored.")
    groups = {row["group"] for row in latest["rows"]}
    rows = [*latest["rows"], *(row for row in stored["rows"] if row["group"] not in groups)]
    return {**latest, "rows": rows}


def with_table(text: str, run: Mapping[str, Any]) -> str:
    """Returns the text of docs/capacity.md with the table of this run."""
    return _TABLE.sub(capacity.table(LOADS, capacity.measured(run)), text, count=1)


def main() -> None:
    """Store, draw, write."""
    stored = json.loads(STORED.read_text()) if STORED.exists() else {"rows": []}
    run = merged(stored, json.loads(LATEST.read_text()))
    STORED.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n")
    chart.CHART.write_text(chart.drawn(run))
    CAPACITY.write_text(with_table(CAPACITY.read_text(), run))


if __name__ == "__main__":
    main()
