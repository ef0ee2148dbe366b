"""A fake of Facebook that follows a script, a fake of the budgets, and the product's code between the two fakes."""

import json
from collections import defaultdict
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpcore2
import httpx2
from prometheus_client import CollectorRegistry

from domain.graph import CallSlot, Limit
from domain.ids import PageId, ShopId
from domain.purge import Receipt
from domain.secret import Secret
from domain.shop import Credentials, Page, PageState, PageStatus
from domain.watch import Outage
from graph_client.calls import Calls
from graph_client.client import Client
from graph_client.errors import TokenDead
from graph_client.retry import RetryPolicy
from graph_client.store import Grants, Purger, Registry, Watchlist
from ops.metrics import Metrics
from tests.support import FakeClock

SHOP, PAGE = ShopId("sokha"), PageId("104200000000001")
VERSION = "v26.0"
TOKEN, APP_TOKEN, APP_SECRET = Secret("EAA-page-token"), Secret("200000000000001|app-token"), Secret("app-secret")
ALIVE = PageState(1_770_000_000_000, token_alive=True, subscribed_fields=("messages",))
CREDENTIALS = Credentials(TOKEN, b"seal", ALIVE)
WORDS = "Sokha said: my number is 012 345 678, EAA-page-token"
"""Text that Graph may write into its `message`, and that the service never repeats."""


@dataclass(frozen=True)
class Asked:
    """A request that was sent."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: Mapping[str, str]

    @property
    def what(self) -> str:
        """Returns the name that scripts use, for example `GET me`."""
        return f"{self.method} {self.path}"

    @property
    def token(self) -> str:
        """Returns the token in the header."""
        return self.headers["authorization"].removeprefix("Bearer ")


Step = httpx2.Response | Exception | Callable[[Asked], Awaitable[httpx2.Response]]
"""An answer, a connection that breaks, or a function of the test."""


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    """Yields the bytes of an answer as they come from the network."""
    for chunk in chunks:
        yield chunk


def answer(status: int, found: Any, **headers: str) -> httpx2.Response:
    """Returns an answer with JSON. Names in `headers` have underscores instead of hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, headers=named, content=body(json.dumps(found).encode()))


def ok(found: Any = None, **headers: str) -> httpx2.Response:
    """Returns a success. Without `found` the answer is `{"data": []}`."""
    return answer(200, {"data": []} if found is None else found, **headers)


def refused(code: int, subcode: int | None = None, *, words: str = WORDS, **headers: str) -> httpx2.Response:
    """Returns a refusal as Graph writes it."""
    error = {"code": code, "error_subcode": subcode, "message": words, "type": "OAuthException", "fbtrace_id": "Ab1-_x"}
    return answer(400, {"error": error}, **headers)


def too_much() -> httpx2.Response:
    """Returns the error with which Graph asks for a smaller request."""
    return refused(1, words="Please reduce the amount of data you're asking for, then retry your request")


@dataclass
class Facebook:
    """Answers each request with the next step of the script. `asked` keeps the requests, and `told` keeps their
    names.
    """

    script: defaultdict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))
    asked: list[Asked] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    closed: int = 0

    def will(self, what: str, *steps: Step) -> None:
        """Prepare these answers, in this order."""
        self.script[what] += steps

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        asked = Asked(
            request.method,
            request.url.path.removeprefix(f"/{VERSION}/"),
            dict(request.url.params),
            dict(parse_qsl(request.content.decode())),
            request.headers,
        )
        self.asked.append(asked)
        self.told.append(asked.what)
        steps = self.script[asked.what]
        assert steps, f"nobody expected {asked.what}"
        step = steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx2.Response) else await step(asked)

    def close(self) -> None:
        """Count that the connections were closed."""
        self.closed += 1

    def client(self, *, app_secret: Secret | None = APP_SECRET, now: Callable[[], float] = lambda: 1.77e9) -> Client:
        """Returns a client that uses this network."""
        network = Network(self, self.close)
        return Client(
            base_url="https://graph.example", version=VERSION, app_secret=app_secret, now=now, network=network
        )


class Network(httpcore2.AsyncConnectionInterface):
    """A network that calls a function."""

    def __init__(
        self, answer: Callable[[httpx2.Request], Awaitable[httpx2.Response]], close: Callable[[], None] = lambda: None
    ) -> None:
        self._answer = answer
        self._close = close

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        """Answer one request."""
        assert isinstance(request.stream, AsyncIterable)
        content = b"".join([part async for part in request.stream])
        url = f"https://graph.example{request.url.target.decode()}"
        assert bytes(request.url) == url.encode()
        method = request.method.decode()
        found = await self._answer(httpx2.Request(method, url, headers=request.headers, content=content))
        assert isinstance(found.stream, httpx2.AsyncByteStream)
        return httpcore2.Response(found.status_code, headers=found.headers.raw, content=found.stream)

    async def aclose(self) -> None:
        """Close the network."""
        self._close()


