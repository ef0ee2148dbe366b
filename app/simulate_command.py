"""`page-inbox simulate`: sends signed webhook traffic."""

import asyncio
import os
import random
import sys

import click

from app.demo import PAGE
from app.needed import needed
from domain.ids import PageId
from ops.settings import read_settings
from simulator.plan import Plan
from simulator.sender import Sender
from simulator.summary import Summary


@click.command()
@click.option("--url", required=True, help="The webhook to send to, for example http://127.0.0.1:8000/webhook.")
@click.option("--page", "pages", multiple=True, default=[PAGE], show_default=True, help="A Page. Can be repeated.")
@click.option("--rate", default=0.0, show_default=True, help="Deliveries per second. 0 means as fast as possible.")
@click.option("--count", default=100, show_default=True, help="The total number of deliveries.")
@click.option("--duplicates", default=0.0, show_default=True, help="Part of the deliveries that is sent twice, 0 to 1.")
@click.option("--disorder", default=0.0, show_default=True, help="Part that is sent after later deliveries, 0 to 1.")
@click.option("--forged", default=0.0, show_default=True, help="Part that has a wrong signature, 0 to 1.")
def simulate(
    url: str, pages: tuple[str, ...], rate: float, count: int, duplicates: float, disorder: float, forged: float
) -> None:
    """Send realistic webhook traffic.

    Deliveries are signed with the first secret of FACEBOOK_APP_SECRET.
    The exit code is 1 when a genuine delivery failed after every try, or when the service accepted a forged delivery.

    \b
    Example:   FACEBOOK_APP_SECRET=... page-inbox simulate --url http://127.0.0.1:8000/webhook --count 500 --forged 0.05
    """
    settings = read_settings(os.environ, command="tool")
    secret = needed(settings.app_secrets, "FACEBOOK_APP_SECRET")[0]
    plan = Plan(
        tuple(map(PageId, pages)), count=count, rate=rate, duplicates=duplicates, disorder=disorder, forged=forged
    )
    sender = Sender(url, secret)
    asyncio.run(sender.check())
    with click.progressbar(length=count, label="Sending", file=sys.stderr) as bar:

        def progress(summary: Summary) -> None:
            bar.update(summary.concluded - bar.pos)

        rng = random.Random()  # noqa: S311 - made-up customers
        summary = asyncio.run(sender.run(plan, rng=rng, progress=progress))
    click.echo(summary.render())
    if summary.given_up or summary.refused < summary.forged:
        sys.exit(1)
