"""The service notices that one server has older data than before, and uses no reply until the data are corrected."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from app.parts import unix_milliseconds
from cache.errors import Unavailable
from cache.keys import beat_keys
from cache.server.address import connect
from cache.server.connection import Connection
from cache.server.went_back import WentBack, WentBackCheck
from ops.metrics import Metrics
from tests.support import wait_until

PROCESS = "of-the-test"


@dataclass
class Guarded:
    """A guarded connection, and a record of each time that the service caught up."""

    connection: Connection
    last_key: bytes
    caught_up: list[WentBack | None] = field(default_factory=list)
    allowed: asyncio.Event = field(default_factory=asyncio.Event)

    async def catch_up(self, went_back: WentBack | None) -> None:
        """Wait until the test allows it."""
        await self.allowed.wait()
        self.caught_up.append(went_back)

    async def beat(self) -> int | None:
        """Returns the value of the last key."""
        found = await self.connection.unguarded().command("GET", self.last_key)
        return None if found is None else int(found)

    async def refusal(self) -> str:
        """Returns the reason why a read is refused, or "" if it is answered."""
        try:
            await self.connection.command("GET", self.last_key)
        except Unavailable as error:
            return error.reason
        return ""


@pytest.fixture
async def guarded(store_url: str) -> AsyncIterator[Guarded]:
    """A guarded connection with fast beats."""
    connection = connect(store_url)
    found = Guarded(connection, beat_keys(PROCESS, clustered=connection.clustered)[-1])
    metrics = Metrics(CollectorRegistry())
    check = WentBackCheck(connection, metrics, found.catch_up, process=PROCESS, now=unix_milliseconds)
    running = asyncio.create_task(check.run(lambda _: asyncio.sleep(0.01)))
    yield found
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await check.close()
    for key in beat_keys(PROCESS, clustered=connection.clustered):
        await connection.unguarded().command("DEL", key)
    await connection.close()


@pytest.mark.parametrize("older", [1_700_000_000_000, None])
async def test_replies_of_a_server_with_older_data_are_refused_until_the_data_are_corrected(
    guarded: Guarded, older: int | None
) -> None:
    """The server's last beat is older than before, or it is missing."""
    await wait_until(guarded.beat, within=20)
    assert await guarded.refusal() == ""
    raw = guarded.connection.unguarded()

    async def lose_the_last_beat() -> bool:
        """Remove the last beat or make it older. Returns True if the check has noticed the change.

        A new beat can arrive before the check looks, so the test calls this function until it returns True.
        """
        if older is None:
            await raw.command("DEL", guarded.last_key)
        else:
            await raw.command("SET", guarded.last_key, older)
        return await guarded.refusal() == "redis_went_back"

    await wait_until(lose_the_last_beat, within=20)
    assert guarded.caught_up == []
    guarded.allowed.set()

    async def open_again() -> bool:
        return await guarded.refusal() == ""

    await wait_until(open_again, within=20)
    (went_back,) = guarded.caught_up
    assert went_back is not None
    assert went_back.since == older or (older is None and went_back.since <= went_back.seen)


async def test_a_redis_that_refuses_writes_is_used_again_after_the_data_are_up_to_date(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, a full Redis still answers reads and purges. In this test the service catches up at its start."""
    refusing = connect(store_url)
    caught_up = asyncio.Event()

    async def refuse(*_: object, **__: object) -> None:
        raise Unavailable("redis_full")

    async def catch_up(_: WentBack | None) -> None:
        caught_up.set()

    check = WentBackCheck(
        refusing, Metrics(CollectorRegistry()), catch_up, process=PROCESS, now=unix_milliseconds, catch_up_first=True
    )
    monkeypatch.setattr(Connection, "commands_at_once", refuse)
    running = asyncio.create_task(check.run(lambda _: asyncio.sleep(0.01)))
    await asyncio.wait_for(caught_up.wait(), 20)

    async def answers() -> bool:
        with suppress(Unavailable):
            return await refusing.command("GET", "x") is None
        return False

    await wait_until(answers, within=20)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await check.close()
    await refusing.close()
