"""A request ends where its head says. The service never reads a body, or bytes behind a refused
request, as a request.
"""

import pytest

from simulator.serialize import serialize
from simulator.signing import signed
from tests.attack import smuggling
from tests.attack.smuggling import CHUNKED, LENGTH, REFUSED, UPGRADES, request
from tests.callers import Shop, texts
from tests.service import APP_SECRET, Service


def exchange(port: int, sent: bytes) -> list[int]:
    """Returns the statuses of all answers on one connection that sends this request and then a last request that closes
    it.
    """
    return smuggling.exchange(("127.0.0.1", port), sent)


@pytest.mark.parametrize("case", UPGRADES)
def test_a_request_that_asks_for_another_protocol_keeps_its_body(service: Service, case: str) -> None:
    """The service ignores the wish for another protocol. The next answer is for the next request of the connection."""
    statuses = exchange(service.port, UPGRADES[case])
    assert statuses in ([404, 404], [400]), statuses


def test_a_delivery_that_asks_for_another_protocol_is_stored(service: Service, shop: Shop) -> None:
    """Java's HTTP client asks for h2c in each request without TLS."""
    body = serialize(texts(["m_upgrade"]))
    ((name, value),) = signed(body, APP_SECRET)
    asked = request(
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"%b: %b" % (name, value),
        b"Content-Length: %d" % len(body),
        body=body,
        start=b"POST /webhook HTTP/1.1",
    )
    assert exchange(service.port, asked * 2) == [200, 200, 404]
    assert shop.ids() == ["m_upgrade"]


def test_bytes_after_an_upgrade_without_a_body_are_the_next_request(service: Service) -> None:
    """The service drops no bytes behind the request. Otherwise it would read the rest of a request as a request."""
    bare = request(b"Connection: Upgrade", b"Upgrade: foo", body=b"", start=b"GET /v1/first HTTP/1.1")
    assert exchange(service.port, bare + request(LENGTH)) == [404, 404, 404]


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_with_an_unclear_end_is_refused_and_its_connection_closed(service: Service, case: str) -> None:
    """There is one answer, 4xx or 5xx, or no answer. The service reads nothing behind the request."""
    statuses = exchange(service.port, REFUSED[case])
    assert statuses in ([], [400], [404], [417], [501], [505]), statuses
    assert statuses != [404], "the request was served"


@pytest.mark.parametrize("path", ["/webhook", "/v1/first"])
def test_the_refusal_is_the_same_on_every_path(service: Service, path: str) -> None:
    """The path for deliveries refuses such a request in the same way as all other paths."""
    for case in ("no Host", "two Hosts", "identity", "HTTP/2.0"):
        statuses = exchange(service.port, REFUSED[case].replace(b"/v1/first", path.encode()))
        assert len(statuses) == 1, case
        assert statuses[0] in (400, 501, 505), case


def test_a_signature_in_a_trailer_is_ignored(service: Service, shop: Shop) -> None:
    """A proxy can drop such a trailer, pass it on, or make a header of it."""
    body = serialize(texts(["m_trailer"]))
    ((name, value),) = signed(body, APP_SECRET)
    chunks = b"%x\r\n%b\r\n0\r\n%b: %b\r\n\r\n" % (len(body), body, name, value)
    assert exchange(service.port, request(CHUNKED, body=chunks, start=b"POST /webhook HTTP/1.1")) == [401, 404]
    assert shop.ids() == []


def test_a_request_that_expects_a_100_is_the_last_of_its_connection(service: Service) -> None:
    """After an early answer the sender may leave out the body, so the meaning of the next bytes is unknown."""
    assert exchange(service.port, request(b"Expect: 100-continue", LENGTH)) in ([404], [100, 404])
    delivery = request(b"Expect: 100-continue", LENGTH, start=b"POST /webhook HTTP/1.1")
    assert exchange(service.port, delivery) == [100, 401]


@pytest.mark.parametrize("blanks", [" ", "\t", "  \t "])
def test_blanks_around_a_signature_are_ignored(service: Service, shop: Shop, blanks: str) -> None:
    """HTTP removes blanks around every value. https://www.rfc-editor.org/rfc/rfc9110#section-5.5"""
    body = serialize(texts(["m_blanks"]))
    ((name, value),) = signed(body, APP_SECRET)
    line = b"%b:%b%b%b" % (name, blanks.encode(), value, blanks.encode())
    delivery = request(line, b"Content-Length: %d" % len(body), body=body, start=b"POST /webhook HTTP/1.1")
    assert exchange(service.port, delivery) == [200, 404]
    assert shop.ids() == ["m_blanks"]


def test_http_1_0_is_answered_and_closed(service: Service) -> None:
    """Load balancers check with such a request if a server is there. It needs no Host."""
    assert exchange(service.port, b"GET /v1/first HTTP/1.0\r\n\r\n") == [404]
