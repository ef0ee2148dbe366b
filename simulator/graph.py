"""Graph over HTTP: an ASGI application over a `World`, with `Faults`, that remembers what it has `Seen`.

It follows Facebook's documentation and does not depend on the client that calls it. It logs nothing, so content and
tokens are only in its answers.
"""

import asyncio
import copy
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator import graph_apps, graph_edges
from simulator.graph_call import Call, check, read_call
from simulator.graph_faults import Alters, Cuts, Fails, Fault, Faults, Headers, Pads, Says, Stalls
from simulator.graph_gate import Barrier
from simulator.graph_paging import DEFAULT_LIMIT
from simulator.graph_refusals import GraphErrorAnswer, reduce_the_amount, unreadable_query
from simulator.graph_seen import Seen
from simulator.graph_world import World
from simulator.serialize import Document

_MOST_FORM = 64 * 1024
"""The largest form that is read, in bytes. A list of fields has a few hundred."""
_CHUNK = 64 * 1024


def graph_app(world: World, faults: Faults | None = None, seen: Seen | None = None) -> ASGIApp:
    """Returns the application. It has no lifespan."""
    return _Graph(world, faults or Faults(), seen or Seen())


HANG_UP = "page-inbox.hang-up"
"""The name of the ASGI extension whose function closes the connection without an answer."""


class _NoAnswer(Exception):
    """Raised when the caller has closed the connection, or when this side is to close it without an answer."""


