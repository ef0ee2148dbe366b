"""`page-inbox receipt verify`: checks that the service signed a receipt, and shows the content of the receipt."""

import os
import sys
from typing import Any, BinaryIO, Final

import click
import httpx2
import orjson

from api.receipt_keys import PATH
from app.needed import needed
from cache.purging.receipt_signature import ReceiptRefused, ReceiptSigner, verify
from domain.errors import PageInboxError
from ops.settings import read_settings

ANSWER_SECONDS: Final = 20.0


class KeysUnreadable(PageInboxError):
    """Raised when the keys to verify with cannot be read."""


@click.group()
def receipt() -> None:
    """Verify the receipts of deletions."""


@receipt.command("verify")
@click.argument("file", type=click.File("rb"))
@click.option("--jwks", type=click.File("rb"), help="A file with the public keys of the service (a JWK set).")
@click.option("--url", help="A running service, as https://inbox.example. The command uses its public keys.")
def receipt_verify(file: BinaryIO, jwks: BinaryIO | None, url: str | None) -> None:
    """Verify the receipt in FILE, in the form in which the API returned it. Write - for standard input.

    The exit code is 0 when the service signed the receipt and the receipt was not changed. The exit code is 1 when this
    is not true, or when the keys cannot be read. Without --jwks and --url, the command makes the keys from SEAL_KEYS.

    \b
    Examples:
      page-inbox receipt verify receipt.json --url https://inbox.example
      page-inbox receipt verify receipt.json --jwks kept-jwks.json
    """
    if jwks is not None and url is not None:
        raise click.UsageError("Give --jwks or --url, not both.")
    keys = _object(jwks.read(), "The file of keys") if jwks is not None else _fetched(url) if url else _own()
    try:
        signed = verify(_object(file.read(), "The file"), keys)
    except ReceiptRefused as error:
        click.echo(f"Not valid: {error}")
        sys.exit(1)
    click.echo("Valid. The service has signed:")
    for name, value in signed.items():
        click.echo(f"  {name}: {value}")


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise KeysUnreadable("json_malformed", f"{what} does not hold a JSON object.")
    return found


def _own() -> dict[str, Any]:
    settings = read_settings(os.environ, command="tool")
    return ReceiptSigner(needed(settings.seal_keys, "SEAL_KEYS")).jwks()


def _fetched(url: str) -> dict[str, Any]:
    try:
        answer = httpx2.get(f"{url.rstrip('/')}{PATH}", timeout=ANSWER_SECONDS, trust_env=False)
        answer.raise_for_status()
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        sentence = f"{url} does not answer its keys ({type(error).__name__}). Is it the public address of a service?"
        raise KeysUnreadable("keys_unreadable", sentence) from None
    return _object(answer.content, "The service's answer")