class NoStore(Registry, Watchlist, Grants, Purger):
    """A store on which no method may be called. A test makes a subclass with the methods that it expects."""

    async def owner(self, page: PageId, /) -> ShopId | None:
        raise NotImplementedError

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        raise NotImplementedError

    async def connect(self, shop: ShopId, page: PageId, /) -> Page:
        raise NotImplementedError

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        raise NotImplementedError

    async def keep_token(self, shop: ShopId, page: PageId, token: Secret, state: PageState, /) -> Page:
        raise NotImplementedError

    async def note_state(self, shop: ShopId, page: PageId, seal: bytes, state: PageState, /) -> bool:
        raise NotImplementedError

    async def reseal(self, shop: ShopId, page: PageId, credentials: Credentials, /) -> bool:
        raise NotImplementedError

    async def take(self, now_ms: int, lease_ms: int, count: int, /) -> list[PageId]:
        raise NotImplementedError

    async def renew(self, page: PageId, until_ms: int, /) -> None:
        raise NotImplementedError

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        raise NotImplementedError

    async def forget(self, page: PageId, /) -> None:
        raise NotImplementedError

    async def note_expiry(self, page: PageId, expires_ms: int | None, /) -> None:
        raise NotImplementedError

    async def outage(self) -> Outage | None:
        raise NotImplementedError

    async def granted(self, page: PageId, person: str | None, at_ms: int, /) -> None:
        raise NotImplementedError

    async def still_granted(self, page: PageId, person: str, at_ms: int, /) -> None:
        raise NotImplementedError

    async def purge_page(
        self, shop: ShopId, page: PageId, by: str, /, *, without_token: bool = False, limited: bool = True
    ) -> Receipt:
        raise NotImplementedError


@dataclass(frozen=True)
class Entry(CallSlot):
    """The answer of the store before a call."""

    credentials: Credentials | None = CREDENTIALS
    held: float = 0.0
    wait: float = 0.0


@dataclass
class Budgets:
    """Admits each call or refuses it, as `entry` says. `told` keeps the recorded calls."""

    entry: Entry = field(default_factory=Entry)
    asked: list[tuple[Limit, float, float]] = field(default_factory=list)
    told: list[tuple[Any, ...]] = field(default_factory=list)
    app_seconds: float = 0.0

    async def enter(self, shop: ShopId, page: PageId, limit: Limit, /, *, spacing: float, patience: float) -> Entry:
        """Returns what the test has set."""
        assert (shop, page) == (SHOP, PAGE)
        self.asked.append((limit, spacing, patience))
        return self.entry

    async def hold(self, shop: ShopId, page: PageId, limit: Limit, seconds: float, /) -> None:
        """Record the call."""
        assert (shop, page) == (SHOP, PAGE)
        self.told.append(("hold", limit, seconds))

    async def slow(self, shop: ShopId, page: PageId, limit: Limit, spacing: float, seconds: float, /) -> None:
        """Record the call."""
        assert (shop, page) == (SHOP, PAGE)
        self.told.append(("slow", limit, spacing, seconds))

    async def app_held(self) -> float:
        """Returns the time that the test has set."""
        return self.app_seconds

    async def hold_app(self, seconds: float, /) -> None:
        """Record the call."""
        self.told.append(("hold_app", seconds))


@dataclass
class Setup:
    """The product's calls of Graph between the two fakes. `deaths` keeps the tokens that died. Each random number
    is `draw`.
    """

    facebook: Facebook = field(default_factory=Facebook)
    budgets: Budgets = field(default_factory=Budgets)
    clock: FakeClock = field(default_factory=FakeClock)
    policy: RetryPolicy | None = None
    draw: float = 0.5
    deaths: list[tuple[Credentials, TokenDead]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.calls = Calls(
            self.facebook.client(),
            self.budgets,
            self.metrics,
            token_died=self.died,
            clock=self.clock.seconds,
            sleep=self.clock.sleep,
            draw=lambda: self.draw,
            policy=self.policy,
        )

    async def died(self, shop: ShopId, page: PageId, credentials: Credentials, error: TokenDead) -> None:
        """Record the call."""
        assert (shop, page) == (SHOP, PAGE)
        self.deaths.append((credentials, error))

    def count(self, name: str, **labels: str) -> float:
        """Returns a metric as it is scraped, or 0 if it was never counted."""
        return self.registry.get_sample_value(f"page_inbox_{name}", labels) or 0
