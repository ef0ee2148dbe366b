"""Redis comes back with older data. The service notices this, reports it, and fetches the lost messages again."""

import time
from itertools import count
from pathlib import Path

import pytest

from cache.keys import BEAT
from domain.ids import MessageId, Psid
from tests.breakable import Breakable
from tests.callers import PAGE, Facebook, Operator, Shop, text_part
from tests.facebook import GraphShop, new_page, running_facebook, serving_graph
from tests.fault.conftest import EndsWith
from tests.fault.rows import Sent
from tests.graph import now
from tests.service import serving
from tests.support import wait_until_blocking

CUSTOMER = Psid("7000000000000101")


def wait_for_beat(breakable: Breakable) -> None:
    """Wait until the service has written its next beat."""
    with breakable.client() as client:

        def beats() -> list[bytes | None]:
            return [client.get(key) for key in client.scan_iter(match=BEAT + b"*", count=1000)]

        before = beats()
        wait_until_blocking(lambda: beats() and beats() != before, within=30)


@pytest.mark.timeout(240)
@pytest.mark.fault("Redis back with older data, a Page with a token healed")
def test_lost_messages_are_fetched_again_and_pages_without_a_token_are_reported(
    breakable: Breakable, tmp_path: Path, row: EndsWith
) -> None:
    """The service keeps running, and Redis comes back with an older snapshot."""
    mids = count()
    with (
        running_facebook() as graph,
        serving_graph(breakable.url, tmp_path / "log", graph) as service,
        GraphShop(service.url) as shop,
        Facebook(service.url) as facebook,
        Operator(service.ops_url) as operator,
    ):
        page = new_page(graph.world)
        shop.bring(page)
        shop.connect(PAGE)

        def said() -> str:
            mid, at = MessageId(f"m_{next(mids)}"), now()
            graph.world.say(page, CUSTOMER, "1 dress", at=at, mid=mid)
            part = text_part(mid, "1 dress", page=page.id, customer=CUSTOMER, at=at)
            assert facebook.part(part, page=page.id).status_code == 200
            return mid

        kept = said()
        breakable.snapshot()
        wait_for_beat(breakable)
        lost = [said() for _ in range(3)]
        assert operator.counts("redis_went_back_total") == {(): 0}

        breakable.go_back()
        returned = time.monotonic()
        wait_until_blocking(lambda: operator.counts("redis_went_back_total") == {(): 1}, within=60)
        wait_until_blocking(lambda: service.answers("/readyz"), within=60)
        wait_until_blocking(lambda: set(shop.ids()) == {kept, *lost}, within=120)
        row(Sent({kept, *lost}), shop.ids(), recovery=time.monotonic() - returned)
        (line,) = [line for line in service.lines() if line["event"] == "redis_went_back"]
        assert 0 < line["seconds"] < 240
        named = [line["page"] for line in service.lines() if line["event"] == "page_not_healed"]
        assert named == [PAGE]
        wait_until_blocking(lambda: operator.checks()["redis"])


def test_a_restart_of_redis_without_loss_causes_no_alarm(breakable: Breakable, tmp_path: Path) -> None:
    """A restart and a short break cause no alarm."""
    with (
        serving(breakable.url, tmp_path / "log") as service,
        Facebook(service.url) as facebook,
        Shop(service.url) as shop,
        Operator(service.ops_url) as operator,
    ):
        shop.connect()
        assert facebook.text("m_1").status_code == 200
        wait_for_beat(breakable)
        breakable.stop()
        breakable.start()
        wait_until_blocking(lambda: facebook.text("m_2").status_code == 200, within=30)
        wait_for_beat(breakable)
        assert operator.counts("redis_went_back_total") == {(): 0}
        assert shop.ids() == ["m_2", "m_1"]
