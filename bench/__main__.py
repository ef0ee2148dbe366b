"""`make bench`, or `python -m bench [ingest memory reads purge stream ...]`: prints each figure beside its
reference."""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import (
    ablations,
    console,
    fairness,
    graph,
    growth,
    ingest,
    machine,
    memory,
    purges,
    reads,
    scale,
    startup,
    stream,
)
from bench.check import LATEST
from bench.effort import Effort, Say
from bench.figures import Figure, NotMeasured, table

MEASURES: Final[dict[str, Callable[[Path, Effort, Say], Sequence[Figure | NotMeasured]]]] = {
    "ingest": ingest.measure,
    "ablations": ablations.measure,
    "scale": scale.measure,
    "memory": memory.measure,
    "reads": reads.measure,
    "purge": purges.measure,
    "stream": stream.measure,
    "fairness": fairness.measure,
    "graph": graph.measure,
    "console": console.measure,
    "start": startup.measure,
    "growth": growth.measure,
}


def main() -> None:
    """Measure the chosen groups, print the table, and write the JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Every figure beside its reference, as ratios."
    )
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"some of: {', '.join(MEASURES)}; none is all")
    parser.add_argument("--rounds", type=int, default=0, help="alternating rounds (3; 2 with --quick)")
    parser.add_argument("--quick", action="store_true", help="a look in a minute; the figures are rough")
    parser.add_argument(
        "--full",
        action="store_true",
        help="also one shop with a million messages, and up to 100,000 shops: some minutes more",
    )
    asked = parser.parse_args()
    if unknown := set(asked.figures) - set(MEASURES):
        parser.error(f"no figure is called {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    usual = Effort(rounds=2, seconds=0.8, divisor=10) if asked.quick else Effort()
    effort = Effort(asked.rounds or usual.rounds, usual.seconds, usual.divisor, asked.full)
    # As an exception, the signal stops every started process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report(asked.figures or list(MEASURES), effort)


def report(figures: Sequence[str], effort: Effort) -> None:
    """Measure these groups."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {line}", file=sys.stderr, flush=True)

    facts = machine.facts()
    for name, fact in facts.items():
        print(f"{name:10} {fact}", flush=True)
    found: list[Figure | NotMeasured] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, machine.on_core("rest"):
        for figure in figures:
            say(f"{figure} ...")
            found += MEASURES[figure](Path(scratch) / figure, effort, say)
    rows = [row for row in found if isinstance(row, Figure)]
    skipped = [one for one in found if isinstance(one, NotMeasured)]
    print(f"\n{table(rows, skipped)}\n")
    run = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "took_seconds": round(time.monotonic() - began),
        "environment": facts,
        "effort": {"rounds": effort.rounds, "seconds": effort.seconds, "divisor": effort.divisor},
        "rows": [row.as_json() for row in rows],
        "skipped": [{"group": one.group, "name": one.name, "reason": one.reason} for one in skipped],
    }
    LATEST.write_text(json.dumps(run, indent=2, ensure_ascii=False) + "\n")
    print(f"{LATEST.relative_to(Path.cwd()) if LATEST.is_relative_to(Path.cwd()) else LATEST} written")


if __name__ == "__main__":
    main()