class _Graph:
    def __init__(self, world: World, faults: Faults, seen: Seen) -> None:
        self._world = world
        self._faults = faults
        self._seen = seen
        self._traced = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"{scope['type']} is not spoken here")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        form = await _form(receive) if scope["method"] == "POST" else {}
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        call = read_call(scope["method"], scope["path"], query, form, headers.get("authorization"))
        token = self._world.tokens.get(call.token or "")
        page = None if token is None else token.profile
        self._seen.enter(call, scope["path"], tuple(headers), page, exposed=self._exposed(call, query))
        try:
            await self._answer(call, scope["path"], page, receive, send)
        except _NoAnswer:
            await _hang_up(scope, receive, send)
        finally:
            self._seen.leave(page)

    def _exposed(self, call: Call, query: Mapping[str, str]) -> bool:
        """Returns whether the address has a token. The `input_token` of /debug_token does not count."""
        asked_about = "input_token" if call.path == ("debug_token",) else ""
        given = [*call.path, *(value for name, value in query.items() if name != asked_about)]
        return "access_token" in query or any(value in self._world.tokens for value in given)

    async def _answer(self, call: Call, path: str, page: str | None, receive: Receive, send: Send) -> None:
        fault = self._faults.take(path, page)
        if isinstance(fault, Stalls):
            until = fault.until
            await self._held_up(until.passed() if isinstance(until, Barrier) else asyncio.sleep(until), receive)
        if isinstance(fault, Says):
            answer = _Answer(send, fault.status, (*fault.headers, *self._faults.headers(page)), fault.content_type)
            await answer.whole(fault.body)
            return
        if isinstance(fault, Cuts) and fault.at_once:
            raise _NoAnswer
        status, document, more = self._document(call, fault)
        version = ("facebook-api-version", call.version or "v21.0")
        headers = {**dict(self._faults.headers(page)), **dict(more)}  # the headers of a fault replace the usual headers
        answer = _Answer(send, status, (version, *headers.items()))
        if isinstance(fault, Pads):
            await answer.padded(orjson.dumps(document), fault.size)
        elif isinstance(fault, Cuts):
            await answer.cut(orjson.dumps(document))
        else:
            await answer.whole(orjson.dumps(document))

    def _document(self, call: Call, fault: Fault) -> tuple[int, object, Headers]:
        """Returns status, body and further headers."""
        self._traced += 1
        trace = f"AFake{self._traced:018}"
        if isinstance(fault, Fails):
            return fault.status, fault.document(trace), fault.headers
        try:
            document = self._looked_up(call)
        except GraphErrorAnswer as refusal:
            return refusal.status, refusal.document(trace), ()
        if isinstance(fault, Alters):
            changed = copy.deepcopy(document)  # an answer shares objects with the world, so a change needs a copy
            other = fault.change(changed)
            return 200, changed if other is None else other, ()
        return 200, document, ()

    def _looked_up(self, call: Call) -> Document:
        world = self._world
        token = check(world, call)
        if self._faults.reduce_above is not None and _limit(call) > self._faults.reduce_above:
            raise reduce_the_amount()
        match (call.method, call.path):
            case ("GET" | "POST" | "DELETE", (_, "subscribed_apps")):
                method = {
                    "GET": graph_apps.subscriptions,
                    "POST": graph_apps.subscribe,
                    "DELETE": graph_apps.unsubscribe,
                }[call.method]
                return method(world, call, token)
            case ("GET", ("debug_token",)):
                return graph_apps.inspected(world, call, token)
            case ("GET", (name,)) if name == world.app_id:
                return graph_apps.app(world, call, token)
            case ("GET", (_,)):
                return graph_edges.node(world, call, token)
            case ("GET", (_, _)):
                answer = graph_edges.edge(world, call, token)
                if any(self._is_too_large(row["id"], call) for row in answer["data"]):
                    raise reduce_the_amount()
                return answer
            case _:
                raise unreadable_query(f"Unknown path components or method: {call.method}")

    def _is_too_large(self, identity: str, call: Call) -> bool:
        level, fields = self._faults.too_large.get(identity, 0), call.params.get("fields", "")
        small = {"id", "created_time", "updated_time"}
        return (level >= 1 and ("{" in fields or "(" in fields)) or (
            level == 2 and not small.issuperset(fields.split(","))
        )

    async def _held_up(self, wait: Coroutine[Any, Any, None], receive: Receive) -> None:
        """Return when the wait is over. Raises _NoAnswer if the caller or the application ends first."""
        waits = [asyncio.ensure_future(one) for one in (wait, _hung_up(receive), self._faults.closing.passed())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not waits[0].done():
                raise _NoAnswer
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


class _Answer:
    """An answer that is being sent."""

    def __init__(self, send: Send, status: int, headers: Iterable[tuple[str, str]], content_type: str = "") -> None:
        self._send = send
        kind = content_type or "application/json; charset=UTF-8"
        self._status = status
        self._headers = [(b"content-type", kind.encode()), *((n.encode(), v.encode()) for n, v in headers)]

    async def whole(self, body: bytes) -> None:
        """Send the whole answer."""
        await self._begin(len(body))
        await self._send({"type": "http.response.body", "body": body})

    async def cut(self, body: bytes) -> None:
        """Send half of the announced length. The server closes the connection after an incomplete answer."""
        await self._begin(len(body))
        await self._send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})

    async def padded(self, body: bytes, size: int) -> None:
        """Send the answer with padding. It is still JSON, and no header has its length."""
        await self._begin(None)
        start = body[:-1] + (b"," if len(body) > len(b"{}") else b"") + b'"padding":"'
        await self._send({"type": "http.response.body", "body": start, "more_body": True})
        for sent in range(0, size, _CHUNK):
            part = b"x" * min(_CHUNK, size - sent)
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        await self._send({"type": "http.response.body", "body": b'"}'})

    async def _begin(self, length: int | None) -> None:
        headers = self._headers
        if length is not None:
            headers = [*headers, (b"content-length", b"%d" % length)]
        start: Message = {"type": "http.response.start", "status": self._status, "headers": headers}
        await self._send(start)


async def _form(receive: Receive) -> dict[str, str]:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > _MOST_FORM:
            return dict(parse_qsl(body[:_MOST_FORM].decode("latin-1"), keep_blank_values=True))


async def _hang_up(scope: Scope, receive: Receive, send: Send) -> None:
    close = (scope.get("extensions") or {}).get(HANG_UP)
    if close is None:
        # Sends only the head of an answer. A server cannot send less when the application gives no answer.
        await _Answer(send, 200, ()).cut(b"x")
    else:
        close()
        await _hung_up(receive)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _limit(call: Call) -> int:
    """Returns the number of objects that a call lists: its `limit`, or 25 without one."""
    if len(call.path) != 2 or call.path[1] == "subscribed_apps":
        return 0
    text = call.params.get("limit", str(DEFAULT_LIMIT))
    return int(text) if text.isascii() and text.isdigit() else 0
