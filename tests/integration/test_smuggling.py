"""A request ends where its head says. A body, and what follows a refused request, is never read as a request."""

import re
import socket
from typing import Final

import pytest

from simulator.serialize import serialize
from simulator.signing import signed
from tests.callers import Shop, texts
from tests.service import APP_SECRET, Service

HIDDEN: Final = b"GET /v1/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
"""A second request, where a body is expected."""
WAITS: Final = 20.0


def exchange(
    port: int, sent: bytes, end: bytes = b"GET /v1/end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
) -> list[int]:
    """Statuses of all answers on one connection on which this is sent, and then a last request that closes it."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAITS) as connection:
        received = b""
        try:
            connection.sendall(sent)
            connection.sendall(end)
            while part := connection.recv(65_536):
                received += part
        except ConnectionError:
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def request(
    *headers: bytes, body: bytes = HIDDEN, start: bytes = b"POST /v1/first HTTP/1.1", host: bytes = b"Host: x"
) -> bytes:
    """A request with these header lines."""
    return b"\r\n".join([start, *([host] if host else []), *headers, b"", b""]) + body


LENGTH: Final = b"Content-Length: %d" % len(HIDDEN)
CHUNKED: Final = b"Transfer-Encoding: chunked"
CHUNKS: Final = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)

UPGRADES: Final = {
    "to an unknown protocol": request(b"Connection: Upgrade", b"Upgrade: foo", LENGTH),
    "to a web socket": request(b"Connection: keep-alive, Upgrade", b"Upgrade: websocket", LENGTH),
    "to h2c": request(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk", LENGTH),
    "with chunks": request(b"Connection: Upgrade", b"Upgrade: foo", CHUNKED, body=CHUNKS),
    "with empty lines before": b"\r\n" * 200 + request(b"Connection: Upgrade", b"Upgrade: foo", LENGTH),
    "of a GET": request(b"Connection: Upgrade", b"Upgrade: foo", LENGTH, start=b"GET /v1/first HTTP/1.1"),
}


@pytest.mark.parametrize("case", UPGRADES)
def test_a_request_that_asks_for_another_protocol_keeps_its_body(service: Service, case: str) -> None:
    """It is answered as if it had not asked, and the next request of the connection is the next answer."""
    statuses = exchange(service.port, UPGRADES[case])
    assert statuses in ([404, 404], [400]), statuses


def test_a_delivery_that_asks_for_another_protocol_is_stored(service: Service, shop: Shop) -> None:
    """Java's HTTP client asks for h2c with each request without TLS."""
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


def test_what_follows_an_upgrade_without_a_body_is_the_next_request(service: Service) -> None:
    """No bytes behind it are dropped: the rest of a request would be read as a request."""
    bare = request(b"Connection: Upgrade", b"Upgrade: foo", body=b"", start=b"GET /v1/first HTTP/1.1")
    assert exchange(service.port, bare + request(LENGTH)) == [404, 404, 404]


