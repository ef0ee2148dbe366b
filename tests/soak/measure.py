"""Figures that must not grow: memory, tasks, connections, keys, files. Samples, their evaluation and their table."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from statistics import median
from typing import Final

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.soak.stage import Stage
from tests.soak.watch import Found
from tests.support import NO_TLS

GROWTH: Final = 1.05
"""Growth between the medians of the second and the last quarter. In the first quarter pools, caches and the
interpreter's memory fill."""
TRANSIENT: Final = 3
"""Tasks, files or connections that exist by chance at a sample. A leak would have hundreds."""
ENOUGH: Final = 20
"""Number of samples. With fewer samples, growth looks the same as the warming up."""
ROWS: Final = 10
MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """One sample. Memory is in bytes. `connections` are the clients of Redis. `files` are in the temporary
    directory."""

    seconds: float
    acknowledged: int
    memory: int
    open_files: int
    tasks: int
    connections: int
    keys: int
    redis_memory: int
    files: int


HEAD: Final = (
    *("minute", "acknowledged", "service, MiB", "open files", "tasks", "Redis' clients", "keys", "Redis, MiB"),
    "temporary files",
)


def sample(stage: Stage, seconds: float, acknowledged: int) -> Sample:
    """Returns a sample of the steady replica and of Redis."""
    said = httpx2.get(f"{stage.steady.ops_url}/metrics", trust_env=False, verify=NO_TLS, timeout=10).text
    values = {one.name: one.value for family in text_string_to_metric_families(said) for one in family.samples}
    with stage.valkey.client() as client:
        info = client.info()
        keys = client.dbsize()
    return Sample(
        seconds,
        acknowledged,
        int(values["process_resident_memory_bytes"]),
        int(values["process_open_fds"]),
        int(values["python_asyncio_tasks"]),
        info["connected_clients"],
        keys,
        info["used_memory"],
        sum(1 for _ in (stage.place / "tmp").rglob("*")),
    )


def complaints(samples: Sequence[Sample], before: Sample, after: Sample, found: Found) -> Iterator[str]:
    """Yields the faults, or nothing. `before` and `after` are samples of idle services without messages."""
    if not found.faultless:
        yield f"messages: {found}"
    if len(samples) >= ENOUGH:
        quarter = len(samples) // 4
        for name in ("memory", "open_files", "tasks", "connections"):
            early, late = (
                median(getattr(one, name) for one in part)
                for part in (samples[quarter : 2 * quarter], samples[-quarter:])
            )
            if late > GROWTH * early + TRANSIENT:
                yield f"{name} grew from {early:,.0f} to {late:,.0f}"
    for name in ("tasks", "files"):
        if getattr(after, name) > getattr(before, name) + TRANSIENT:
            yield f"{name} left behind: {getattr(before, name)} before, {getattr(after, name)} after"


def table(samples: Sequence[Sample], found: Found, faults: dict[str, int]) -> str:
    """Returns the table: at most `ROWS` samples at even distances, and what was found."""
    step = max(1, len(samples) // ROWS)
    drawn = [*samples[:-1:step][:ROWS], samples[-1]]
    lines = ["| " + " | ".join(HEAD) + " |", "|" + " ---: |" * len(HEAD)]
    lines += ["| " + " | ".join(_cells(one)) + " |" for one in drawn]
    broken = ", ".join(f"{name} {times}" for name, times in sorted(faults.items()))
    result = f"{found.acknowledged:,} messages were acknowledged and looked for: {found.lost} were lost, "
    result += f"{found.duplicated} were stored twice, {found.returned} came back after their purge, {found.outlived} "
    result += f"were readable after their time. The viewer missed {found.unseen} and got {found.seen_twice} twice."
    return "\n".join([*lines, "", result, "", f"What broke, and how often: {broken}.", ""])


def _cells(one: Sample) -> Iterator[str]:
    seconds, acknowledged, memory, *counts, redis_memory, files = astuple(one)
    yield f"{seconds / 60:.1f}"
    yield f"{acknowledged:,}"
    yield f"{memory / MIB:.1f}"
    yield from (f"{count:,}" for count in counts)
    yield f"{redis_memory / MIB:.1f}"
    yield f"{files}"
