"""`make fuzz`: sends valid and broken bodies in every spelling to a real service, and compares every shop with a model.
No answer may be 500 or more, and no read may be wrong. The first failure ends the run, with the numbers that draw it
again."""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import uvloop

from tests.fuzz.run import Found, Wrong, run
from tests.servers import running
from tests.service import Service, serving


@click.command(help=__doc__)
@click.option("--bodies", default=1_000_000, show_default=True, help="How many to send.")
@click.option("--seed", default=None, type=int, help="What is drawn; another one each time unless it is given.")
def main(bodies: int, seed: int | None) -> None:
    """Start everything, send, compare and print the result."""
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as scratch,
        running("fuzz", Path(scratch) / "valkey") as valkey,
        serving(valkey.url, Path(scratch) / "log") as service,
        click.progressbar(length=bodies, label="bodies", file=sys.stderr, update_min_steps=100) as bar,
    ):
        try:
            found = _run(service, bodies, seed, bar.update)
        except* Wrong as wrong:
            raise click.ClickException(str(wrong.exceptions[0])) from None
        with service.log.open() as log:
            complaints = [line for line in log if '"level":"error"' in line or '"level":"critical"' in line]
    statuses = ", ".join(f"{count:,} answered {status}" for status, count in sorted(found.statuses.items()))
    click.echo(
        f"{found.bodies:,} bodies in {time.monotonic() - began:,.0f} s: {statuses}; {found.worlds:,} shops with "
        f"{found.compared:,} messages compared, none wrong; {found.refused:,} answers of 503, asked again"
    )
    if complaints:
        raise click.ClickException(f"the service complained: {complaints[:3]}")


def _run(service: Service, bodies: int, seed: int, told: Callable[[int], None]) -> Found:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(service, bodies, seed, told=told))


if __name__ == "__main__":
    main()
