"""Requests whose end a proxy and the service could see at different bytes: the body hides a second request."""

import asyncio
import re
import socket
from typing import Final

from tests.attack.target import Target, attack

HIDDEN: Final = b"GET /v1/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
"""A second request, where a body is expected."""
WAITS: Final = 20.0


def exchange(
    address: tuple[str, int], sent: bytes, end: bytes = b"GET /v1/end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
) -> list[int]:
    """Returns the statuses of all answers on one connection that sends this request, and then a last request that
    closes the connection."""
    with socket.create_connection(address, timeout=WAITS) as connection:
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
    """Returns a request with these header lines."""
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


@attack("a body is read as the next request", limit=0, unit="requests read out of a body")
async def upgrades(target: Target) -> float:
    """Send requests that ask for another protocol. Each may get one answer, and the last request of the connection gets
    one answer."""
    read = 0
    for sent in UPGRADES.values():
        read += max(len(await asyncio.to_thread(exchange, target.address, sent)) - 2, 0)
    return read


@attack("a request whose end is in doubt is served", limit=0, unit="requests")
async def in_doubt(target: Target) -> float:
    """Each request may get one refusal, and the bytes after it get no answer."""
    served = 0
    for sent in REFUSED.values():
        statuses = await asyncio.to_thread(exchange, target.address, sent)
        served += len(statuses) > 1 or statuses == [404]
    return served
