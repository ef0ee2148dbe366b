"""Facebook's callbacks: a person removes the app, or asks for deletion of their account's data."""

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cache.keys import DELETION_SECONDS
from domain.secret import Secret
from simulator.graph_nodes import FakePage
from tests.callers import PAGE, Facebook, Operator
from tests.facebook import GraphShop, everything, new_page, refusal
from tests.graph import FakeGraph
from tests.servers import Server
from tests.service import APP_SECRET, Service, serving
from tests.support import NO_TLS, wait_until_blocking
from webhook.signed_request import sign

SOKHA, DARA, NOBODY = "10000000000001001", "10000000000001002", "10000000000001003"
DEAUTHORIZE, DATA_DELETION = "/facebook/deauthorize", "/facebook/data-deletion"
BOTH = (DEAUTHORIZE, DATA_DELETION)


def request(person: str | int | None = None, *, secret: Secret = APP_SECRET, **more: Any) -> str:
    """Returns a request signed as Facebook signs it. Its time is now, or `issued_at`."""
    facts = {"algorithm": "HMAC-SHA256", "issued_at": int(time.time()), **more}
    return sign(json.dumps(facts if person is None else facts | {"user_id": person}).encode(), secret)


def call(service: Service, path: str, signed: str, **headers: str) -> httpx2.Response:
    """Send Facebook's POST."""
    form = {"signed_request": signed}
    return httpx2.post(f"{service.url}{path}", data=form, headers=headers, trust_env=False, verify=NO_TLS, timeout=10)


def look(service: Service, code: str) -> httpx2.Response:
    """Returns the page that a person sees."""
    return httpx2.get(f"{service.url}{DATA_DELETION}/{code}", trust_env=False, verify=NO_TLS, timeout=10)


def granted(graph: FakeGraph, shop: GraphShop, person: str) -> FakePage:
    """Connect a Page with a token that this person granted."""
    page = new_page(graph.world)
    graph.world.tokens[page.token.reveal()].user_id = person
    shop.bring(page)
    return page


def written(service: Service, *pages: str) -> None:
    """Deliver one customer's message to each Page."""
    with Facebook(service.url) as facebook:
        for page in pages:
            assert facebook.text(f"m_{page}", page=page).status_code == 200


def status_of(shop: GraphShop, page: FakePage) -> tuple[str, str | None]:
    state = shop.get(f"/pages/{page.id}")
    return state["status"], state.get("token_reason")


def test_a_removed_app_ends_only_the_tokens_of_its_person(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop
) -> None:
    """The service does not ask Graph. The messages stay, because the shop has another Page. A new token repairs the
    Page.
    """
    theirs, other = granted(graph, graph_shop, SOKHA), granted(graph, graph_shop, DARA)
    written(graph_service, theirs.id, other.id)
    graph.seen.forget()
    for _ in range(2):
        assert call(graph_service, DEAUTHORIZE, request(SOKHA)).status_code == 200
        assert status_of(graph_shop, theirs) == ("reconnect", "deauthorized")
        assert status_of(graph_shop, other) == ("connected", None)
    assert refusal(graph_shop.ask(theirs.id, "posts")) == (409, "reconnect_page")
    assert list(graph.seen.requests) == []
    assert len(graph_shop.ids()) == 2
    assert graph_shop.bring(theirs)["status"] == "connected"


def test_the_last_removed_connection_purges_the_shops_messages(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop
) -> None:
    """The shop keeps its Pages and can connect them with a new token. While another Page is connected only for
    webhooks, the removed connection is not the last one, and the messages stay.
    """
    theirs = granted(graph, graph_shop, SOKHA)
    graph_shop.connect(PAGE)
    written(graph_service, theirs.id, PAGE)
    call(graph_service, DEAUTHORIZE, request(SOKHA))
    assert len(graph_shop.ids()) == 2
    graph_shop.purge(f"/pages/{PAGE}")
    assert len(graph_shop.ids()) == 1
    call(graph_service, DEAUTHORIZE, request(SOKHA))
    assert graph_shop.ids() == []
    assert status_of(graph_shop, theirs) == ("reconnect", "deauthorized")


