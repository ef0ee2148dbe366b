"""`page-inbox`: the command line."""

import asyncio
import os
import random
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from app import demo, server
from app.audit_command import audit
from app.doctor_command import doctor
from app.export_command import export
from app.factory import create_app
from app.parts import needed
from app.receipt_command import receipt
from app.store_commands import pages, purge
from app.supervisor import supervise
from app.wiring import VERSION, make_tokens
from cache.embedded.valkey import Embedded
from domain.errors import PageInboxError
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import SCOPES
from ops import logs
from ops.hooks import hooks
from ops.settings import SETTINGS, Command, Settings, SettingsRefused, read_settings
from simulator.plan import Plan
from simulator.sender import Sender
from simulator.summary import Summary

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Teaching(click.Group):
    """Our own errors become a sentence and exit code 1; anything else is a bug and shows itself."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (PageInboxError, SettingsRefused) as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=_Teaching, context_settings=_HELP)
@click.version_option(VERSION, prog_name="page-inbox")
def main() -> None:
    """A Facebook Page inbox for small shops: messages are kept five days, and purged when asked.

    \b
    Try it here, without Facebook or Redis:   page-inbox run
    Run it for real:                          page-inbox serve
    Every setting and its value now:          page-inbox settings
    """


def _settings(command: Command) -> Settings:
    return read_settings(os.environ, command=command)


@main.command()
@click.option("--quiet-shop", is_flag=True, help="Leave out the customers who write to the demo shop.")
def run(quiet_shop: bool) -> None:
    """Run the whole thing on this machine, for trying and developing.

    Starts a private Valkey with its data in DATA_DIR, the service on loopback, a Facebook of its own with a demo shop's
    posts and comments, and a few customers who write to that shop. Secrets that are not set are made and kept in
    DATA_DIR. Ctrl-C stops all of it.

    \b
    Example:   PORT=8080 DATA_DIR=/tmp/inbox page-inbox run
    """
    settings = _settings("run")
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = demo.with_own_secrets(settings)
    log_path = settings.data_dir / "page-inbox.log"
    with log_path.open("wb") as log:
        logs.configure(log, level=settings.log_level)
        if settings.redis_url:
            server.run(lambda: _run(settings, log_path, quiet_shop, embedded=False))
            return
        with Embedded.start(settings.data_dir / "valkey") as valkey:
            own = replace(settings, redis_url=Secret(valkey.url))
            server.run(lambda: _run(own, log_path, quiet_shop, embedded=True))


async def _run(settings: Settings, log_path: Path, quiet_shop: bool, *, embedded: bool) -> None:
    async with demo.local_facebook(settings) as (own, page_token):
        app = create_app(own, hooks(os.environ, version=VERSION))

        async def beside(port: int, ops_port: int) -> None:
            await demo.ready(port, own.host)
            if embedded:
                app.services.tasks.start("rewrite", app.services.sweeper.rewrite_daily)
            graph = page_token is not None
            click.echo(demo.banner(own, port, ops_port, log_path, customers=not quiet_shop, graph=graph))
            await demo.open_shop(app, port, page_token, customers=not quiet_shop)

        await server.serve(app, beside=beside)
    click.echo("Stopped.")


@main.command()
def serve() -> None:
    """Serve in production. Needs its settings; names every missing or weak one at once.

    \b
    Example:
      export REDIS_URL=redis://cache:6379/0 FACEBOOK_APP_SECRET_FILE=/run/secrets/app
      export FACEBOOK_VERIFY_TOKEN_FILE=/run/secrets/verify TOKEN_KEYS_FILE=/run/secrets/tokens
      export SEAL_KEYS_FILE=/run/secrets/seal
      page-inbox serve
    """
    settings = _settings("serve")
    logs.configure(sys.stdout.buffer, level=settings.log_level, shared=settings.workers > 1)
    if settings.workers > 1:
        server.run(lambda: supervise(settings))
        return
    server.run(lambda: server.serve(create_app(settings, hooks(os.environ, version=VERSION))))


@main.command()
@click.option("--shop", required=True, help="The shop it is for; '*' for a back end that serves every shop.")
@click.option("--scope", required=True, help=f"Space separated: {', '.join(SCOPES)}.")
@click.option("--ttl", default="1h", show_default=True, help="How long it is good for: 90s, 15m, 1h, 7d.")
@click.option("--sub", default="operator", show_default=True, help="Who bears it, for receipts and the audit log.")
def token(shop: str, scope: str, ttl: str, sub: str) -> None:
    """Mint a bearer token, signed with the first of TOKEN_KEYS.

    \b
    Example:   page-inbox token --shop sokha --scope "messages:read messages:purge" --ttl 7d --sub sokha@shop
    """
    scopes = [known for known in SCOPES if known in scope.split()]
    if unknown := set(scope.split()) - set(SCOPES):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}", param_hint="--scope")
    settings = _settings("tool")
    if not settings.token_keys:
        needed(None, "TOKEN_KEYS")
    try:
        text = make_tokens(settings).mint(ShopId(shop), scopes, _seconds(ttl), sub, time.time())
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(text)


def _seconds(text: str) -> int:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not (number.isascii() and number.isdigit()):
        raise click.BadParameter(f"{text!r} is no time; write 90s, 15m, 1h or 7d", param_hint="--ttl")
    return int(number) * units[unit]


@main.command()
@click.option("--url", required=True, help="The webhook to send to, as http://127.0.0.1:8000/webhook.")
@click.option("--page", "pages", multiple=True, default=[demo.PAGE], show_default=True, help="A Page; may be repeated.")
@click.option("--rate", default=0.0, show_default=True, help="Deliveries a second; 0 is as fast as it goes.")
@click.option("--count", default=100, show_default=True, help="Deliveries in all.")
@click.option("--duplicates", default=0.0, show_default=True, help="Share sent again, 0 to 1.")
@click.option("--disorder", default=0.0, show_default=True, help="Share held back behind later ones, 0 to 1.")
@click.option("--forged", default=0.0, show_default=True, help="Share with a wrong signature, 0 to 1.")
def simulate(
    url: str, pages: tuple[str, ...], rate: float, count: int, duplicates: float, disorder: float, forged: float
) -> None:
    """Send webhook traffic of realistic shape, signed with the first of FACEBOOK_APP_SECRET.

    Ends with exit code 1 when a genuine delivery was given up or a forged one accepted.

    \b
    Example:   FACEBOOK_APP_SECRET=... page-inbox simulate --url http://127.0.0.1:8000/webhook --count 500 --forged 0.05
    """
    settings = _settings("tool")
    secret = settings.app_secrets[0] if settings.app_secrets else needed(None, "FACEBOOK_APP_SECRET")
    plan = Plan(
        tuple(map(PageId, pages)), count=count, rate=rate, duplicates=duplicates, disorder=disorder, forged=forged
    )
    sender = Sender(url, secret)
    with click.progressbar(length=count, label="Sending", file=sys.stderr) as bar:

        def progress(summary: Summary) -> None:
            bar.update(summary.concluded - bar.pos)

        rng = random.Random()  # noqa: S311 - made-up customers
        summary = asyncio.run(sender.run(plan, rng=rng, progress=progress))
    click.echo(summary.render())
    if summary.given_up or summary.refused < summary.forged:
        sys.exit(1)


@main.command("settings")
def show_settings() -> None:
    """Show every setting: its value now (secrets only as set or not set) and what it means."""
    summary = _settings("tool").summary()
    for setting in SETTINGS:
        click.echo(f"{click.style(setting.name, bold=True)} = {summary[setting.name]}")
        click.echo(f"    {setting.meaning}" + (f" Default {setting.default}." if setting.default else ""))


main.add_command(audit)
main.add_command(doctor)
main.add_command(export)
main.add_command(pages)
main.add_command(purge)
main.add_command(receipt)
