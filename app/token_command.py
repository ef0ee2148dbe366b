"""`page-inbox token`: makes a bearer token."""

import os
import time

import click

from api.auth import Tokens
from app.needed import needed
from domain.ids import ShopId
from domain.shop import SCOPES
from ops.settings import read_settings


@click.command()
@click.option("--shop", required=True, help="The shop of the token. '*' is for a back end that serves every shop.")
@click.option("--scope", required=True, help=f"Scopes, separated by spaces: {', '.join(SCOPES)}.")
@click.option("--ttl", default="1h", show_default=True, help="How long the token is valid: 90s, 15m, 1h, 7d.")
@click.option("--sub", default="operator", show_default=True, help="The name that receipts and the audit log show.")
def token(shop: str, scope: str, ttl: str, sub: str) -> None:
    """Make a bearer token for the API.

    The token is signed with the first key of TOKEN_KEYS.

    \b
    Example:   page-inbox token --shop sokha --scope "messages:read messages:purge" --ttl 7d --sub sokha@shop
    """
    scopes = [known for known in SCOPES if known in scope.split()]
    if unknown := set(scope.split()) - set(SCOPES):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}", param_hint="--scope")
    keys = needed(read_settings(os.environ, command="tool").token_keys, "TOKEN_KEYS")
    try:
        text = Tokens(keys).mint(ShopId(shop), scopes, _seconds(ttl), sub, time.time())
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(text)


def _seconds(text: str) -> int:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not (number.isascii() and number.isdigit()):
        raise click.BadParameter(f"{text!r} is no time; write 90s, 15m, 1h or 7d", param_hint="--ttl")
    return int(number) * units[unit]
