"""While somebody forges, a few deliveries are verified in each turn of the loop, and known forgers come last."""

import asyncio

from tests.support import FakeClock
from webhook.turns import CALM_SECONDS, FORGERS_REMEMBERED, Turns

FORGER, STRANGER = "192.0.2.1", "198.51.100.1"


async def some_turns(turns: int) -> None:
    """Let the loop turn."""
    for _ in range(turns):
        await asyncio.sleep(0)


def in_line(turns: Turns, sender: str, called: list[str]) -> "asyncio.Task[None]":
    """A delivery that waits; its sender is noted when it is called."""

    async def deliver() -> None:
        await turns.wait(sender)
        called.append(sender)

    return asyncio.create_task(deliver())


async def test_nobody_waits_where_nobody_forges() -> None:
    """However many come at once: all of them are through in the turn in which they came."""
    turns, called = Turns(clock=FakeClock().seconds, each_turn=2), list[str]()
    tasks = [in_line(turns, STRANGER, called) for _ in range(50)]
    await some_turns(1)
    assert len(called) == 50
    await asyncio.gather(*tasks)


async def test_a_few_are_called_in_each_turn_while_somebody_forges() -> None:
    """Never more than that, and all of them in the end, in their order."""
    turns, called = Turns(clock=FakeClock().seconds, each_turn=2), list[str]()
    turns.forged(FORGER)
    tasks = [in_line(turns, f"{n}", called) for n in range(10)]
    seen = []
    while len(called) < 10:
        await some_turns(1)
        seen.append(len(called))
    assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) <= 2
    assert called == [f"{n}" for n in range(10)]
    await asyncio.gather(*tasks)


async def test_a_stranger_goes_before_a_thousand_known_forgers() -> None:
    """Also if they came first."""
    turns, called = Turns(clock=FakeClock().seconds, each_turn=2), list[str]()
    turns.forged(FORGER)
    tasks = [in_line(turns, FORGER, called) for _ in range(1000)]
    await some_turns(3)
    tasks.append(in_line(turns, STRANGER, called))
    await some_turns(4)
    assert STRANGER in called
    assert len(called) < 20
    await asyncio.gather(*tasks)


async def test_one_of_the_forgers_is_called_in_each_turn_all_the_same() -> None:
    """Whoever is taken for one because a proxy lends its address to everybody must get through."""
    turns, called = Turns(clock=FakeClock().seconds, each_turn=2), list[str]()
    turns.forged(FORGER)
    strangers = [in_line(turns, STRANGER, called) for _ in range(100)]
    forger = in_line(turns, FORGER, called)
    await some_turns(10)
    assert FORGER in called
    assert len(called) < 100
    await asyncio.gather(forger, *strangers)


async def test_whoever_sends_what_is_genuine_is_no_forger_any_more() -> None:
    """Until the next forgery from there."""
    turns, called = Turns(clock=FakeClock().seconds, each_turn=2), list[str]()
    turns.forged(FORGER)
    turns.forged("other")
    turns.genuine(FORGER)
    tasks = [in_line(turns, "other", called) for _ in range(50)]
    tasks.append(in_line(turns, FORGER, called))
    await some_turns(60)
    assert FORGER in called[:8]
    await asyncio.gather(*tasks)


async def test_the_line_ends_some_seconds_after_the_last_forgery() -> None:
    """And with it what was remembered of the forgers."""
    clock = FakeClock()
    turns, called = Turns(clock=clock.seconds, each_turn=1), list[str]()
    turns.forged(FORGER)
    clock.advance(CALM_SECONDS + 1)
    tasks = [in_line(turns, FORGER, called) for _ in range(20)]
    await some_turns(1)
    assert len(called) == 20
    await asyncio.gather(*tasks)


async def test_who_has_gone_meanwhile_takes_nobodys_turn() -> None:
    """A delivery that waited too long is refused by its own deadline."""
    turns, called = Turns(clock=FakeClock().seconds, each_turn=1), list[str]()
    turns.forged(FORGER)
    gone = [in_line(turns, STRANGER, called) for _ in range(50)]
    await some_turns(2)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    before = len(called)
    last = in_line(turns, STRANGER, called)
    await some_turns(4)
    assert len(called) == before + 1
    await last


def test_only_so_many_forgers_are_remembered() -> None:
    """A forger with endless addresses costs no endless memory."""
    turns = Turns(clock=FakeClock().seconds)
    for number in range(FORGERS_REMEMBERED + 10):
        turns.forged(f"{number}")
    assert len(turns._forgers) == FORGERS_REMEMBERED
