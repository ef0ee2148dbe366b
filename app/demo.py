"""The parts of `page-inbox run`: generated secrets, a simulated Facebook, a demo shop and its simulated customers."""

import asyncio
import base64
import json
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from socket import socket as Socket  # noqa: N812 - a class
from time import time
from typing import Final

from api.auth import Tokens
from app.factory import Application
from app.parts import unix_milliseconds
from app.server import PortRefused, listen, make_server
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import SCOPES
from ops.settings import FACEBOOK, Settings
from simulator.attachments import MEDIA
from simulator.customers import Crowd
from simulator.graph import graph_app
from simulator.graph_made_up import demo_world
from simulator.graph_media import move_media, with_media
from simulator.plan import Plan
from simulator.sender import Sender, until_answered

SHOP: Final = ShopId("demo-shop")
PAGE: Final = PageId("104200000000001")
APP_ID: Final = "200000000000001"
LOOPBACK: Final = "127.0.0.1"
TOKEN_SECONDS: Final = 24 * 60 * 60
CUSTOMERS: Final = 16
FIRST_DELIVERIES: Final = 40
"""Deliveries sent at once, so that the console shows messages from the start."""
DELIVERIES_PER_SECOND: Final = 0.5
"""The rate of a busy shop in the evening."""


def with_own_secrets(settings: Settings) -> Settings:
    """Returns the settings with all secrets. Missing secrets are generated once. A file in DATA_DIR has them, which
    only its owner can read."""
    known = _own_secrets(settings.data_dir)
    return replace(
        settings,
        app_id=settings.app_id or APP_ID,
        app_secrets=settings.app_secrets or (Secret(known["FACEBOOK_APP_SECRET"]),),
        verify_token=settings.verify_token or Secret(known["FACEBOOK_VERIFY_TOKEN"]),
        token_keys=settings.token_keys or (() if settings.token_jwks else (Secret(known["TOKEN_KEYS"]),)),
        seal_keys=settings.seal_keys or (Secret(known["SEAL_KEYS"]),),
    )


def _own_secrets(directory: Path) -> dict[str, str]:
    path = directory / "secrets.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    names = ("FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN", "TOKEN_KEYS", "SEAL_KEYS", "PAGE_TOKEN")
    if missing := [name for name in names if name not in known]:
        known |= {name: secrets.token_hex(32) for name in missing}
        if "SEAL_KEYS" in missing:
            known["SEAL_KEYS"] = base64.b64encode(secrets.token_bytes(32)).decode()
        path.touch(mode=0o600)
        path.write_text(json.dumps(known, indent=2) + "\n")
    return known


@asynccontextmanager
async def local_facebook(settings: Settings) -> AsyncIterator[tuple[Settings, Secret | None]]:
    """Runs a simulated Graph on its own port. Yields settings with its address, and the token of the demo shop's Page.

    If GRAPH_URL is already set to another address, the settings do not change, and there is no token.
    """
    if settings.graph_url != FACEBOOK or settings.app_id is None:
        yield settings, None
        return
    token = Secret(_own_secrets(settings.data_dir)["PAGE_TOKEN"])
    # The seed is the Page's id, so the posts and all ids are the same in each run.
    rng = random.Random(PAGE)  # noqa: S311 - a made-up shop
    world = demo_world(PAGE, settings.app_id, settings.app_secrets, token, rng=rng, now=unix_milliseconds)
    for chat in crowd():
        world.meet(world.pages[PAGE], chat.psid, chat.name, unix_milliseconds())
    with _listen_as_before(settings.data_dir / "facebook-port") as socket:
        move_media(world, address(LOOPBACK, socket.getsockname()[1]))
        server = make_server(with_media(graph_app(world)))
        serving = asyncio.create_task(server.serve([socket]))
        try:
            yield replace(settings, graph_url=address(LOOPBACK, socket.getsockname()[1])), token
        finally:
            server.should_exit = True
            await serving


def _listen_as_before(noted: Path) -> Socket:
    """Listen on the port of the last run if the port is free. Stored messages have the addresses of pictures with this
    port."""
    try:
        found = listen(LOOPBACK, int(noted.read_text()), "PORT")
    except (OSError, ValueError, OverflowError, PortRefused):
        found = listen(LOOPBACK, 0, "PORT")
    noted.write_text(str(found.getsockname()[1]))
    return found


def address(host: str, port: int) -> str:
    """Returns the URL of a port on this machine."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def banner(settings: Settings, port: int, ops_port: int, log_path: Path, *, customers: bool, graph: bool) -> str:
    """Returns the first text that `run` prints: the addresses, and lines to copy."""
    base, ops = address(settings.host, port), address(settings.host, ops_port)
    if settings.token_keys:
        token = Tokens(settings.token_keys).mint(SHOP, SCOPES, TOKEN_SECONDS, "demo", time())
        how, ready = "A token for the demo shop, good for a day:", f"#token={token}"
    else:
        ready = ""
        token, how = "<your token>", "TOKEN_JWKS is set and TOKEN_KEYS is not: mint a token where your keys are."
    shop = f"{base}/v1/shops/{SHOP}"
    who = "Customers are writing to it." if customers else "No customers are writing (--quiet-shop)."
    posts = f'    curl -s -H "Authorization: Bearer $TOKEN" "{shop}/pages/{PAGE}/posts?limit=5"\n' if graph else ""
    return f"""
  Page Inbox is running. The demo shop's Page is {PAGE}. {who}

    Console           {base}/console{ready}
    API description   {base}/docs
    Operators         {ops}/metrics
    Log               {log_path}

  {how}

    export TOKEN={token}

  Read:

    curl -s -H "Authorization: Bearer $TOKEN" "{shop}/messages?limit=5"
    curl -s -H "Authorization: Bearer $TOKEN" "{shop}/conversations?limit=5"
{posts}
  Delete every message of the demo shop:

    curl -s -H "Authorization: Bearer $TOKEN" -X DELETE "{shop}/messages"

  Ctrl-C stops everything. What is kept stays in {settings.data_dir} until its five days are over.
"""


async def open_shop(app: Application, port: int, token: Secret | None, *, customers: bool) -> None:
    """Connect the demo Page, and let simulated customers write to it until the task is cancelled."""
    services = app.services
    await services.graph.pages.connect(SHOP, PAGE, token, history=customers)
    if not customers:
        return
    sender = Sender(f"{address(services.settings.host, port)}/webhook", services.settings.app_secrets[0])
    rng = random.Random()  # noqa: S311 - made-up customers
    first = Plan(
        (PAGE,),
        count=FIRST_DELIVERIES,
        crowd=crowd(),
        media=MEDIA if token is None else services.settings.graph_url,
    )
    await sender.run(first, rng=rng)
    await sender.run(
        replace(first, count=None, rate=DELIVERIES_PER_SECOND, duplicates=0.05, disorder=0.1),
        rng=rng,
    )


def crowd() -> Crowd:
    """Returns the same customers in each run, so that the simulated Facebook and the stored conversations match."""
    return Crowd((PAGE,), CUSTOMERS, random.Random(PAGE))  # noqa: S311 - made-up customers


async def ready(port: int, host: str) -> None:
    """Return when the public port answers."""
    await until_answered(f"{address(host, port)}/openapi.json")
