"""Redis hangs, is down or is full. The service answers 503 with Retry-After in time, and works again without a
restart."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cache.errors import UNREACHED
from tests.breakable import Breakable
from tests.callers import Facebook, Operator, Shop
from tests.service import Service, serving
from tests.support import wait_until_blocking


@dataclass(frozen=True)
class Trouble:
    """A way in which Redis fails. `reasons` are the slugs that the service may report."""

    name: str
    begin: Callable[[Breakable], None]
    end: Callable[[Breakable], None]
    reasons: frozenset[str]
    reads_fail: bool = True


TROUBLES = (
    Trouble("hung", Breakable.hang, Breakable.go_on, frozenset({"redis_timeout"})),
    Trouble("gone", Breakable.stop, Breakable.start, UNREACHED),
    Trouble("full", Breakable.fill_up, Breakable.make_room, frozenset({"redis_full"}), reads_fail=False),
)


@pytest.fixture
def service(breakable: Breakable, tmp_path: Path) -> Iterator[Service]:
    """A service on the Valkey that will fail."""
    with serving(breakable.url, tmp_path / "log") as service:
        yield service


@pytest.fixture(params=TROUBLES, ids=lambda trouble: trouble.name)
def trouble(request: pytest.FixtureRequest) -> Trouble:
    """Yields each way of failing, one after the other."""
    found: Trouble = request.param
    return found


@pytest.mark.parametrize("known", [True, False], ids=["known-page", "page-never-seen"])
def test_deliveries_are_answered_503_with_retry_after_during_the_fault_and_200_afterwards(
    service: Service, breakable: Breakable, trouble: Trouble, known: bool
) -> None:
    """The answer comes before Facebook's limit of five seconds. Afterwards a redelivery is stored, and earlier messages
    are still there.

    If the service remembers the Page's shop, the write fails. If the service does not remember it, the lookup of the
    shop fails, except that a full Redis still allows the lookup.
    """
    with (
        Facebook(service.url, patient=False) as facebook,
        Shop(service.url, patient=False) as shop,
        Operator(service.ops_url) as operator,
    ):
        shop.connect()
        if known:
            assert facebook.text("m_before").status_code == 200
        deliveries = operator.counts("deliveries_total")
        trouble.begin(breakable)
        answer = facebook.text("m_1", "canary")  # this client waits as long as Facebook waits, and no longer
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["reason"] in trouble.reasons
        assert "canary" not in answer.text
        assert str(breakable.url) not in answer.text
        assert operator.counts("deliveries_total") - deliveries == {("unavailable",): 1}

        trouble.end(breakable)
        wait_until_blocking(lambda: facebook.text("m_1", "again").status_code == 200, within=20)
        assert shop.ids() == (["m_1", "m_before"] if known else ["m_1"])
        assert service.process.poll() is None


def test_the_api_and_the_readiness_check_report_an_unreadable_redis(
    service: Service, breakable: Breakable, trouble: Trouble
) -> None:
    """The service is always alive, and is ready if Redis can be used. A full Redis can still be read and purged."""
    with (
        Facebook(service.url, patient=False) as facebook,
        Shop(service.url, patient=False) as shop,
        Operator(service.ops_url) as operator,
    ):
        shop.connect()
        facebook.text("m_1")
        trouble.begin(breakable)
        answer = shop.client.get("/messages")
        assert service.answers("/livez")
        if trouble.reads_fail:
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) >= 1
            assert not operator.checks()["redis"]
            assert shop.client.delete("/messages").status_code == 503
        else:
            assert shop.ids() == ["m_1"]
            assert shop.purge()["what"] == "shop"
            assert shop.ids() == []
        trouble.end(breakable)
        wait_until_blocking(lambda: shop.client.get("/messages").status_code == 200, within=20)
        wait_until_blocking(lambda: service.answers("/readyz"), within=20)


def test_a_service_that_starts_before_redis_works_after_redis_starts(breakable: Breakable, tmp_path: Path) -> None:
    """The service and Redis can start in any order."""
    breakable.stop()
    with (
        serving(breakable.url, tmp_path / "log", ready="/livez") as service,
        Facebook(service.url, patient=False) as facebook,
    ):
        assert facebook.text("m_1").status_code == 503
        breakable.start()
        wait_until_blocking(lambda: service.answers("/readyz"), within=20)
        with Shop(service.url, patient=False) as shop:
            shop.connect()
            assert facebook.text("m_1").status_code == 200
            assert shop.ids() == ["m_1"]


def test_the_service_stops_within_its_grace_period_while_redis_hangs(service: Service, breakable: Breakable) -> None:
    """An orchestrator must not need to kill the service when it moves it to another machine."""
    with Shop(service.url, patient=False) as shop:
        shop.connect()
    breakable.hang()
    assert service.terminate() == 0
