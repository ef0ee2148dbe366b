"""A token that expires: the shop, the operator and the doctor get a warning in time."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from domain.moment import rfc3339
from domain.secret import Secret
from simulator.graph_nodes import FakePage
from simulator.graph_world import SCOPES
from tests.callers import Operator
from tests.facebook import GraphShop, graph_settings, new_page, running_facebook, serving_graph
from tests.graph import FakeGraph, now
from tests.integration.test_doctor import doctor, levels, sentences
from tests.servers import Server
from tests.support import wait_until_blocking

HOUR = 3_600
DAY = 24 * HOUR


def token_for(graph: FakeGraph, page: FakePage, seconds: int) -> tuple[Secret, str]:
    """Returns a further token of the Page that expires this number of seconds from now, and this time as an answer has
    it.
    """
    ends = now() // 1000 + seconds
    token = Secret(f"EAAtestEnds{seconds}of{page.id}" + "x" * 100)
    graph.world.add_token(token, "PAGE", page=page.id, scopes=SCOPES, expires_at=ends)
    return token, rfc3339(ends * 1000)


def test_a_connect_with_a_token_that_expires_soon_is_answered_with_a_warning(
    graph: FakeGraph, graph_shop: GraphShop
) -> None:
    """The Page is connected although its token expires soon. The state has the expiry time until a token without an end
    replaces this token.
    """
    page = new_page(graph.world)
    token, ends = token_for(graph, page, HOUR)
    answered = graph_shop.connect_with(page.id, token).json()
    assert (answered["status"], answered["token_expires_at"]) == ("connected", ends)
    (warning,) = answered["warnings"]
    assert warning["reason"] == "token_expires_soon"
    assert ends in warning["detail"]
    assert graph_shop.get(f"/pages/{page.id}") == answered
    answered = graph_shop.bring(page)
    assert {"token_expires_at", "warnings"}.isdisjoint(answered)


def test_a_token_that_expires_in_two_months_causes_no_warning(graph: FakeGraph, graph_shop: GraphShop) -> None:
    """The state has the expiry time although there is no warning."""
    page = new_page(graph.world)
    token, ends = token_for(graph, page, 60 * DAY)
    answered = graph_shop.connect_with(page.id, token).json()
    assert answered["token_expires_at"] == ends
    assert "warnings" not in answered


def test_operators_count_the_tokens_that_end_soon(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path
) -> None:
    """The metric counts tokens by remaining time, and exists from the start without any Page. The doctor names the
    Page. A token without an end ends the warnings.
    """
    with (
        running_facebook() as graph,
        own_server() as store,
        serving_graph(store.url, tmp_path / "log", graph) as service,
        GraphShop(service.url) as shop,
        Operator(service.ops_url) as operator,
    ):

        def counted() -> tuple[int, int]:
            found = operator.counts("pages_token_expiring")
            assert set(found) == {("1d",), ("14d",)}
            return found["1d",], found["14d",]

        assert counted() == (0, 0)
        page, other, fine = (new_page(graph.world) for _ in range(3))
        shop.bring(fine)
        shop.connect_with(other.id, token_for(graph, other, 10 * DAY)[0])
        token, ends = token_for(graph, page, HOUR)
        shop.connect_with(page.id, token)
        wait_until_blocking(lambda: counted() == (1, 2), within=30)
        _, document = doctor(store.url, **graph_settings(graph))
        pages = {f"page {page.id}": "warn", f"page {other.id}": "warn", f"page {fine.id}": "ok"}
        assert levels(document, "page") == pages
        assert ends in sentences(document, "page")
        assert token.reveal() not in str(document)
        shop.bring(page)
        shop.purge(f"/pages/{other.id}")
        wait_until_blocking(lambda: counted() == (0, 0), within=30)


def test_a_token_is_known_to_be_dead_as_soon_as_it_ends(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path
) -> None:
    """The service knows that the token is dead without a call of the shop, and does not wait for the daily check."""
    with (
        running_facebook() as graph,
        own_server() as store,
        serving_graph(store.url, tmp_path / "log", graph) as service,
        GraphShop(service.url) as shop,
        Operator(service.ops_url) as operator,
    ):
        page = new_page(graph.world)
        token, ends = token_for(graph, page, 4)
        assert shop.connect_with(page.id, token).json()["token_expires_at"] == ends
        wait_until_blocking(lambda: shop.get(f"/pages/{page.id}")["status"] == "reconnect", within=60)
        state = shop.get(f"/pages/{page.id}")
        assert state["token_reason"] == "expired"
        assert "warnings" not in state
        wait_until_blocking(lambda: operator.counts("pages_token_expiring")["14d",] == 0, within=30)
