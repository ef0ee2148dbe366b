"""The example of an order composer in a browser, beside a service that is killed."""

import os
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.console import PATIENCE, Console, Owner, copied_by, stumbles
from tests.callers import Facebook
from tests.documents import ROOT
from tests.facebook import new_page, serving_graph
from tests.graph import FakeGraph
from tests.servers import Server, free_ports
from tests.service import TOKEN_KEY, started
from tests.support import wait_until_blocking

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")


def is_listening(port: int) -> bool:
    """Returns True if a program of this machine accepts connections on this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_the_composer_shows_messages_live_and_survives_kill_9(
    own_server: Callable[..., AbstractContextManager[Server]], graph: FakeGraph, browser: Browser, tmp_path: Path
) -> None:
    """The composer has another origin, and its own back end makes the tokens. A deleted message disappears before the
    list is read again."""
    port, composer = free_ports(2)
    origin = f"http://127.0.0.1:{composer}"
    settings = {"PORT": str(port), "CORS_ORIGINS": origin, "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    environ = {**os.environ, "INBOX_URL": f"http://127.0.0.1:{port}", "SHOP": "shop-1", "COMPOSER_PORT": str(composer)}
    environ |= {"TOKEN_KEYS": TOKEN_KEY.reveal(), "REDIS_URL": "unix:///nonexistent"}
    command = [sys.executable, str(ROOT / "examples" / "composer" / "server.py")]
    with ExitStack() as stack:
        valkey = stack.enter_context(own_server("composer", persistent=True))
        killed = stack.enter_context(serving_graph(valkey.url, tmp_path / "log", graph, **settings))
        stack.enter_context(started(command, tmp_path / "composer.log", environ))
        shop = stack.enter_context(Owner(killed.url, "shop-1"))
        shop.page, shop.facebook = new_page(graph.world), stack.enter_context(Facebook(killed.url))
        shop.bring(shop.page)
        shop.hears("m_1", "two blue shirts")
        console = Console(browser, shop)
        page = await console.window(permissions=["clipboard-read", "clipboard-write"])
        wait_until_blocking(lambda: is_listening(composer), within=60)
        await page.goto(origin)
        await expect(page.get_by_role("status")).to_have_text("live")
        await page.get_by_role("button", name="two blue shirts").click()
        shop.hears("m_2", "012 345 678")
        for words in ("two blue shirts", "012 345 678"):
            await page.get_by_label(words).check()
        order = await copied_by(page, page.get_by_role("button", name="Copy the order"))
        assert order == "two blue shirts\n012 345 678\nTel. +85512345678"
        assert await stumbles(page) == []

        killed.kill()
        await expect(page.get_by_role("status")).to_have_text("reconnecting")
        stack.enter_context(serving_graph(valkey.url, tmp_path / "log-of-the-second", graph, **settings))
        shop.hears("m_3", "to Toul Kork please")
        await expect(page.get_by_label("to Toul Kork please")).to_have_count(1)
        await expect(page.get_by_role("status")).to_have_text("live")
        await expect(page.get_by_label("two blue shirts")).to_be_checked()
        await page.route("**/messages?*", lambda route: route.abort())
        shop.purge()
        await expect(page.locator("label")).to_have_count(0)
        await console.close()
        assert [line for line in console.complaints if "ERR_" not in line] == []
