"""`make attack`: run every attack and print each figure beside its limit.

Without --url each attack gets its own service and Valkey on this machine. With --url the attacks use a running service,
for example a test installation. There they connect two shops, `attack-shop` and `attack-other-shop`, and delete the
data of both at the end. FACEBOOK_APP_SECRET and TOKEN_KEYS must be those of that service.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from domain.secret import Secret
from tests import servers
from tests.attack.catalogue import all_attacks
from tests.attack.target import OTHER_PAGE, OTHER_SHOP, PAGE, SHOP, Attack, Target, Unmeasured
from tests.service import APP_SECRET, TOKEN_KEY, serving

SECONDS_EACH = 150.0
"""Seconds of an attack. A longer attack counts as lost, because the service no longer answers in time."""


@contextmanager
def _own_service() -> Iterator[Target]:
    with tempfile.TemporaryDirectory(prefix="attack-") as directory:
        place = Path(directory)
        with (
            servers.running("attack", place / "valkey", servers.valkey9()) as valkey,
            serving(valkey.url, place / "log", CONNECT_WITHOUT_TOKEN="backend") as service,
        ):
            yield Target(service.url, APP_SECRET, TOKEN_KEY, service.ops_url, service.process.pid, valkey.url)


@contextmanager
def _running_service(url: str, ops_url: str | None, pid: int | None, redis_url: str | None) -> Iterator[Target]:
    try:
        secret, key = os.environ["FACEBOOK_APP_SECRET"].split(",")[0], os.environ["TOKEN_KEYS"].split(",")[0]
    except KeyError as missing:
        raise click.ClickException(f"Set {missing.args[0]} to the value that the attacked service has.") from None
    target = Target(url.rstrip("/"), Secret(secret), Secret(key), ops_url, pid, redis_url)
    try:
        yield target
    finally:
        for shop, page in ((SHOP, PAGE), (OTHER_SHOP, OTHER_PAGE)):
            with target.shop(shop, connected_shop="*") as owner:
                owner.client.delete(f"/pages/{page}")


def _run(attack: Attack, target: Target) -> tuple[str, bool]:
    """Returns the figure as text, and True if the service held."""
    target.connect()
    target.connect(OTHER_SHOP, OTHER_PAGE)
    try:
        figure = asyncio.run(asyncio.wait_for(_awaited(attack, target), SECONDS_EACH))
    except Unmeasured as reason:
        return f"not measured: {reason}", True
    except TimeoutError:
        return f"no result within {SECONDS_EACH:.0f} s", False
    except Exception as error:  # noqa: BLE001 - the other attacks still run
        return f"{type(error).__name__}: {error}", False
    return f"{figure:,.3f}", figure <= attack.limit


async def _awaited(attack: Attack, target: Target) -> float:
    return await attack.run(target)


@click.command(help=__doc__)
@click.option("--url", help="The public address of a running service.")
@click.option("--ops-url", help="Its operators' address.")
@click.option("--pid", type=int, help="Its process, where it runs on this machine: for memory and processor time.")
@click.option("--redis-url", help="Its Redis, where it can be reached.")
@click.option("--only", default="", help="Run only attacks whose title contains this text.")
def main(url: str | None, ops_url: str | None, pid: int | None, redis_url: str | None, only: str) -> None:
    """Print the table. The exit code is 1 if the service did not hold."""
    attacks = [one for one in all_attacks() if only in one.title]
    lost, began = 0, time.monotonic()
    for number, attack in enumerate(attacks, 1):
        click.echo(f"[{number}/{len(attacks)}] {attack.title} ... ", nl=False)
        service = _running_service(url, ops_url, pid, redis_url) if url else _own_service()
        with service as target:
            figure, held = _run(attack, target)
        lost += not held
        click.echo(f"{figure} {attack.unit}, limit {attack.limit:g}: {'held' if held else 'NOT HELD'}")
    click.echo(f"{len(attacks) - lost} of {len(attacks)} held, {time.monotonic() - began:.0f} s")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