def test_a_page_that_removes_the_app_ends_only_its_own_token(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop
) -> None:
    """The request for a Page has the `user_id` 0 and the Page's id. The person's other Pages stay connected."""
    first, second = granted(graph, graph_shop, SOKHA), granted(graph, graph_shop, SOKHA)
    written(graph_service, first.id, second.id)
    assert call(graph_service, DEAUTHORIZE, request(0, profile_id=first.id)).status_code == 200
    assert status_of(graph_shop, first) == ("reconnect", "deauthorized")
    assert status_of(graph_shop, second) == ("connected", None)
    assert call(graph_service, DEAUTHORIZE, request(0, profile_id=second.id)).status_code == 200
    assert graph_shop.ids() == []


def test_a_deletion_request_deletes_pages_tokens_messages_and_the_person(
    graph: FakeGraph, graph_service: Service, graph_store: Server, graph_shop: GraphShop
) -> None:
    """A status page says when the data is deleted. Another person's Pages stay."""
    theirs, other = granted(graph, graph_shop, SOKHA), granted(graph, graph_shop, DARA)
    written(graph_service, theirs.id, other.id)
    graph.seen.forget()
    assert SOKHA.encode() not in everything(graph_store)
    signed = request(SOKHA)
    answer = call(graph_service, DATA_DELETION, signed)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    told = answer.json()
    code = told["confirmation_code"]
    assert set(told) == {"url", "confirmation_code"}
    assert re.fullmatch("[a-z0-9]{26}", code)
    assert told["url"] == f"{graph_service.url}{DATA_DELETION}/{code}"
    assert [found["page_id"] for found in graph_shop.get("/pages")["pages"]] == [other.id]
    assert graph_shop.ids() == [f"m_{other.id}"]
    assert list(graph.seen.requests) == []

    wait_until_blocking(lambda: ">Deleted<" in look(graph_service, code).text)
    page = look(graph_service, code)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["cache-control"] == "no-store"
    assert "បានលុប" in page.text
    left = everything(graph_store)
    assert not [found for found in (SOKHA, theirs.token.reveal()) if found.encode() in left]
    entry = next(one for one in graph_shop.get("/audit")["entries"] if one["action"] == "deleteData")
    assert (entry["sub"], entry["page"]) == ("facebook", theirs.id)

    again = call(graph_service, DATA_DELETION, signed)
    assert again.json() == told, "the same request has the same code"
    for client in graph_store.clients():
        assert 0 < client.ttl(f"deletion:{code}") <= DELETION_SECONDS


def test_an_old_request_does_not_end_a_newer_connection(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop
) -> None:
    """A person who keeps an old request cannot use it again."""
    theirs = granted(graph, graph_shop, SOKHA)
    long_ago = int(time.time()) - 3600
    for path in BOTH:
        assert call(graph_service, path, request(SOKHA, issued_at=long_ago)).status_code == 200
    call(graph_service, DEAUTHORIZE, request(0, profile_id=theirs.id, issued_at=long_ago))
    assert status_of(graph_shop, theirs) == ("connected", None)


def test_a_request_for_an_unknown_person_gets_a_normal_answer(graph_service: Service, graph_operator: Operator) -> None:
    """There is nothing to delete, and the status page says "done". Two requests with different times have different
    codes.
    """
    before = graph_operator.counts("callbacks_total")
    codes = set()
    for issued in (1, 2):
        told = call(graph_service, DATA_DELETION, request(NOBODY, issued_at=issued)).json()
        assert ">Deleted<" in look(graph_service, told["confirmation_code"]).text
        codes.add(told["confirmation_code"])
    assert len(codes) == 2
    assert call(graph_service, DATA_DELETION, request(NOBODY, issued_at=2)).json() == told
    assert call(graph_service, DEAUTHORIZE, request(NOBODY)).json() == {}
    assert call(graph_service, DEAUTHORIZE, request()).json() == {}
    assert graph_operator.counts("callbacks_total") - before == {
        ("data_deletion", "nothing_to_do"): 2,
        ("data_deletion", "repeated"): 1,
        ("deauthorize", "nothing_to_do"): 2,
    }


