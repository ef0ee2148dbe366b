"""`make soak`: the whole service under load, with faults in everything around it, for as long as the caller wants.

There are two replicas, a Valkey with its files, and a fake Graph. One shop keeps its messages until they expire, which
is soon here, and a viewer watches this shop. One shop deletes everything again and again. A third shop gets every kind
of event. Every ten seconds a fault happens, and then the soak reads every shop: acknowledged messages must be there
once, and deleted or expired messages must not. One replica gets no fault. Its memory, tasks and connections must not
grow.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import click

from domain.ids import PageId
from simulator.plan import Plan
from simulator.sender import Sender
from simulator.summary import Summary
from tests.callers import Shop
from tests.facebook import GraphShop
from tests.fault.load import Load, loading
from tests.fault.rows import put_between
from tests.service import APP_SECRET
from tests.soak.faults import FAULTS, IN_MAIN_THREAD
from tests.soak.measure import Sample, complaints, sample, table
from tests.soak.stage import Stage, staged
from tests.soak.watch import Found, Kept, Purged
from tests.support import wait_until_blocking

CYCLE_SECONDS: Final = 10.0
CONNECTIONS: Final = 4
PAUSE_SECONDS: Final = 0.05
"""Seconds of a connection between two deliveries. This is a hard day of a thousand shops, and leaves processor time
for the checks."""
GRAVE: Final = {"error", "critical"}
LIVELY_RATE: Final = 20.0
PAGES: Final = {
    "kept": PageId("104200000000001"),
    "purged": PageId("104200000000002"),
    "lively": PageId("104200000000003"),
}
BEGIN: Final = "<!-- made by `make soak`, from a run -->"
END: Final = "<!-- end of the soak's table -->"


@dataclass
class Soak:
    """One run: a fault happens every `cycle` seconds. A message is stored for `ttl`, which is longer."""

    stage: Stage
    seconds: float
    ttl: int
    draw: random.Random
    cycle: float = CYCLE_SECONDS
    found: Found = field(default_factory=Found)
    samples: list[Sample] = field(default_factory=list)
    broken: "Counter[str]" = field(default_factory=Counter)

    async def run(self) -> tuple[str, list[str]]:
        """Returns the table and the faults."""
        with ExitStack() as stack:
            url = self.stage.steady.url
            shops = {name: stack.enter_context(Shop(url, name)) for name in PAGES}
            for name, page in PAGES.items():
                shops[name].connect(page)
            graph = stack.enter_context(GraphShop(url, "graph"))
            graph.bring(self.stage.page)
            read = partial(_read, self.stage, graph, shops["lively"])
            await asyncio.to_thread(read)
            before = await asyncio.to_thread(sample, self.stage, 0.0, 0)
            wrong = await self._under_load(shops, read)
        await asyncio.to_thread(_until_nothing_is_kept, self.stage, self.ttl)
        after = await asyncio.to_thread(sample, self.stage, self.seconds + self.ttl, self.found.acknowledged)
        wrong += complaints(self.samples, before, after, self.found)
        if mistakes := Counter(one["event"] for one in self.stage.steady.lines() if one["level"] in GRAVE):
            wrong.append(f"logged: {mistakes}")
        return table([*self.samples, after], self.found, self.broken), wrong

    async def _under_load(self, shops: Mapping[str, Shop], read: Callable[[], None]) -> list[str]:
        lively = asyncio.create_task(_lively(self.stage))
        async with _loading(self.stage.mortal.url, "kept") as kept, _loading(self.stage.steady.url, "purged") as purged:
            looks = (Kept(shops["kept"], kept, self.ttl, self.found), Purged(shops["purged"], purged, self.found))
            began = time.monotonic()
            with click.progressbar(length=round(self.seconds), file=sys.stderr) as bar:
                while (past := time.monotonic() - began) < self.seconds:
                    bar.update(round(past) - bar.pos)
                    await self._break_something()
                    await asyncio.gather(*(load.recovered(time.monotonic()) for load in (kept, purged)))
                    await asyncio.sleep(max(0.0, began + past + self.cycle - time.monotonic()))
                    for look in looks:
                        await asyncio.to_thread(look.look, self.stage.steady.url)
                    await asyncio.to_thread(read)
                    now = time.monotonic() - began
                    self.samples.append(await asyncio.to_thread(sample, self.stage, now, self.found.acknowledged))
        lively.cancel()
        (end,) = await asyncio.gather(lively, return_exceptions=True)
        return [] if isinstance(end, asyncio.CancelledError) else [f"the lively shop: {end!r}"]

    async def _break_something(self) -> None:
        name = self.draw.choice(sorted(FAULTS))
        self.broken[name] += 1
        if name in IN_MAIN_THREAD:
            FAULTS[name](self.stage)
        else:
            await asyncio.to_thread(FAULTS[name], self.stage)


def _loading(url: str, shop: str) -> AbstractAsyncContextManager[Load]:
    return loading(url, pages=(PAGES[shop],), connections=CONNECTIONS, pause=PAUSE_SECONDS)


async def _lively(stage: Stage) -> None:
    """Send every kind of event to a separate shop until cancelled."""
    waits = (0.0, *(0.2,) * 100)
    plan = Plan((PAGES["lively"],), None, LIVELY_RATE, duplicates=0.1, disorder=0.2, forged=0.05, retry_waits=waits)

    def heed(summary: Summary) -> None:
        assert (summary.accepted, summary.given_up) == (0, 0), summary.render()

    await Sender(f"{stage.steady.url}/webhook", APP_SECRET).run(plan, rng=random.Random(1), progress=heed)


def _read(stage: Stage, graph: GraphShop, shop: Shop) -> None:
    """Read as shops do all day."""
    graph.items(stage.page.id, "posts")
    shop.walk("/conversations")
    assert shop.client.get("/export").status_code == 200


def _until_nothing_is_kept(stage: Stage, ttl: int) -> None:
    """Wait until every key of a message or an index has expired."""
    with stage.valkey.client() as client:

        def held() -> list[tuple[bytes, int]]:
            keys = [key for key in client.scan_iter(count=1000) if key.startswith((b"m:", b"s:", b"c:", b"v:", b"e:"))]
            # An empty value stays of a message that was unsent before it came, so that the message is not stored later.
            return [(key, client.pttl(key)) for key in keys if not key.startswith(b"m:") or client.strlen(key)]

        wait_until_blocking(lambda: not held(), ttl + 60, lambda: f"{held()[:10]}")


def write(table: str, document: Path) -> None:
    """Put the table into the document, in place of the last one."""
    put_between(BEGIN, END, table, document)


@click.command(help=__doc__)
@click.option("--minutes", type=float, default=60, show_default=True, help="How long.")
@click.option(
    "--ttl",
    type=click.IntRange(min=3 * int(CYCLE_SECONDS)),
    default=60,
    show_default=True,
    help="Seconds of a message's life.",
)
@click.option("--seed", type=int, help="Draw the faults as an earlier run did.")
@click.option("--document", type=click.Path(path_type=Path, exists=True), help="Write the table there too.")
def main(minutes: float, ttl: int, seed: int | None, document: Path | None) -> None:
    """Run the soak. The exit code is 1 if a message was lost or came back, or if something grew."""
    chosen = random.randrange(2**32) if seed is None else seed
    with staged(ttl) as stage:
        table, wrong = asyncio.run(Soak(stage, minutes * 60, ttl, random.Random(chosen)).run())
    click.echo(table)
    for one in wrong:
        click.echo(f"WRONG: {one}")
    if document is not None:
        write(table, document)
    click.echo(f"{'All is well' if not wrong else 'Not well'}. The same faults again: --seed {chosen}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
