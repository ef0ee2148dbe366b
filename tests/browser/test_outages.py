"""Tests what the page shows while the service or Redis is down, and that it continues afterwards without a reload."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.console import PATIENCE, WORDS, Console, Owner, messages, open_conversation, rows, stumbles
from tests.callers import Facebook
from tests.facebook import new_page, serving_graph
from tests.graph import FakeGraph
from tests.servers import Server, free_ports
from tests.support import wait_until

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.asyncio(loop_scope="session")


class Own:
    """A Valkey and a service for this test only. A test can stop them and start them again at the same port."""

    def __init__(
        self, own_server: Callable[..., AbstractContextManager[Server]], graph: FakeGraph, log: Path, stack: ExitStack
    ) -> None:
        self._own_server, self._graph, self._log, self._stack = own_server, graph, log, stack
        self._redis = stack.enter_context(ExitStack())
        (self._port,) = free_ports(1)
        self.valkey = self.start_redis()
        self.start()

    def start_redis(self) -> Server:
        """Start Redis with the data that it had when it was stopped."""
        return self._redis.enter_context(self._own_server("own", persistent=True))

    def stop_redis(self) -> None:
        """Stop Redis until it is started again."""
        self._redis.close()

    def start(self) -> None:
        """Start the service at the same port each time. The system does not give this port to another program while the
        service is stopped."""
        serving = serving_graph(self.valkey.url, self._log, self._graph, PORT=str(self._port))
        self.service = self._stack.enter_context(serving)

    def shop(self) -> Owner:
        """Returns a shop of the service, with one connected Page."""
        page = new_page(self._graph.world)
        shop = self._stack.enter_context(Owner(self.service.url))
        shop.bring(page)
        shop.page, shop.facebook = page, self._stack.enter_context(Facebook(self.service.url))
        return shop


@pytest_asyncio.fixture(loop_scope="session")
async def own(
    own_server: Callable[..., AbstractContextManager[Server]], graph: FakeGraph, tmp_path: Path
) -> AsyncIterator[Own]:
    """Yields the service. The part that was started last is stopped first."""
    with ExitStack() as stack:
        yield Own(own_server, graph, tmp_path / "log", stack)


async def test_the_page_continues_by_itself_after_a_restart_of_the_service(own: Own, browser: Browser) -> None:
    """The page shows that it reconnects. Then it shows the messages that arrived during the restart, each once."""
    shop = own.shop()
    console = Console(browser, shop)
    shop.hears("m_1", "before")
    page = await console.open()
    await open_conversation(page)
    await expect(page.locator(".connection.live")).to_be_visible()
    own.service.terminate()
    await expect(page.locator(".connection.reconnecting")).to_be_visible()
    assert await stumbles(page) == []
    own.start()
    shop.hears("m_2", "after")
    await expect(messages(page)).to_have_count(2)
    await expect(page.locator(".connection.live")).to_be_visible()
    shop.hears("m_3", "live again")
    await expect(messages(page)).to_have_count(3)
    await console.close()
    assert [line for line in console.complaints if "ERR_" not in line] == []


async def test_the_page_shows_a_message_while_redis_is_down(own: Own, browser: Browser) -> None:
    """A reader who opens the page in Khmer while Redis is down gets the sentence in Khmer."""
    shop = own.shop()
    console = Console(browser, shop)
    own.stop_redis()
    page = await console.open("km", "narrow")
    await expect(page.locator(".list-pane").get_by_role("alert")).to_contain_text(WORDS["km"]["problem.status_503"])
    assert await stumbles(page) == []
    own.start_redis()
    await wait_until(lambda: shop.facebook.text("m_1", page=shop.page.id).status_code == 200, within=30)
    await expect(rows(page)).to_have_count(1)
    await console.close()


async def test_deleted_messages_disappear_even_if_the_page_cannot_read_the_rest(owner: Owner, browser: Browser) -> None:
    """The message disappears from the conversation and from the list. The list is read again until new messages are
    shown."""
    console = Console(browser, owner)
    owner.hears("m_0", "deleted first")
    owner.hears("m_1", "deleted")
    page = await console.open()
    await open_conversation(page)
    await expect(messages(page)).to_have_count(2)
    await expect(page.locator(".connection.live")).to_be_visible()
    await page.route(re.compile(r"/v1/shops/[^/]+/messages\?"), lambda route: route.abort())
    owner.purge("/messages/m_0")
    await expect(messages(page)).to_have_count(0)
    await expect(rows(page)).to_contain_text(["deleted"])
    lists = re.compile(r"/v1/shops/[^/]+/conversations\?")
    await page.route(lists, lambda route: route.abort())
    owner.purge()
    await expect(page.locator(".list-pane").get_by_role("alert")).to_be_visible()
    await expect(page.get_by_text("deleted", exact=True)).to_have_count(0)
    owner.hears("m_2", "kept")
    await page.unroute(lists)
    await expect(rows(page)).to_contain_text(["kept"])
    await console.close()
    assert [line for line in console.complaints if "ERR_" not in line] == []


async def test_the_page_shows_that_it_is_offline(console: Console) -> None:
    """The messages stay readable. When the network is back, new messages arrive."""
    console.owner.hears("m_1", "before")
    page = await console.open()
    await open_conversation(page)
    await page.context.set_offline(True)
    await expect(page.locator(".connection.offline")).to_be_visible()
    await expect(messages(page)).to_have_count(1)
    console.owner.hears("m_2", "meanwhile")
    await page.context.set_offline(False)
    await expect(page.locator(".connection.live")).to_be_visible()
    await expect(messages(page)).to_have_count(2)
