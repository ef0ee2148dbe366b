"""An attachment with an expired address, and a customer whose profile Facebook does not show."""

import json
from collections.abc import Iterator

import pytest

from domain.ids import MessageId, Psid
from simulator.graph_documents import image
from simulator.graph_faults import Fails
from simulator.graph_nodes import FakePage
from simulator.payloads import from_customer
from tests.callers import Facebook, mint
from tests.facebook import GraphShop, everything, refusal
from tests.graph import FakeGraph, now
from tests.servers import Server
from tests.service import Service

SOKHA = Psid("7000000000000001")
OLD, NEW, OTHER = (f"https://cdn.example/{name}.jpg" for name in ("old", "new", "other"))


@pytest.fixture
def facebook(graph_service: Service) -> Iterator[Facebook]:
    """A Facebook that delivers to the service that calls Graph."""
    with Facebook(graph_service.url) as caller:
        yield caller


def pictures(graph: FakeGraph, facebook: Facebook, page: FakePage, *mids: str) -> list[str]:
    """Messages with two pictures each. The stored addresses are those of the webhook, and Facebook has new addresses
    now.
    """
    for mid in mids:
        graph.world.say(
            page, SOKHA, None, mid=MessageId(mid), attachments=[image(OTHER, "1"), image(NEW, "2")], at=now()
        )
        sent = [{"type": "image", "payload": {"url": address}} for address in (OLD, OLD)]
        part = from_customer(page.id, SOKHA, now(), message={"mid": mid, "attachments": sent})
        assert facebook.part(part, page=page.id).status_code == 200
    return list(mids)


def test_an_attachment_has_the_current_address_of_facebook(
    graph: FakeGraph, graph_store: Server, graph_shop: GraphShop, facebook: Facebook, page: FakePage
) -> None:
    """Attachments are counted from 0 in the order of the message. One call fetches the address. The stored message does
    not change, and the new address is not stored.
    """
    (mid,) = pictures(graph, facebook, page, "m_fresh_1")
    graph.seen.forget()
    answered = graph_shop.client.get(f"/messages/{mid}/attachments/1")
    assert answered.json() == {"type": "image", "url": NEW}
    assert answered.headers["cache-control"] == "no-store"
    assert graph_shop.get(f"/messages/{mid}/attachments/0") == {"type": "image", "url": OTHER}
    assert graph.seen.total == 2
    assert {one["url"] for one in graph_shop.get(f"/messages/{mid}")["attachments"]} == {OLD}
    assert NEW.encode() not in everything(graph_store)


@pytest.mark.parametrize("place", ["2", "9999"])
def test_an_attachment_that_the_message_does_not_have_is_404_without_a_call(
    graph: FakeGraph, graph_shop: GraphShop, facebook: Facebook, page: FakePage, place: str
) -> None:
    """The stored message says how many attachments there are."""
    (mid,) = pictures(graph, facebook, page, "m_fresh_2")
    graph.seen.forget()
    assert refusal(graph_shop.client.get(f"/messages/{mid}/attachments/{place}")) == (404, "attachment_not_found")
    assert refusal(graph_shop.client.get(f"/messages/m_unknown/attachments/{place}")) == (404, "message_not_found")
    assert graph.seen.total == 0


@pytest.mark.parametrize("place", ["x", "-1", "1.5", "%E1%9F%A1", "1" * 30])
def test_an_attachment_position_that_is_not_a_number_is_refused(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, place: str
) -> None:
    """The refusal comes before any lookup."""
    del graph, page
    assert graph_shop.client.get(f"/messages/m_1/attachments/{place}").status_code in {400, 404}


def test_an_attachment_that_facebook_does_not_show_any_more_is_404(
    graph: FakeGraph, graph_shop: GraphShop, facebook: Facebook, page: FakePage
) -> None:
    """The message is unsent at Facebook, or Facebook shows it without the attachment. A dead token is 409, as on other
    routes.
    """
    first, second = pictures(graph, facebook, page, "m_fresh_3", "m_fresh_4")
    graph.faults.script(first, Fails(100, 33))
    assert refusal(graph_shop.client.get(f"/messages/{first}/attachments/0")) == (404, "object_not_found")
    graph.world.objects[second].document["attachments"] = []
    assert refusal(graph_shop.client.get(f"/messages/{second}/attachments/0")) == (404, "attachment_not_found")
    graph.world.revoke(page.token)
    assert refusal(graph_shop.client.get(f"/messages/{first}/attachments/0")) == (409, "reconnect_page")


def test_an_attachment_needs_the_graph_scope_and_a_message_of_the_own_shop(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop, facebook: Facebook, page: FakePage
) -> None:
    """The scope is `graph:read`. Another shop gets 404 for this message."""
    (mid,) = pictures(graph, facebook, page, "m_fresh_5")
    with GraphShop(graph_service.url, token=mint("shop-1", ["messages:read"])) as reader:
        assert refusal(reader.client.get(f"/messages/{mid}/attachments/0"))[0] == 403
    with GraphShop(graph_service.url, "shop-2") as other:
        assert refusal(other.client.get(f"/messages/{mid}/attachments/0")) == (404, "message_not_found")
    graph_shop.purge(f"/messages/{mid}")
    graph.seen.forget()
    assert refusal(graph_shop.client.get(f"/messages/{mid}/attachments/0")) == (404, "message_not_found")
    assert graph.seen.total == 0


@pytest.mark.parametrize("how", ["refused", "empty"])
def test_a_customer_without_a_profile_has_the_name_from_the_conversation(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage, how: str
) -> None:
    """The answer has a name and an id and no picture. The service asks for nothing else of the conversation."""
    graph.world.say(page, SOKHA, "សួស្តី", name="សុខា")
    graph.world.say(page, Psid("7000000000000002"), "សួស្តី", name="ដារ៉ា")
    graph.world.customers = how  # type: ignore[assignment]
    graph.seen.forget()
    assert graph_shop.fetch(page.id, f"customers/{SOKHA}") == {"items": [{"id": SOKHA, "name": "សុខា"}], "after": None}
    assert len(graph.seen.requests) == 2


def test_an_unknown_customer_is_answered_404_and_a_nameless_one_with_an_id(
    graph: FakeGraph, graph_shop: GraphShop, page: FakePage
) -> None:
    """If the conversation has no name either, the answer depends on Facebook's answer for the profile: 404 if Facebook
    refuses it, and only the id if it is empty."""
    graph.world.say(page, SOKHA, "សួស្តី", name="សុខា")
    graph.world.customers = "refused"
    assert refusal(graph_shop.ask(page.id, "customers/7999999999999999")) == (404, "object_not_found")
    graph.world.customers = "empty"
    graph.faults.script("conversations", Fails(200))
    assert graph_shop.fetch(page.id, f"customers/{SOKHA}") == {"items": [{"id": SOKHA}], "after": None}
    graph.world.customers = "full"
    graph.faults.script(
        SOKHA, Fails(100, 2018247, message="(#100) Insufficient permissions for the Person Profile API.")
    )
    assert json.loads(graph_shop.ask(page.id, f"customers/{SOKHA}").text)["items"] == [{"id": SOKHA, "name": "សុខា"}]
