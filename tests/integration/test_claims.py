"""Which shop gets a Page: a token that Facebook verifies wins over a claim without a token."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.graph_nodes import FakePage
from tests.callers import Facebook, Shop, mint
from tests.facebook import GraphShop, new_page, refusal
from tests.graph import FakeGraph
from tests.servers import Server
from tests.service import Service, serving
from tests.viewer import Viewer


@pytest.fixture
def bare(graph: FakeGraph) -> FakePage:
    """A Page that no shop has connected."""
    return new_page(graph.world)


@pytest.fixture
def owner(graph_service: Service) -> Iterator[GraphShop]:
    """The shop that has the Page's token."""
    with GraphShop(graph_service.url, "owner") as caller:
        yield caller


def _pages(shop: Shop) -> list[str]:
    return [page["page_id"] for page in shop.get("/pages")["pages"]]


def test_a_page_moves_to_the_shop_with_a_verified_token(
    graph_service: Service, graph_shop: GraphShop, owner: GraphShop, bare: FakePage
) -> None:
    """The stored messages do not move with the Page. Both audit logs and the old shop's viewers report the move. The
    Page does not move back.
    """
    graph_shop.connect(bare.id)
    with Facebook(graph_service.url) as facebook, Viewer(graph_service.url).ready() as viewer:
        facebook.text("m_before", page=bare.id)
        assert graph_shop.ids() == ["m_before"]
        assert owner.bring(bare)["status"] == "connected"
        assert (_pages(graph_shop), _pages(owner)) == ([], [bare.id])
        assert (graph_shop.ids(), owner.ids()) == ([], [])
        (purge,) = viewer.wait_for("purge")
        assert purge.data["what"] == "page"
        receipt = graph_shop.completed(purge.data["purge_id"])
        assert (receipt["what"], receipt["requested_by"], receipt["messages_deleted"]) == ("page", "facebook", 1)
        facebook.text("m_before", page=bare.id)
        facebook.text("m_after", page=bare.id)
    assert graph_shop.ids() == []
    assert "m_after" in owner.ids()
    for shop, action in ((graph_shop, "disconnectPage"), (owner, "connectPage")):
        entry = next(one for one in shop.walk_audit() if one["sub"] == "facebook")
        assert (entry["action"], entry["page"], entry["client"]) == (action, bare.id, "unknown")
    assert "owner" not in str([one["sub"] for one in graph_shop.walk_audit() if one["sub"] != "owner@shop"])
    assert refusal(graph_shop.client.put(f"/pages/{bare.id}", json={})) == (409, "page_of_another_shop")
    assert refusal(graph_shop.connect_with(bare.id, bare.token)) == (409, "page_of_another_shop")


def test_a_refused_token_does_not_move_the_page(
    graph: FakeGraph, graph_shop: GraphShop, owner: GraphShop, bare: FakePage
) -> None:
    """A token of another Page does not claim this Page."""
    graph_shop.connect(bare.id)
    assert owner.connect_with(bare.id, new_page(graph.world).token).status_code == 400
    assert (_pages(graph_shop), _pages(owner)) == ([bare.id], [])
    assert not [one for one in graph_shop.walk_audit() if one["sub"] == "facebook"]


def test_only_the_back_end_connects_without_a_token_unless_a_setting_allows_it(valkey: Server, tmp_path: Path) -> None:
    """In production, a shop's own caller cannot take a Page without its token."""
    with serving(valkey.url, tmp_path / "log", CONNECT_WITHOUT_TOKEN="") as service:
        with Shop(service.url) as shop:
            assert refusal(shop.client.put("/pages/1", json={})) == (403, "page_token_required")
            assert _pages(shop) == []
        with Shop(service.url, token=mint("*")) as backend:
            backend.connect("1")
            assert _pages(backend) == ["1"]
