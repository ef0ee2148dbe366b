"""Start-up: measures the time from the command to the first good answer, and the memory before the first request."""

import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from bench import starters
from bench.effort import Effort, Say
from bench.figures import Figure

GROUP: Final = "start"
REST_SECONDS: Final = 0.3

ENTRANTS: Final[dict[str, Callable[[Path], AbstractContextManager[starters.Racer]]]] = {
    "own": starters.page_inbox,
    "bare ASGI": starters.bare,
    "FastAPI + redis-py": starters.fastapi,
}


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """Start each program in turn."""
    ready: dict[str, list[float]] = defaultdict(list)
    held: dict[str, list[float]] = defaultdict(list)
    for number in range(effort.rounds):
        for name, entrant in ENTRANTS.items():
            with entrant(directory / f"start-{number}") as racer:
                time.sleep(REST_SECONDS)
                ready[name].append(racer.server.ready_after * 1e3)
                held[name].append(racer.server.resident_bytes() / 2**20)
        say(f"start, round {number + 1}: ready after {ready['own'][-1]:.0f} ms")
    return [
        Figure(GROUP, label, found["own"], unit, name, found[name])
        for label, unit, found in (("until ready", "ms", ready), ("memory at rest", "MiB", held))
        for name in list(ENTRANTS)[1:]
    ]
