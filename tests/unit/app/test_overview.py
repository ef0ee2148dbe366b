"""What all workers come to."""

import asyncio

from app.overview import SILENT_BEATS, Overview
from ops.health import Result
from ops.metrics import Metrics, process_registry
from ops.totals import Told, tell


class Pretended:
    """A worker that answers `results`, or never where that is None."""

    def __init__(self, results: list[Result] | None = None, *, serves: bool = True, silent: int = 0) -> None:
        self.serves = serves
        self.silent = silent
        self.results = results
        self.asked = 0
        self.counted: Told = []

    async def ask(self) -> list[Result] | None:
        """Its checks."""
        self.asked += 1
        await asyncio.sleep(0)
        return self.results

    def delivered(self, count: int) -> None:
        """It reports so many deliveries."""
        registry = process_registry()
        Metrics(registry).delivery("accepted", count)
        self.counted = tell(registry)


def overview(*workers: Pretended) -> Overview:
    """Of these."""
    registry = process_registry()
    return Overview(lambda: workers, registry, Metrics(registry))


def value(seen: Overview, name: str) -> float:
    """Of a metric with one series."""
    return sum(s.value for family in seen.collect() for s in family.samples if s.name == f"page_inbox_{name}")


def named(results: list[Result]) -> dict[str, bool]:
    """Whether each passed."""
    assert len({result.name for result in results}) == len(results)
    return {result.name: result.ok for result in results}


REDIS = Result("redis", True, "look at Redis")
NO_REDIS = Result("redis", False, "look at Redis")
QUEUE = Result("accepting", True, "it is full")


async def test_a_check_passes_where_every_worker_passes_it() -> None:
    """One is enough to fail it."""
    assert named(await overview(Pretended([REDIS, QUEUE]), Pretended([REDIS, QUEUE])).run()) == {
        "redis": True, "accepting": True, "workers": True,
    }  # fmt: skip
    assert named(await overview(Pretended([REDIS, QUEUE]), Pretended([NO_REDIS, QUEUE])).run()) == {
        "redis": False, "accepting": True, "workers": True,
    }  # fmt: skip
    assert named(await overview(Pretended([NO_REDIS]), Pretended([REDIS])).run())["redis"] is False


async def test_nobody_is_ready_before_a_worker_serves() -> None:
    """Nobody is asked then, either."""
    starting = Pretended(serves=False, silent=20)
    assert named(await overview(starting).run()) == {"workers": False}
    assert named(await overview().run()) == {"workers": False}
    assert starting.asked == 0


async def test_a_worker_that_starts_again_makes_nobody_unready() -> None:
    """The others take its connections."""
    seen = overview(Pretended([REDIS]), Pretended(serves=False, silent=3))
    assert named(await seen.run()) == {"redis": True, "workers": True}
    assert seen.alive()


async def test_a_worker_that_hangs_is_not_asked_and_makes_all_red() -> None:
    """Alive as well as ready; one that misses a beat does not hang."""
    hangs, late = Pretended([REDIS], silent=SILENT_BEATS), Pretended([REDIS], silent=SILENT_BEATS - 1)
    seen = overview(late, hangs)
    assert not seen.alive()
    assert named(await seen.run()) == {"redis": True, "workers": False}
    assert (late.asked, hangs.asked) == (1, 0)
    assert value(seen, "workers") == 1
    hangs.silent = 0
    assert seen.alive()
    assert value(seen, "workers") == 2


async def test_a_worker_that_does_not_answer_makes_nobody_ready_and_is_alive() -> None:
    """It may have been killed just now."""
    seen = overview(Pretended([REDIS]), Pretended(None))
    assert named(await seen.run()) == {"redis": True, "workers": False}
    assert seen.alive()


async def test_the_numbers_of_a_worker_that_is_gone_stay() -> None:
    """Those of its successor are added to them."""
    first, second = Pretended(), Pretended()
    first.delivered(40)
    second.delivered(2)
    workers = [first, second]
    registry = process_registry()
    seen = Overview(lambda: workers, registry, Metrics(registry))
    assert value(seen, "deliveries_total") == 42
    seen.retain(workers.pop(0).counted)
    assert value(seen, "deliveries_total") == 42
    seen.retain(workers.pop(0).counted)
    assert value(seen, "deliveries_total") == 42
    workers.append(Pretended())
    workers[0].delivered(1)
    assert value(seen, "deliveries_total") == 43
