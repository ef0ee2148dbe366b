"""Sends one request to Graph, reads a limited number of bytes of the answer, and turns errors into the classes of
errors.py.

It uses httpcore2, the connection pool under httpx2, because a call through httpx2 takes twice the processor time
(docs/adr/0005-http-client.md). The pool follows no redirect and ignores the machine's proxy settings, so the token is
sent to the configured host only.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from domain.ids import PageId
from domain.secret import Secret
from graph_client.errors import GraphError, GraphTimeout, GraphUnreachable, ProofRefused, TooMuchData
from graph_client.usage import NO_USAGE, Usage, read_usage
from graph_client.wire import Ask, GraphAnswer, build, decipher

if TYPE_CHECKING:
    import httpcore2  # loaded at the first call, because a start and most commands do not need it

    Network = httpcore2.AsyncConnectionPool | httpcore2.AsyncConnectionInterface

ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Limit: bytes of one answer of Graph. A hundred posts have a quarter of a megabyte. If an answer exceeds the limit,
fewer items are requested.
"""

PARSED_HERE_BYTES: Final = 256 * 1024
"""A larger answer is parsed in a thread. Large texts take long to parse, and deliveries must not wait for the parser.
"""

CONNECTIONS: Final = 256
"""Connections to one host. The gate of each Page (gate.py) allows four calls, so sixty Pages can be served at once."""

IDLE_CONNECTIONS: Final = 16
"""Connections without a call that are kept open. The pool asks the system about each of these connections twice per
call, which takes 15 us. With two hundred such connections after a rush of calls, a call took ten times as long.
"""

IDLE_SECONDS: Final = 30.0
"""Seconds for which a connection without calls is kept. A new connection needs a TLS handshake, which takes two long
round trips.
"""

_HEADERS: Final = {
    "Accept": "application/json",
    # A compressed answer could become very large in one step. An uncompressed answer needs only the memory that was
    # read.
    "Accept-Encoding": "identity",
    "User-Agent": "page-inbox",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of one request: an answer or an error, and in both cases the budgets that Facebook reports."""

    result: GraphAnswer | GraphError
    usage: Usage = NO_USAGE


class Client:
    """Sends single requests. `now` is Unix seconds, for proofs with a time. No connection is opened before the first
    request. Without an app secret no proof is sent, and Facebook refuses the calls of an app that requires proofs.

    `network` replaces the network in tests.
    """

    def __init__(
        self,
        *,
        base_url: str,
        version: str,
        app_secret: Secret | None,
        now: Callable[[], float],
        network: "Network | None" = None,
    ) -> None:
        self._base_url = base_url
        parts = urlsplit(base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._scheme, self._host, self._port = parts.scheme.encode(), (parts.hostname or "").encode("idna"), parts.port
        self._headers = {"Host": parts.netloc} | _HEADERS
        self._version = version
        self._app_secret = app_secret
        self._now = now
        self._network = network
        self._timed = True
        self._opened: Network | None = None

    async def send(self, ask: Ask, token: Secret, *, page: PageId | None, timeout: float) -> Reply:  # noqa: ASYNC109
        """Send one request, or two if Facebook wants its proof in the other form. This takes at most `timeout` seconds.
        The proof has two forms. Facebook's security guide shows a proof with a time, and Facebook's SDKs send a proof
        without a time. The service begins with the first form. It changes to the second form when Facebook refuses the
        first form and accepts the second form.
        """
        try:
            async with asyncio.timeout(timeout):
                timed = self._timed  # another call may change this meanwhile
                reply = await self._send(ask, token, page, timed=timed)
                if isinstance(reply.result, ProofRefused):
                    other = await self._send(ask, token, page, timed=not timed)
                    if not isinstance(other.result, ProofRefused):
                        self._timed = not timed
                        return other
                return reply
        except TimeoutError:
            return Reply(GraphTimeout())

    async def _send(self, ask: Ask, token: Secret, page: PageId | None, *, timed: bool) -> Reply:
        import httpcore2

        request = build(
            ask,
            base_url=self._base_url,
            version=self._version,
            token=token,
            app_secret=self._app_secret,
            at=int(self._now()) if timed else None,
        )
        target = request.url[len(self._origin) :].encode()
        url = httpcore2.URL(scheme=self._scheme, host=self._host, port=self._port, target=target)
        headers = [*self._headers.items(), *request.headers.items()]
        try:
            async with self._pool().stream(request.method, url, headers=headers, content=request.content) as response:
                usage = read_usage(_by_name(response.headers), page)
                body = bytearray()
                async for chunk in response.aiter_stream():
                    body += chunk
                    if len(body) > ANSWER_BYTES:
                        return Reply(TooMuchData(), usage)
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException):
            return Reply(GraphUnreachable())
        try:
            if len(body) <= PARSED_HERE_BYTES:
                return Reply(decipher(response.status, bytes(body), ask), usage)
            return Reply(await asyncio.to_thread(decipher, response.status, bytes(body), ask), usage)
        except GraphError as error:
            return Reply(error, usage)

    def _pool(self) -> "Network":
        import httpcore2

        if self._opened is None:
            self._opened = self._network or httpcore2.AsyncConnectionPool(
                # The TLS context is made once, because otherwise each connection reads the certificates again.
                ssl_context=httpcore2.default_ssl_context() if self._scheme == b"https" else None,
                max_connections=CONNECTIONS,
                max_keepalive_connections=IDLE_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
            )
        return self._opened

    async def close(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            await self._opened.aclose()
            self._opened = None


def _by_name(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Returns the headers of an answer by their names in small letters."""
    return {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in headers}
