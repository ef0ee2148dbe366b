"""The table of docs/reliability.md: the effect of each fault on messages that were answered 200. `make reliability`
makes it.

For a part of the table, run `FAULT_ROWS=rows pytest tests/fault/test_killed.py`, then `python -m tests.fault.rows rows
docs/reliability.md`. With FAULT_EFFORT=full the tests run at full length, as the table needs it. Without it they are
shorter, because `make test` has less time.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

BEGIN: Final = "<!-- made by `make reliability`, from a run -->"
END: Final = "<!-- end of what was made -->"
HEAD: Final = ("fault", "runs", "load held", "acknowledged", "lost", "duplicated", "longest recovery")
_HEADING: Final = "| " + " | ".join(HEAD) + " |"
_RULE: Final = "| --- | ---: | --- | ---: | ---: | ---: | ---: |"


FULL: Final = os.environ.get("FAULT_EFFORT") == "full"
"""True if there is time for everything, as in `make reliability` and `make attack`. Tests use it to choose how
often, how long or how much."""


REFUSED_SECONDS: Final = 2.0 if FULL else 10.0
"""Seconds until a delivery that cannot be stored has been answered 503. The promise is two seconds. A machine that
runs other programs is slower."""
RECOVERED_SECONDS: Final = 5.0 if FULL else 30.0
"""Seconds from the end of a fault to the first 200. The promise is five seconds. A machine that runs other programs is
slower."""


class Held(Protocol):
    """What was sent: the ids that were answered 200, and the load in words."""

    @property
    def acknowledged(self) -> AbstractSet[str]:
        """Returns the ids of the acknowledged messages."""
        ...

    @property
    def held(self) -> str:
        """Returns the load in words, for a reader of the table."""
        ...


@dataclass(frozen=True)
class Sent:
    """Messages that a test has sent and counted itself."""

    acknowledged: AbstractSet[str]
    held: str = "one connection"


@dataclass(frozen=True)
class Row:
    """The result of one run under one fault. `recovery` is in seconds, or None without an outage. `may_lose` says why
    messages may be lost here; it is empty if no message may be lost."""

    fault: str
    held: str
    acknowledged: int
    lost: int
    duplicated: int
    recovery: float | None = None
    may_lose: str = ""


def outcome(fault: str, sent: Held, found: Iterable[str], recovery: float | None, may_lose: str) -> Row:
    """Compare the messages that were answered 200 with `found`, which has every readable id, once for each time that
    the service shows it."""
    times = Counter(found)
    lost = len(sent.acknowledged - times.keys())
    twice = sum(count - 1 for count in times.values())
    return Row(fault, sent.held, len(sent.acknowledged), lost, twice, recovery, may_lose)


def note(row: Row) -> None:
    """Add a row to the file in FAULT_ROWS. Without this variable only the test has the row."""
    if path := os.environ.get("FAULT_ROWS"):
        with Path(path).open("ab") as file:
            file.write(orjson.dumps(row) + b"\n")


def lines(rows: Iterable[Row]) -> dict[str, str]:
    """Returns one line per fault: the sum of its runs' messages, the longest recovery, and the load of the last run."""
    by_fault: dict[str, list[Row]] = {}
    for row in rows:
        by_fault.setdefault(row.fault, []).append(row)
    return {fault: _line(fault, runs) for fault, runs in by_fault.items()}


def _line(fault: str, runs: list[Row]) -> str:
    lost = f"{sum(run.lost for run in runs):,}"
    if reasons := {run.may_lose for run in runs if run.may_lose}:
        lost += f": {'; '.join(sorted(reasons))}"
    recoveries = [run.recovery for run in runs if run.recovery is not None]
    cells = (
        fault,
        f"{len(runs)}",
        runs[-1].held,
        f"{sum(run.acknowledged for run in runs):,}",
        lost,
        f"{sum(run.duplicated for run in runs):,}",
        f"{max(recoveries):.1f} s" if recoveries else "-",
    )
    return "| " + " | ".join(cells) + " |"


def read(path: Path) -> list[Row]:
    """Returns the rows that a run has recorded."""
    documents: list[dict[str, Any]] = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    return [Row(**document) for document in documents]


def put_between(begin: str, end: str, made: str, document: Path) -> None:
    """Replace the text between the two marks of the document."""
    before, _, rest = document.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    document.write_text(f"{before}{begin}\n\n{made}\n{end}{after}", encoding="utf-8")


def main(rows: Path, document: Path) -> None:
    """Write these rows into the document's table. They replace the rows of the same faults."""
    made = document.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    kept = {line.split(" | ")[0].removeprefix("| "): line for line in made.splitlines() if line.startswith("| ")}
    drawn = sorted(
        ({fault: line for fault, line in kept.items() if line not in (_HEADING, _RULE)} | lines(read(rows))).items()
    )
    table = "\n".join([_HEADING, _RULE, *(line for _, line in drawn)])
    put_between(BEGIN, END, f"{table}\n", document)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
