"""The service ends during its work, with and without a signal to stop. No message that was answered 200 is lost or
stored twice."""

import asyncio
import random
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx2
import pytest

from domain.ids import PageId
from simulator.plan import Plan
from simulator.sender import Sender
from simulator.serialize import serialize
from simulator.signing import signed
from simulator.summary import Summary
from tests.breakable import Breakable
from tests.callers import PAGE, Shop, texts
from tests.fault.conftest import EndsWith
from tests.fault.load import loading
from tests.fault.rows import FULL
from tests.servers import Server
from tests.service import APP_SECRET, STOP_SECONDS, serving
from tests.support import NO_TLS, WITHIN, wait_until

HANGS_SECONDS = 0.2
"""Seconds for which Redis hangs. In this time a faulty service could answer a hundred deliveries 200 too early, and a
correct service answers none."""


def readable(url: str) -> list[str]:
    """Returns every id, once for each time that the service shows it."""
    with Shop(url) as shop:
        return shop.ids()


@pytest.mark.fault("the service killed (SIGKILL) at a random moment")
@pytest.mark.parametrize("attempt", range(20 if FULL else 1))
async def test_a_sigkill_loses_no_message_that_was_answered_200(
    breakable: Breakable, tmp_path: Path, row: EndsWith, attempt: int
) -> None:
    """The kill comes at a random moment under load, several times. In every second run Redis hangs before the kill, so
    that messages wait."""
    moment = random.randrange(1, 1200)
    with serving(breakable.url, tmp_path / "killed") as service:
        with Shop(service.url, patient=False) as shop:
            shop.connect()
        async with loading(service.url, pause=0.0) as load:
            await load.reach(moment)
            if attempt % 2 == 0:
                breakable.hang()
                await asyncio.sleep(HANGS_SECONDS)
            service.kill()
            breakable.go_on()
    with serving(breakable.url, tmp_path / "next") as service:
        found = readable(service.url)
    row(load, found)


async def test_a_write_that_still_waits_for_redis_is_not_answered_200(breakable: Breakable, tmp_path: Path) -> None:
    """While Redis hangs, writes wait in the service. A SIGKILL loses them, but none of them was answered 200."""
    acknowledged: set[str] = set()

    async def post(mid: str, waits: float = 0.4) -> None:
        body = serialize(texts([mid]))
        # This limit is shorter than the service's own limit, after which the answer is 503. So the write still waits
        # when the kill comes.
        async with httpx2.AsyncClient(base_url=service.url, trust_env=False, verify=NO_TLS, timeout=waits) as client:
            with suppress(httpx2.TimeoutException):
                answer = await client.post("/webhook", content=body, headers=signed(body, APP_SECRET))
                if answer.status_code == 200:
                    acknowledged.add(mid)

    with serving(breakable.url, tmp_path / "killed") as service:
        with Shop(service.url, patient=False) as shop:
            shop.connect()
        await post("m_before", WITHIN)
        breakable.hang()
        for first in (0, 10):  # Redis may execute the first ten later: they may be in its socket
            await asyncio.gather(*(post(f"m_{n}") for n in range(first, first + 10)))
        service.kill()
        breakable.go_on()
    with serving(breakable.url, tmp_path / "next") as service:
        found = set(readable(service.url))
    assert "m_before" in acknowledged
    assert acknowledged <= found


@pytest.mark.fault("the service stopped (SIGTERM) at a random moment")
@pytest.mark.parametrize("attempt", range(2 if FULL else 1))
async def test_a_sigterm_under_load_loses_nothing_and_ends_in_time(
    valkey: Server, tmp_path: Path, row: EndsWith, attempt: int
) -> None:
    """The exit code is 0 within the grace. A delivery that comes too late gets 503 or no connection, and is
    not lost."""
    moment = random.randrange(1, 1200)
    with serving(valkey.url, tmp_path / "stopped") as service:
        with Shop(service.url, patient=False) as shop:
            shop.connect()
        async with loading(service.url, pause=0.0) as load:
            await load.reach(moment)
            assert await asyncio.to_thread(service.terminate) == 0
        assert load.statuses.keys() <= {200, 503}
        assert [line for line in service.lines() if line["level"] in {"error", "critical"}] == []
        assert service.lines()[-1]["event"] in {"closed", "library"}
    with serving(valkey.url, tmp_path / "next") as service:
        found = readable(service.url)
    row(load, found)


async def test_realistic_traffic_is_stored_correctly_despite_a_kill_and_a_restart(
    valkey: Server, tmp_path: Path
) -> None:
    """Texts, photos, edits, unsends and repetitions, out of order, half of them before a SIGKILL and half
    after. Facebook delivers again what was not answered. In the end the shop reads the right messages with
    their last texts."""
    waits = (0.0, *(0.2,) * 400)
    plan = Plan((PageId(PAGE),), count=400, rate=100, duplicates=0.1, disorder=0.2, forged=0.02, retry_waits=waits)
    with serving(valkey.url, tmp_path / "killed") as service:
        with Shop(service.url, patient=False) as shop:
            shop.connect()
        progress: list[Summary] = []
        sender = Sender(f"{service.url}/webhook", APP_SECRET)
        sending = asyncio.create_task(sender.run(plan, rng=random.Random(20), progress=progress.append))
        await wait_until(lambda: progress and progress[-1].concluded >= 100, within=30)
        service.kill()
    with ExitStack() as stack:
        # In a thread: Facebook continues to send, and no process accepts it.
        starting = serving(valkey.url, tmp_path / "next", PORT=str(service.port))
        again = await asyncio.to_thread(stack.enter_context, starting)
        summary = await asyncio.wait_for(sending, 2 * STOP_SECONDS)
        with Shop(again.url) as shop:
            found = shop.walk()
    assert (summary.given_up, summary.accepted) == (0, 0)
    assert summary.retried > 0, "the kill came too late to matter"
    shown = {message["id"]: message.get("text") for message in found}
    assert len(shown) == len(found)
    assert {kept.mid: kept.text for kept in summary.readable}.items() <= shown.items()
