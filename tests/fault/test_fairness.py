"""One shop uses everything that it may use. Another shop is not affected: each of its messages is stored, and each
request is answered."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

import httpx2
import pytest

from tests.callers import Shop, mint
from tests.fault.conftest import EndsWith
from tests.fault.load import loading
from tests.fault.rows import FULL
from tests.fault.senders import Sender, connected, room_for_connections
from tests.servers import Server
from tests.service import serving
from tests.support import NO_TLS, wait_until

VIEWERS: Final = 300 if FULL else 100
MESSAGES: Final = 20_000 if FULL else 2_000
EACH: Final = 500
WITHIN: Final = 60.0
OTHER_PAGE: Final = "104200000000002"


async def answered(call: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
    """Returns the answer of a call, which must be 200. The call is repeated while Redis is too slow."""
    while b"redis_timeout" in (answer := await call()).content:
        pass
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.timeout(240)
@pytest.mark.fault("another shop with very many messages and viewers, read from end to end, then purged")
async def test_a_busy_shop_does_not_affect_another_shop(
    valkey: Server, tmp_path_factory: pytest.TempPathFactory, row: EndsWith
) -> None:
    """Each shop has its own messages, viewers and purge."""
    with serving(valkey.url, tmp_path_factory.mktemp("fairness") / "log") as service:
        with Shop(service.url) as quiet, Shop(service.url, "shop-2") as busy:
            quiet.connect()
            busy.connect(OTHER_PAGE)
        token = mint("shop-2")
        stream = f"GET /v1/shops/shop-2/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        viewers = [Sender(stream) for _ in range(room_for_connections(VIEWERS))]
        async with loading(service.url, connections=4) as load, AsyncExitStack() as stack:
            async with loading(service.url, pages=[OTHER_PAGE], connections=2, messages=EACH) as flood:  # type: ignore[list-item]
                await flood.reach(MESSAGES, WITHIN)
            await stack.enter_async_context(connected(service, viewers))
            await wait_until(lambda: all(b"event: ready" in viewer.answer for viewer in viewers), WITHIN)
            headers = {"Authorization": f"Bearer {token}"}
            url = f"{service.url}/v1/shops/shop-2/messages"
            async with httpx2.AsyncClient(headers=headers, trust_env=False, verify=NO_TLS, timeout=WITHIN) as web:
                read: set[str] = set()
                cursor = ""
                while cursor is not None:
                    page = (await answered(lambda at=cursor: web.get(url, params={"limit": 100, "cursor": at}))).json()  # type: ignore[misc]
                    read |= {message["id"] for message in page["messages"]}
                    cursor = page["next_cursor"]
                assert flood.acknowledged <= read
                await answered(lambda: web.delete(url))
            await wait_until(lambda: all(b"event: purge" in viewer.answer for viewer in viewers), WITHIN)
            await load.reach(12)
        with Shop(service.url) as quiet, Shop(service.url, "shop-2") as busy:
            found = await asyncio.to_thread(quiet.ids)
            left = await asyncio.to_thread(busy.ids)
        assert flood.statuses.keys() <= {200, 503}
        assert load.statuses.keys() <= {200, 503}
        assert left == []
        row(load, found)