@pytest.mark.parametrize("path", BOTH)
def test_an_invalid_or_expired_request_is_refused_and_not_repeated(
    path: str, service: Service, operator: Operator
) -> None:
    """The answer is problem JSON without any part of the request, and the request is counted."""
    before = operator.counts("callbacks_total")
    signed, other = request(SOKHA), request(DARA)
    forged = f"{signed.partition('.')[0]}.{other.partition('.')[2]}"
    over = request(SOKHA, expires=int(time.time()) - 3600)
    for text, expected in (
        (request(SOKHA, secret=Secret("another app's secret, long enough")), (401, "signature_mismatch")),
        (forged, (401, "signature_mismatch")),
        (over, (400, "signed_request_expired")),
        (request(SOKHA, algorithm="none"), (400, "signed_request_algorithm")),
        ("garbage", (400, "signed_request_malformed")),
        ("", (400, "signed_request_missing")),
    ):
        answer = call(service, path, text)
        assert refusal(answer) == expected
        assert "www-authenticate" not in answer.headers
        assert not text or text not in answer.text
    url = f"{service.url}{path}"
    twice = f"signed_request={signed}&signed_request={other}".encode()
    for body, expected in (
        (b"", (400, "signed_request_missing")),
        (twice, (400, "signed_request_missing")),
        (b"\xff\xfe", (400, "signed_request_missing")),
        (b"&".join([b"a=b"] * 30), (400, "signed_request_missing")),
        (b"signed_request=" + b"a" * 9000, (413, "body_too_large")),
    ):
        assert refusal(httpx2.post(url, content=body, trust_env=False, verify=NO_TLS)) == expected
    assert httpx2.get(url, trust_env=False, verify=NO_TLS).status_code == 405
    callback = path.rpartition("/")[2].replace("-", "_")
    assert operator.counts("callbacks_total") - before == {(callback, "refused"): 11}


def test_an_unknown_code_gets_a_page_with_status_404(service: Service) -> None:
    """The page for an unknown code has status 404 and text in both languages, for every form of code."""
    for code in ("a" * 26, "A" * 26, "a", "%00", "%E1%9E%80" * 26, "a" * 3000):
        page = look(service, code)
        assert page.status_code == 404
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "no such request" in page.text
        assert "រកមិនឃើញ" in page.text


def test_the_status_address_has_the_public_url_or_the_called_host(valkey_url: str, tmp_path: Path) -> None:
    """An invalid host is not repeated in the answer."""
    with serving(valkey_url, tmp_path / "log", PUBLIC_URL="https://inbox.example/") as service:
        told = call(service, DATA_DELETION, request(NOBODY), Host="evil.example").json()
        assert told["url"] == f"https://inbox.example{DATA_DELETION}/{told['confirmation_code']}"
    with serving(valkey_url, tmp_path / "log") as service:
        told = call(service, DATA_DELETION, request(NOBODY), Host="inbox.example:8443").json()
        assert told["url"].startswith(f"https://inbox.example:8443{DATA_DELETION}/")
        for host in ("a b", "evil.example/x", 'x"><script>', "user@evil.example", ".x"):
            answer = call(service, DATA_DELETION, request(NOBODY), Host=host)
            assert answer.status_code == 400
            assert host not in answer.text


def test_without_the_store_callbacks_are_answered_503_with_retry_after(tmp_path: Path) -> None:
    """Facebook gets 503, and a person gets a page that says so. A forged request is still refused as forged."""
    with serving(f"unix://{tmp_path}/none", tmp_path / "log", ready="/livez") as service:
        for path in BOTH:
            answer = call(service, path, request(SOKHA))
            assert refusal(answer)[0] == 503
            assert int(answer.headers["retry-after"]) > 0
            assert refusal(call(service, path, request(SOKHA, secret=Secret("not ours")))) == (
                401,
                "signature_mismatch",
            )
        page = look(service, "a" * 26)
        assert (page.status_code, page.headers["retry-after"]) == (503, "60")
        assert "try again" in page.text
        with Operator(service.ops_url) as operator:
            assert operator.counts("callbacks_total")["deauthorize", "unavailable"] == 1
