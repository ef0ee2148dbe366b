"""Whole and incomplete bodies that a stranger sends, on connections that end or stay open."""

import asyncio
import socket
import time
from contextlib import ExitStack

from tests.attack.target import MIB, Target, attack

SIZE = 18 * MIB
MOST_GROWTH = 64
HEAD = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % SIZE
HELD_BYTES = [*[65_000] * 262, *[30_000] * 4, *[10_000] * 4, *[3_000] * 4, *[1_000] * 4, *[300] * 8, *[50] * 16]
"""Bytes that each connection holds. The last ones fill the part of the service's limit that the large ones leave."""


@attack("forged bodies of 18 MiB, unfinished or whole, stay in memory", limit=MOST_GROWTH, unit="MiB of growth")
async def bodies(target: Target) -> float:
    """Send twenty bodies that end before their last byte, and ten whole bodies. Five of the whole ones keep their
    connection open. Returns the growth of the service's memory."""

    def send(body: bytes, wait: bool) -> socket.socket:
        with ExitStack() as on_error:
            connection = on_error.enter_context(socket.create_connection(target.address, timeout=30))
            connection.sendall(HEAD + body)
            if wait:
                connection.recv(1000)
            on_error.pop_all()
        return connection

    before = target.resident_mib()
    whole = bytes(SIZE)
    for _ in range(20):
        (await asyncio.to_thread(send, whole[:-10], False)).close()
        await asyncio.sleep(0.05)
    for _ in range(5):
        (await asyncio.to_thread(send, whole, True)).close()
    kept = [await asyncio.to_thread(send, whole, True) for _ in range(5)]
    growth = target.resident_mib() - before
    for _ in range(200):  # a busy machine frees the memory later
        if growth <= MOST_GROWTH:
            break
        await asyncio.sleep(0.1)
        growth = target.resident_mib() - before
    for connection in kept:
        connection.close()
    return growth


@attack("requests behind 300 answers that are not read keep deliveries out", limit=0, unit="of 10 deliveries refused")
async def behind_unread_answers(target: Target) -> float:
    """Each connection asks for a large page, reads nothing of it, and sends a request with a body behind it."""

    def hold(number: int, size: int) -> socket.socket:
        with ExitStack() as on_error:
            connection = on_error.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
            connection.settimeout(5)
            connection.connect(target.address)
            own = b"Host: x\r\nAuthorization: Bearer %d\r\n" % number
            connection.sendall(b"GET /docs HTTP/1.1\r\n" + own + b"\r\n")
            time.sleep(0.02)
            length = b"Content-Length: %d\r\n\r\n" % size
            connection.sendall(b"POST /v1/x HTTP/1.1\r\n" + own + length + bytes(size))
            on_error.pop_all()
        return connection

    def deliver(number: int) -> bool:
        body, headers = target.delivery([f"m_beside_{number}"])
        try:
            with target.facebook() as facebook:
                return facebook.deliver(body, headers).status_code != 200
        except Exception:  # noqa: BLE001 - any failure to answer is a refused delivery
            return True

    held: list[socket.socket] = []
    for number, size in enumerate(HELD_BYTES):
        try:
            held.append(await asyncio.to_thread(hold, number, size))
        except OSError:
            continue
    await asyncio.sleep(1)
    refused = sum([await asyncio.to_thread(deliver, number) for number in range(10)])
    for connection in held:
        connection.close()
    return float(refused)
