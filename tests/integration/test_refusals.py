"""Requests that the webhook refuses, and how little its answers reveal."""

import hmac
import socket

import httpx2
import pytest

from domain.secret import Secret
from simulator.payloads import one_message
from simulator.serialize import serialize
from simulator.signing import FORGERIES, Forgery, forged, signed
from tests.callers import CUSTOMER, PAGE, Facebook, Operator, Shop, texts
from tests.service import APP_SECRET, Service
from tests.support import NO_TLS

MOST = 18 * 1024 * 1024
"""The default of MAX_BODY_BYTES."""
CANARY = "canary-ក្នុងអត្ថបទ"


def assert_tells_nothing(answer: httpx2.Response, body: bytes) -> None:
    """Check that the answer has no text of the body, no digest of it and no secret, and must not be cached."""
    said = (answer.text + str(answer.headers)).lower()
    for digest in ("sha1", "sha256"):
        assert hmac.new(APP_SECRET.reveal_bytes(), body, digest).hexdigest() not in said
    for telling in ("canary", APP_SECRET.reveal(), CUSTOMER, "traceback"):
        assert telling not in said
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_delivery_is_refused_and_not_stored(
    facebook: Facebook, shop: Shop, operator: Operator, forgery: Forgery
) -> None:
    """The answer is 401 for no signature, the signature of another app or another body, a cut signature, and SHA-1
    alone.
    """
    before = operator.counts("deliveries_total")
    body = serialize(one_message(PAGE, CUSTOMER, CANARY, "m_forged", 1_770_000_000_000))  # type: ignore[arg-type]
    answer = facebook.deliver(body, forged(body, APP_SECRET, forgery))
    assert answer.status_code == 401
    assert_tells_nothing(answer, body)
    assert shop.ids() == []
    assert operator.counts("deliveries_total") - before == {("signature_refused",): 1}


def test_a_signature_of_another_secret_never_reaches_the_parser(facebook: Facebook) -> None:
    """A body that is not JSON is also answered 401. So the answer says nothing about a body that is
    not from Facebook.
    """
    assert facebook.deliver(b"{canary", signed(b"{canary", Secret("wrong-secret"))).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{canary", b"\xff\xfe", b"{} canary", b"NaN"])
def test_a_signed_body_that_is_not_json_is_400(facebook: Facebook, body: bytes) -> None:
    """The answer 400 contains no text of the body and no secret either."""
    answer = facebook.deliver(body)
    assert answer.status_code == 400
    assert_tells_nothing(answer, body)


def test_a_body_declared_too_large_is_refused_before_it_is_sent(service: Service) -> None:
    """The header alone causes the 413."""
    head = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MOST + 1)
    assert _status(service, head) == 413


def test_a_chunked_body_is_refused_when_it_has_become_too_large(service: Service) -> None:
    """The answer is 413 although the request has no length, and comes before the last chunk."""
    head = b"POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    size = MOST // 2 + 1
    chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
    assert _status(service, head + chunk + chunk) == 413


def test_a_body_of_exactly_the_largest_size_is_accepted(facebook: Facebook, shop: Shop) -> None:
    """The limit is the largest accepted size, not the smallest refused size."""
    body = serialize(texts(["m_1"]))
    assert facebook.deliver(body + b" " * (MOST - len(body))).status_code == 200
    assert shop.ids() == ["m_1"]


def test_other_methods_are_405(service: Service) -> None:
    """The answer names the allowed methods."""
    answer = httpx2.put(f"{service.url}/webhook", content=b"canary", trust_env=False, verify=NO_TLS)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def _status(service: Service, sent: bytes) -> int:
    """Returns the status of an answer that comes while the request is unfinished."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(sent)
        return int(connection.recv(4096).split(b" ")[1])
