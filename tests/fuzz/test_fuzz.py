"""Whole deliveries over HTTP, compared with a simple model of what can be read: a short run of `make fuzz`.

FUZZ_BODIES gives the number of bodies. With it, each run draws other bodies.
"""

import asyncio
import os
import random
from collections.abc import Iterator
from itertools import count
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.run import Found, Wire, live, run
from tests.fuzz.spelling import Members, spelled
from tests.fuzz.world import World
from tests.servers import running
from tests.service import Service, serving

BODIES: Final = int(os.environ.get("FUZZ_BODIES", "1000"))
EXAMPLES: Final = max(12, BODIES // 100)
SEED: Final = 20 if "FUZZ_BODIES" not in os.environ else random.SystemRandom().randrange(2**32)

numbers = count(10_000)
"""Numbers of worlds. Each world has its own Pages, also if hypothesis repeats an example."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Yields a service with its own Valkey. The shops of many worlds stay registered there."""
    directory = tmp_path_factory.mktemp("fuzz")
    with running("fuzz", directory / "valkey") as valkey, serving(valkey.url, directory / "log") as it:
        yield it


@pytest.mark.timeout(180)
def test_what_is_readable_of_many_bodies_is_what_their_worlds_say(service: Service) -> None:
    """Some bodies are broken. Each answer is 200 or 400. The test reads everything of each shop."""
    found = asyncio.run(run(service, BODIES, SEED, worlds=8))
    assert found.statuses.keys() <= {200, 400}
    assert found.statuses[200] > found.statuses[400] > 0
    assert found.compared > BODIES / 10


@pytest.mark.timeout(180)
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(rng=st.randoms(use_true_random=False), bodies=st.integers(1, 8))
def test_a_shop_reads_what_its_deliveries_said(service: Service, rng: random.Random, bodies: int) -> None:
    """hypothesis looks for the smallest deliveries that fail."""

    async def one() -> Found:
        found, wire = Found(), Wire(service.port)
        try:
            await live(next(numbers), wire, rng, found, bodies, lambda _: None)
        finally:
            wire.close()
        return found

    assert asyncio.run(one()).bodies == bodies


def test_a_world_says_the_same_of_every_spelling() -> None:
    """Two worlds with the same randomness have the same bodies and messages, so a seed draws a failure again."""
    first, again = World(1, random.Random(7)), World(1, random.Random(7))
    for _ in range(50):
        first.delivery()
        again.delivery()
    assert {key: kept.text for key, kept in first.readable().items()} == {
        key: kept.text for key, kept in again.readable().items()
    }
    assert first.readable()


def test_a_body_is_spelled_in_many_ways() -> None:
    """The body has a name that occurs twice, and half an emoji, which is escaped in every spelling."""
    rng = random.Random(1)
    bodies = {spelled(Members([("a", 1), ("a", "x/\ud83d"), ("b", {"c": [True, None]})]), rng) for _ in range(100)}
    assert len(bodies) > 20
    assert all(rb"\ud83d" in body.lower() for body in bodies)
