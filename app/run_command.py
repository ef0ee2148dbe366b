"""`page-inbox run`: the whole service on one machine."""

import asyncio
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import click
import structlog

from app import demo, running, server
from app.factory import create_app
from app.process import serve
from app.version import VERSION
from cache.embedded.claim import claimed
from cache.embedded.valkey import Embedded
from domain.secret import Secret
from ops import logs
from ops.settings import Settings, read_settings
from ops.tracing_switch import hooks

LOOK_SECONDS: Final = 0.5
"""Seconds between two checks that Valkey still runs."""

log = structlog.get_logger()


@click.command()
@click.option("--quiet-shop", is_flag=True, help="Do not simulate customers who write to the demo shop.")
def run(quiet_shop: bool) -> None:
    """Run the whole service on this machine, to try it.

    The command starts a private Valkey with its data in DATA_DIR, the service on loopback, a simulated Facebook with
    the posts and comments of a demo shop, and a few customers who write to the demo shop. It makes the secrets that are
    not set, and keeps them in DATA_DIR. Press Ctrl-C to stop everything.

    \b
    Example:   PORT=8080 DATA_DIR=/tmp/inbox page-inbox run
    """
    settings = read_settings(os.environ, command="run")
    with claimed(settings.data_dir):
        settings = demo.with_own_secrets(settings)
        log_path = settings.data_dir / "page-inbox.log"
        with log_path.open("ab") as log:
            logs.configure(log, level=settings.log_level)
            if settings.redis_url:
                server.run(lambda: _run(settings, log_path, quiet_shop))
                return
            with Embedded.start(settings.data_dir / "valkey") as valkey:
                own = replace(settings, redis_url=Secret(valkey.url))
                server.run(lambda: _run(own, log_path, quiet_shop, valkey))


async def _run(settings: Settings, log_path: Path, quiet_shop: bool, valkey: Embedded | None = None) -> None:
    async with demo.local_facebook(settings) as (own, page_token):
        app = create_app(own, hooks(os.environ, version=VERSION))

        async def beside(port: int, ops_port: int) -> None:
            await demo.ready(port, own.host)
            running.note(own, os.getpid())
            if valkey is not None:
                app.services.tasks.start("rewrite", app.services.sweeper.rewrite_daily)
                app.services.tasks.start("valkey", partial(_keep_running, valkey))
            graph = page_token is not None
            click.echo(demo.banner(own, port, ops_port, log_path, customers=not quiet_shop, graph=graph))
            await demo.open_shop(app, port, page_token, customers=not quiet_shop)

        try:
            await serve(app, beside=beside)
        finally:
            running.forget(own)
    click.echo("Stopped.")


async def _keep_running(valkey: Embedded) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if valkey.start_again():
            log.warning("valkey_started_again")