REFUSED: Final = {
    "HTTP/0.9": b"GET /v1/first\r\n\r\n",
    "HTTP/0.9 by its name": request(start=b"GET /v1/first HTTP/0.9"),
    "HTTP/2.0": request(LENGTH, start=b"POST /v1/first HTTP/2.0"),
    "HTTP/1.2": request(LENGTH, start=b"POST /v1/first HTTP/1.2"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "no Host": request(LENGTH, host=b""),
    "two Hosts": request(b"Host: y", LENGTH),
    "a list of Hosts": request(LENGTH, host=b"Host: x, y"),
    "an empty Host": request(LENGTH, host=b"Host: "),
    "two lengths": request(LENGTH, b"Content-Length: 5"),
    "the same length twice": request(LENGTH, LENGTH),
    "a list of lengths": request(LENGTH + b", %d" % len(HIDDEN)),
    "a length with a sign": request(b"Content-Length: +%d" % len(HIDDEN)),
    "a negative length": request(b"Content-Length: -1"),
    "a hexadecimal length": request(b"Content-Length: 0x5"),
    "a length beyond 64 bits": request(b"Content-Length: 18446744073709551621"),
    "an empty length": request(b"Content-Length: "),
    "a length and chunks": request(LENGTH, CHUNKED, body=CHUNKS),
    "chunks and a length": request(CHUNKED, LENGTH, body=CHUNKS),
    "identity": request(b"Transfer-Encoding: identity", LENGTH),
    "xchunked": request(b"Transfer-Encoding: xchunked", body=CHUNKS),
    "chunked, identity": request(b"Transfer-Encoding: chunked, identity", body=CHUNKS),
    "gzip, chunked": request(b"Transfer-Encoding: gzip, chunked", body=CHUNKS),
    "chunked twice": request(CHUNKED, CHUNKED, body=CHUNKS),
    "chunked in quotes": request(b'Transfer-Encoding: "chunked"', body=CHUNKS),
    "an encoding behind a tab": request(b"Transfer-Encoding:\x0bchunked", body=CHUNKS),
    "chunks of HTTP/1.0": request(CHUNKED, body=CHUNKS, start=b"POST /v1/first HTTP/1.0"),
    "a blank before the colon": request(b"Content-Length : %d" % len(HIDDEN)),
    "a folded line": request(b"X-Folded: a\r\n " + LENGTH),
    "a folded encoding": request(b"Transfer-Encoding:\r\n chunked", body=CHUNKS),
    "a bare line feed in the head": request(b"X-Bare: a\n" + LENGTH),
    "a bare carriage return in the head": request(b"X-Bare: a\r" + LENGTH),
    "a NUL in a value": request(b"X-Nul: \0", LENGTH),
    "a blank before the first header": b"POST /v1/first HTTP/1.1\r\n Host: x\r\n" + LENGTH + b"\r\n\r\n" + HIDDEN,
    "a header without a colon": request(b"nonsense", LENGTH),
    "CONNECT": request(LENGTH, start=b"CONNECT x:80 HTTP/1.1"),
    "CONNECT with an upgrade": request(b"Connection: Upgrade", b"Upgrade: foo", LENGTH, start=b"CONNECT x:80 HTTP/1.1"),
    "another expectation": request(b"Expect: 200-ok", LENGTH),
    "a chunk without its end": request(CHUNKED, body=b"5\r\nhelloXX0\r\n\r\n" + HIDDEN),
    "a chunk size with a blank": request(CHUNKED, body=b"5 \r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "a chunk size that is hexadecimal by its name": request(CHUNKED, body=b"0x5\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "a chunk size beyond 64 bits": request(CHUNKED, body=b"10000000000000005\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "a chunk with a bare line feed": request(CHUNKED, body=b"5\nhello\n0\n\n" + HIDDEN),
    "a chunk extension with a bare line feed": request(CHUNKED, body=b"5;a\nhello\r\n0\r\n\r\n" + HIDDEN),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_whose_end_is_in_doubt_is_refused_and_its_connection_closed(service: Service, case: str) -> None:
    """One answer, 4xx or 5xx, and nothing behind it is read; or no answer at all."""
    statuses = exchange(service.port, REFUSED[case])
    assert statuses in ([], [400], [404], [417], [501], [505]), statuses
    assert statuses != [404], "the request was served"


@pytest.mark.parametrize("path", ["/webhook", "/v1/first"])
def test_the_refusal_is_the_same_on_every_path(service: Service, path: str) -> None:
    """Also where deliveries come in."""
    for case in ("no Host", "two Hosts", "identity", "HTTP/2.0"):
        statuses = exchange(service.port, REFUSED[case].replace(b"/v1/first", path.encode()))
        assert len(statuses) == 1, case
        assert statuses[0] in (400, 501, 505), case


def test_a_signature_behind_a_chunked_body_counts_for_nothing(service: Service, shop: Shop) -> None:
    """A proxy may drop such a trailer, pass it on or make a header of it."""
    body = serialize(texts(["m_trailer"]))
    ((name, value),) = signed(body, APP_SECRET)
    chunks = b"%x\r\n%b\r\n0\r\n%b: %b\r\n\r\n" % (len(body), body, name, value)
    assert exchange(service.port, request(CHUNKED, body=chunks, start=b"POST /webhook HTTP/1.1")) == [401, 404]
    assert shop.ids() == []


def test_a_request_that_expects_a_100_is_the_last_of_its_connection(service: Service) -> None:
    """The sender may leave the body out after an early answer: nobody knows what the next bytes are."""
    assert exchange(service.port, request(b"Expect: 100-continue", LENGTH)) in ([404], [100, 404])
    delivery = request(b"Expect: 100-continue", LENGTH, start=b"POST /webhook HTTP/1.1")
    assert exchange(service.port, delivery) == [100, 401]


@pytest.mark.parametrize("blanks", [" ", "\t", "  \t "])
def test_blanks_around_a_signature_are_no_part_of_it(service: Service, shop: Shop, blanks: str) -> None:
    """HTTP takes them off every value. https://www.rfc-editor.org/rfc/rfc9110#section-5.5"""
    body = serialize(texts(["m_blanks"]))
    ((name, value),) = signed(body, APP_SECRET)
    line = b"%b:%b%b%b" % (name, blanks.encode(), value, blanks.encode())
    delivery = request(line, b"Content-Length: %d" % len(body), body=body, start=b"POST /webhook HTTP/1.1")
    assert exchange(service.port, delivery) == [200, 404]
    assert shop.ids() == ["m_blanks"]


def test_http_1_0_is_answered_and_closed(service: Service) -> None:
    """Balancers ask so whether a server is there; it needs no Host."""
    assert exchange(service.port, b"GET /v1/first HTTP/1.0\r\n\r\n") == [404]
