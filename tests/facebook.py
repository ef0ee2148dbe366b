"""The running service with a simulated Graph, and a shop that fetches from it."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2

from domain.ids import PageId
from domain.secret import Secret
from simulator.graph_nodes import FakePage
from simulator.graph_world import SCOPES, World
from tests.callers import Shop
from tests.graph import APP_ID, FakeGraph, running_graph
from tests.servers import Server
from tests.service import APP_SECRET, SEAL_KEY, Service, serving

READER_WAITS: Final = 40.0
"""Seconds. The service ends a call of Graph after 12."""

_PAGES: Final = iter(range(104_200_000_100_001, 104_200_000_200_000))


def new_page(world: World, *, scopes: tuple[str, ...] = SCOPES) -> FakePage:
    """Returns a new Page, which no other test of this process has."""
    return world.add_page(PageId(str(next(_PAGES))), scopes=scopes)


def calm(graph: FakeGraph) -> None:
    """Reset what a test has changed. Pages and tokens stay."""
    graph.faults.clear()
    graph.seen.forget()
    world = graph.world
    world.timed_proof = world.videos_readable = world.live_videos_readable = True
    world.customers, world.empty_pages = "full", False
    world.unknown_fields.clear()
    world.field_permissions.clear()


@contextmanager
def running_facebook() -> Iterator[FakeGraph]:
    """Yields a Graph that knows the service's app and secret."""
    with running_graph(app_id=APP_ID, app_secret=APP_SECRET) as graph:
        yield graph


def graph_settings(graph: FakeGraph) -> dict[str, str]:
    """Returns the settings with which a service or a command uses this Graph and stores tokens."""
    return {"GRAPH_URL": graph.url, "FACEBOOK_APP_ID": APP_ID, "SEAL_KEYS": SEAL_KEY.reveal()}


@contextmanager
def serving_graph(redis_url: str, log: Path, graph: FakeGraph, **settings: str) -> Iterator[Service]:
    """Yields a service that uses this Graph. `settings` replace the usual ones. An empty value removes a setting."""
    with serving(redis_url, log, **{**graph_settings(graph), **settings}) as service:
        yield service


class GraphShop(Shop):
    """A shop that fetches from Facebook and connects Pages with their tokens."""

    def __init__(self, url: str, name: str = "shop-1", token: str | None = None, *, patient: bool = True) -> None:
        super().__init__(url, name, token, patient=patient)
        self.client.timeout = httpx2.Timeout(READER_WAITS)

    def connect_with(self, page: str, token: Secret, *, history: bool = False) -> httpx2.Response:
        """Connect a Page with a token and return the answer. With `history` the messages of the last five days are
        fetched."""
        return self.client.put(f"/pages/{page}", json={"access_token": token.reveal(), "history": history})

    def bring(self, page: FakePage, *, history: bool = False) -> dict[str, Any]:
        """Connect a Page with its own token, which must succeed. Returns the Page's state."""
        answer = self.connect_with(page.id, page.token, history=history)
        assert answer.status_code == 200, answer.text
        state: dict[str, Any] = answer.json()
        return state

    def ask(self, page: str, edge: str, **query: str | int) -> httpx2.Response:
        """Returns one page of an edge, or a refusal. `edge` begins behind the Page, as `posts` or
        `posts/1_2/comments`."""
        return self.client.get(f"/pages/{page}/{edge}", params=query)

    def fetch(self, page: str, edge: str, **query: str | int) -> Any:
        """Returns the JSON of one page of an edge, which must be answered."""
        return self.get(f"/pages/{page}/{edge}", **query)

    def pages_of(self, page: str, edge: str, **query: str | int) -> Iterator[list[dict[str, Any]]]:
        """Yields every page of an edge by `after` until it is null, including empty pages."""
        after: str | None = ""
        while after is not None:
            found = self.fetch(page, edge, after=after, **query)
            yield found["items"]
            after = found["after"]

    def items(self, page: str, edge: str, **query: str | int) -> list[dict[str, Any]]:
        """Returns all items of an edge."""
        return [item for items in self.pages_of(page, edge, **query) for item in items]


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Returns status and `reason` of an answer, which must be problem JSON that may not be cached."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.headers["cache-control"] == "no-store"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["reason"]


def everything(server: Server) -> bytes:
    """Returns every key of a store and its whole value."""
    found: list[bytes] = []
    parts: list[Any]
    for client in server.clients():
        for key in client.scan_iter(count=1000):
            match client.type(key):
                case b"string":
                    parts = [client.get(key)]
                case b"hash":
                    parts = [part for field in client.hgetall(key).items() for part in field]
                case b"zset":
                    parts = client.zrange(key, 0, -1)
                case b"stream":
                    parts = [repr(client.xrange(key)).encode()]
                case other:
                    raise AssertionError(f"a type that nobody looks into: {other!r}")
            found += [key, *parts]
    return b"\n".join(found)


def spellings(secret: Secret) -> list[bytes]:
    """Returns the possible spellings of a secret: unchanged, in base64 and in hexadecimal."""
    raw = secret.reveal_bytes()
    return [raw, base64.b64encode(raw).rstrip(b"="), base64.urlsafe_b64encode(raw).rstrip(b"="), raw.hex().encode()]
