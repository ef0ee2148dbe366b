"""A browser, one service with a simulated Facebook, and a shop for each test, so that tests do not see each other's
messages."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.chromium import ARGUMENTS, chromium
from tests.browser.console import Console, Owner
from tests.browser.modules import Modules
from tests.browser.partner import serving_partner
from tests.callers import Facebook
from tests.debian import Absent
from tests.facebook import calm, new_page, running_facebook, serving_graph
from tests.graph import FakeGraph
from tests.servers import RESTING, running
from tests.service import Service

INSTALLS_WITHIN: Final = 600
"""Seconds for the first test on a machine without a browser. Any other test takes a few seconds."""

STARTS_WITHIN: Final = 120_000
"""Milliseconds until a browser has started on a busy machine. One second is usual."""

_SHOPS: Final = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the browser's tests one event loop, and enough time to install the browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(INSTALLS_WITHIN))


@pytest.fixture(scope="session")
def program() -> str:
    """Returns the path of the browser. If there is no browser, the tests are skipped with the reason."""
    try:
        return chromium()
    except Absent as reason:
        pytest.skip(str(reason))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(program: str) -> AsyncIterator[Browser]:
    """Yields one browser for all tests. Each test has its own profile."""
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS, timeout=STARTS_WITHIN)
        yield found
        await found.close()


@pytest.fixture(scope="session")
def shared_graph() -> Iterator[FakeGraph]:
    """Yields a simulated Graph on a socket."""
    with running_facebook() as graph:
        yield graph


@pytest.fixture
def graph(shared_graph: FakeGraph) -> FakeGraph:
    """Returns the simulated Graph without any scripted fault."""
    calm(shared_graph)
    return shared_graph


@pytest.fixture(scope="session")
def partner() -> Iterator[str]:
    """Yields the origin of a shop's own system, which may embed the console and gets orders from it."""
    with serving_partner() as origin:
        yield origin


@pytest.fixture(scope="session")
def service(shared_graph: FakeGraph, partner: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Yields `page-inbox serve` with its own Valkey."""
    with (
        running("console", tmp_path_factory.mktemp("console-valkey"), extra=RESTING) as valkey,
        serving_graph(
            valkey.url, tmp_path_factory.mktemp("console") / "log", shared_graph, ORDER_ORIGINS=partner
        ) as found,
    ):
        yield found


@pytest.fixture
def owner(service: Service, graph: FakeGraph) -> Iterator[Owner]:
    """Yields a shop for this test only, with one connected Page."""
    page = new_page(graph.world)
    with Owner(service.url, f"shop-{next(_SHOPS)}") as shop, Facebook(service.url) as facebook:
        shop.bring(page)
        shop.page, shop.facebook = page, facebook
        yield shop


@pytest_asyncio.fixture(loop_scope="session")
async def console(browser: Browser, owner: Owner) -> AsyncIterator[Console]:
    """Yields the page in its own window. Checks at the end that no request was refused, broken or sent to another
    server."""
    opened = Console(browser, owner)
    yield opened
    await opened.close()
    assert opened.complaints == []
    assert opened.strangers == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def modules(browser: Browser, service: Service) -> AsyncIterator[Modules]:
    """Yields a page without a session. All tests share it, because no test leaves data in it."""
    page = await browser.new_page()
    await page.goto(f"{service.url}/console")
    yield Modules(page)
    await page.close()
