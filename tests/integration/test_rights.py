"""The service with a Redis user who has only the rights that the manifests give."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.callers import Facebook, Operator, Shop
from tests.servers import Server, for_service_user
from tests.service import serving

OwnServer = Callable[..., AbstractContextManager[Server]]


def test_the_service_does_all_its_work_with_the_rights_of_the_manifests(own_server: OwnServer, tmp_path: Path) -> None:
    """The service starts, is ready, stores, reads, makes a ticket, exports and purges."""
    with own_server() as server:
        url = for_service_user(server).url
        with (
            serving(url, tmp_path / "log") as service,
            Facebook(service.url) as facebook,
            Shop(service.url) as shop,
            Operator(service.ops_url) as operator,
        ):
            shop.connect()
            assert facebook.text("m_1").status_code == 200
            assert facebook.edit("m_1", "later").status_code == 200
            assert facebook.unsend("m_2").status_code == 200
            assert shop.ids() == ["m_1"]
            assert len(shop.walk("/conversations")) == 1
            assert shop.client.post("/stream-ticket").status_code == 200
            assert shop.client.get("/export").status_code == 200
            assert shop.client.get("/audit").status_code == 200
            assert shop.purge_completely()["messages_deleted"] == 1
            checks = operator.checks()
            refused = [line for line in service.lines() if line.get("reason") == "redis_no_permission"]
    assert all(checks.values()), checks
    assert refused == []
