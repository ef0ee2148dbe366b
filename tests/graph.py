"""A simulated Graph on a loopback socket, in a thread of this process. Tests call it over HTTP instead of Facebook."""

import hashlib
import hmac
import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

import httpx2
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from domain.secret import Secret
from simulator.graph import HANG_UP, graph_app
from simulator.graph_faults import Faults
from simulator.graph_seen import Seen
from simulator.graph_world import World

APP_ID: Final = "200000000000001"
APP_SECRET: Final = Secret("app-secret-of-the-fake-graph")

_STOP_SECONDS: Final = 5.0
"""Seconds. Stalled calls are cut off before the end, so stopping takes a fifth of a second."""


@dataclass(frozen=True)
class FakeGraph:
    """A running Graph. `url` has no slash at its end and no version. The other attributes may be used while the Graph
    runs."""

    url: str
    world: World
    faults: Faults
    seen: Seen


def proof_of(token: Secret, app_secret: Secret = APP_SECRET, at: int | None = None) -> str:
    """Computes `appsecret_proof` a second time, without the product's code. `at` is in Unix seconds."""
    message = token.reveal() if at is None else f"{token.reveal()}|{at}"
    return hmac.new(app_secret.reveal_bytes(), message.encode(), hashlib.sha256).hexdigest()


@dataclass
class Caller:
    """Calls a Graph within this process, without a socket. `seen` and `faults` are those of this Graph."""

    world: World
    token: Secret
    faults: Faults = field(default_factory=Faults)
    seen: Seen = field(default_factory=Seen)

    async def ask(self, path: str, method: str = "GET", **params: Any) -> httpx2.Response:
        """Send a call with the right version, proof and token. Parameters of a POST are in its form."""
        params = {"appsecret_proof": proof_of(self.token, self.world.app_secrets[0]), **params}
        headers = {"Authorization": f"Bearer {self.token.reveal()}"}
        where: dict[str, Any] = {"data": params} if method == "POST" else {"params": params}
        return await self.send(method, f"/v26.0/{path}", headers=headers, **where)

    async def send(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        """Send a call unchanged."""
        transport = httpx2.ASGITransport(graph_app(self.world, self.faults, self.seen))
        async with httpx2.AsyncClient(transport=transport, base_url="https://graph.example") as client:
            return await client.request(method, path, **rest)

    async def walk(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """Returns every item of an edge, page by page, until `next` is absent."""
        items: list[dict[str, Any]] = []
        while True:
            body = (await self.ask(path, **params)).json()
            items += body["data"]
            if "next" not in body.get("paging", {}):
                return items
            params["after"] = body["paging"]["cursors"]["after"]


def error_of(answer: httpx2.Response) -> tuple[int, int, int | None]:
    """Returns status, code and subcode of a refusal."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("error_subcode")


def now() -> int:
    """Returns the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


@contextmanager
def running_graph(
    *,
    app_id: str = APP_ID,
    app_secret: Secret = APP_SECRET,
    seed: int = 1,
    clock: Callable[[], int] = now,
) -> Iterator[FakeGraph]:
    """Yields a Graph with an empty world. At the end, calls that still stall are cut off."""
    world, faults, seen = World(app_id, [app_secret], random.Random(seed), clock), Faults(), Seen()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener, _quiet():
        server = uvicorn.Server(
            uvicorn.Config(
                graph_app(world, faults, seen),
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=int(_STOP_SECONDS) - 1,
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="fake-graph", daemon=True)
        thread.start()
        try:
            yield FakeGraph(f"http://127.0.0.1:{listener.getsockname()[1]}", world, faults, seen)
        finally:
            faults.close()
            server.should_exit = True
            thread.join(_STOP_SECONDS)
            assert not thread.is_alive(), "the fake Graph did not stop"


class _Protocol(HttpToolsProtocol):
    """Lets the application close a connection without an answer. Otherwise uvicorn would answer 500."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = {HANG_UP: self.transport.abort}


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop uvicorn's log line about an answer that is cut off on purpose."""
    logger = logging.getLogger("uvicorn.error")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
