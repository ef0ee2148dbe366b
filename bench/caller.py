"""One connection that sends one request at a time. The connection does almost no work of its own in the measured
time."""

import re
import socket
import time
from collections.abc import Sequence
from typing import Any, Final, Self

import orjson

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """Returns the bytes of a request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Caller:
    """A keep-alive connection to a port of loopback; a context manager that closes it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, asked: bytes) -> bytes:
        """Returns the body of the answer. Raises: RuntimeError: the status is not 200."""
        self._socket.sendall(asked)
        answer = b""
        while True:
            part = self._socket.recv(1 << 20)
            if not part:
                raise RuntimeError("the server has closed the connection")
            answer += part
            head, ended, body = answer.partition(b"\r\n\r\n")
            if not ended:
                continue
            length = _LENGTH.search(head)
            if length is not None and len(body) >= int(length[1]):
                break
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{asked[:80]!r} was answered {answer[:400]!r}")
        return body

    def ask_json(self, asked: bytes) -> Any:
        """Returns the parsed answer."""
        return orjson.loads(self.ask(asked))

    def timed(self, asked: Sequence[bytes]) -> list[float]:
        """Send the requests one after another. Returns the seconds of each answer."""
        clock = time.perf_counter
        taken = []
        for one in asked:
            began = clock()
            self.ask(one)
            taken.append(clock() - began)
        return taken

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
