"""Every route and every failure, with marked texts, people and secrets in each place that a caller, Facebook or the
store can write to. No marked word may be in the log of the most detailed level, in any file, or in Redis and its files.

The test reads the routes from the table, so a new route is tested too.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import httpx2
import redis

from api.auth import Tokens
from api.route import Route
from cache.keys import shop_keys
from domain.ids import ShopId
from domain.secret import Secret
from domain.shop import SCOPES, Scope
from simulator.graph_faults import Cuts, Fails, Fault, Says
from tests.callers import PAGE as OTHER_PAGE
from tests.callers import Facebook, Operator
from tests.facebook import GraphShop, running_facebook, serving_graph
from tests.graph import FakeGraph
from tests.house.unplugged import application
from tests.integration import test_canary, test_graph_canary
from tests.integration.test_graph_canary import PAGE, canary_page, files, found_in, spellings, token_of
from tests.servers import running
from tests.service import APP_SECRET, TOKEN_KEY, VERIFY_TOKEN, Service
from tests.support import NO_TLS
from webhook.signed_request import sign

ROUTES: Final = application().routes
SHOP: Final = ShopId("shop-1")
CANARY: Final = "canary-កាណារី"
LATIN: Final = "canary"
PHONE: Final = "012 345 678"
PSID: Final = test_canary.PSID
MID: Final = test_canary.MID
TOKEN: Final = "EAAcanaryTokenInARequest0123456789"
NAME_TOKEN: Final = "EAAtokenInABearersName0123456789"
WORDS: Final = f"{CANARY} {PHONE} {PSID} {TOKEN}"
PERSON: Final = "10000000000009942"
SOURCE: Final = "127.0.0.77"
FORWARDED: Final = "203.0.113.77"
"""The address that a caller claims. The service believes only its own proxy."""

NAMES: Final = {"id": f"{PAGE}_{PSID}", "page": PAGE, "psid": PSID, "shop": SHOP}
"""Values for the parameters of paths. Every other parameter gets the canary."""
STRANGE_PAGE: Final = "104299999999999"
"""This id has no canary, because ids of connected Pages are stored unencrypted."""
HEADERS: Final = {
    "User-Agent": f"Browser/1.0 {PHONE} {TOKEN}",
    "Referer": f"https://shop.example/{LATIN}?token={TOKEN}",
    "Cookie": f"{LATIN}={TOKEN}",
    "X-Request-Id": LATIN,
    "Last-Event-Id": LATIN,
    "Accept-Language": LATIN,
    "X-Forwarded-For": f"{LATIN}, {FORWARDED}",
}
"""The browser's name does not contain the word `canary`, because a log line contains this name on purpose."""


def bearer(shop: str = SHOP, scopes: tuple[Scope, ...] = SCOPES, key: Secret = TOKEN_KEY) -> str:
    """Returns a token whose bearer's name is forbidden data: a telephone number and a token."""
    return Tokens([key]).mint(ShopId(shop), scopes, 600, f"owner {PHONE} {NAME_TOKEN}", time.time())


class Caller:
    """Calls from its own address. `answered` counts routes and statuses. `refusals` has the errors."""

    def __init__(self, service: Service) -> None:
        # Each call has a new connection, because the service may close an idle one at the moment of its next use.
        transport = httpx2.HTTPTransport(
            verify=NO_TLS, local_address=SOURCE, limits=httpx2.Limits(max_keepalive_connections=0)
        )
        self._client = httpx2.Client(base_url=service.url, transport=transport, headers=HEADERS, timeout=16)
        self.answered: Counter[tuple[str, int]] = Counter()
        self.refusals: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, route: Route, path: str, token: str | None, **what: Any) -> None:
        """Make one call and read its answer to the end. Read a stream only for a moment."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with self._client.stream(route.method, path, headers=headers | what.pop("headers", {}), **what) as answer:
            self.answered[route.path, answer.status_code] += 1
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                return
            body = answer.read()
            if answer.status_code >= 400:
                self.refusals.append(repr(answer.headers).encode() + body)

    def drive(self, route: Route) -> None:
        """Call a route correctly, and with the canary in each place."""
        plain = filled(route, NAMES)
        strange = filled(route, {"shop": SHOP, "page": STRANGE_PAGE})
        token = bearer() if route.scope is not None else None
        for body in bodies(route):
            self.ask(route, plain, token, **body)
        self.ask(route, strange, token, params={"limit": "2"})
        self.ask(route, plain, token, params={LATIN: WORDS, WORDS: "1"})
        for name in {} if route.query is None else route.query.model_fields:
            self.ask(route, plain, token, params={name: WORDS})
            self.ask(route, plain, token, params={name: LATIN})
        if route.scope is not None:
            self.ask(route, plain, None)
            for bad in (TOKEN, LATIN, bearer("shop-2"), bearer(scopes=()), bearer(key=Secret("another key" * 3))):
                self.ask(route, plain, bad)
            self.ask(route, filled(route, {}), token)

    def drive_all(self, *, deleting: bool = True) -> None:
        """Call every route of the table. Routes that delete come last."""
        for route in sorted(ROUTES, key=lambda route: route.method == "DELETE"):
            if deleting or route.method != "DELETE":
                self.drive(route)
        for method, path in (("GET", f"/{CANARY}"), ("POST", f"/v1/shops/{SHOP}/messages/{CANARY}")):
            answer = self._client.request(method, path, headers={"Authorization": f"Bearer {bearer()}"})
            assert answer.status_code in {404, 405}
            self.refusals.append(repr(answer.headers).encode() + answer.content)


def filled(route: Route, names: dict[str, str]) -> str:
    """Returns the path, with the canary for each parameter that has no name here."""
    path = route.path.replace("{file:path}", "{file}")
    for part in path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}")
            path = path.replace(part, names.get(name, f"{LATIN}-{PSID}"))
    return path


def bodies(route: Route) -> Iterator[dict[str, Any]]:
    """Yields an empty request, the examples of the description, and bodies with the canary in each field. A route that
    reads no body gets only the empty request: its connection can end before a body arrives, and the answer is lost.
    """
    model = route.body
    yield {}
    if model is None:
        if route.path.startswith("/facebook/") and route.method == "POST":
            yield {"content": WORDS.encode()}
            yield {"data": {"signed_request": WORDS, LATIN: WORDS}}
        return
    for example in model.model_json_schema().get("examples", []):
        yield {"json": example}
    for name in model.model_fields:
        yield {"json": {name: WORDS}}
        yield {"json": {name: TOKEN, CANARY: WORDS}}
    yield {"content": f"{{{WORDS}".encode()}
    yield {"content": WORDS.encode(), "headers": {"Content-Type": LATIN}}


def callbacks(caller: Caller) -> None:
    """Send Facebook's callbacks with and without a valid signature."""
    signed = [route for route in ROUTES if route.path.startswith("/facebook/") and route.method == "POST"]
    facts = {"algorithm": "HMAC-SHA256", "issued_at": int(time.time()), "user_id": PERSON, "name": WORDS}
    for route in signed:
        for secret in (APP_SECRET, Secret(f"{LATIN} secret of somebody")):
            for more in ({}, {"algorithm": WORDS}, {"expires": 1}, {"user_id": 0, "profile_id": WORDS}):
                text = sign(json.dumps(facts | more).encode(), secret)
                caller.ask(route, route.path, None, data={"signed_request": text})


def deliveries(service: Service) -> None:
    """Send deliveries of every kind, and forged ones."""
    body = test_canary.whole()
    with Facebook(service.url) as facebook:
        facebook.deliver(body)
        facebook.deliver(body, [(b"X-Hub-Signature-256", b"sha256=" + b"0" * 64)])
        facebook.deliver(WORDS.encode())
        facebook.client.get("/webhook", params={"hub.mode": "subscribe", "hub.verify_token": WORDS})


def graph_failures() -> Iterator[tuple[Fault, ...]]:
    """Yields one failure of each kind of Graph, with the canary in its text."""
    told = {"error_user_title": WORDS, "error_user_msg": WORDS}
    yield (Fails(2, message=WORDS, extra=told),) * 3
    yield (Fails(10, message=WORDS, extra=told),)
    yield (Says(200, WORDS.encode(), "application/json"),) * 3
    yield (Says(503, WORDS.encode()),) * 3
    yield (Cuts(),) * 3


def break_store(client: redis.Redis, *fields: bytes) -> None:
    """Replace stored values, and these fields of each Page, by unreadable texts. Errors can quote such texts."""
    keys = shop_keys(SHOP)
    for key in client.scan_iter():
        if key.startswith(b"m:"):
            client.set(key, b"\x01\x00" + WORDS.encode(), keepttl=True)
    for name in client.hkeys(keys.registry):
        if name[:2] in fields:
            client.hset(keys.registry, name, WORDS.encode())


def hidden() -> list[bytes]:
    """Returns the texts that no line may have."""
    return [*unkept(), *spellings([PHONE, PHONE.replace(" ", ""), NAME_TOKEN, *test_canary.PHONES])]


def unkept() -> list[bytes]:
    """Returns the texts that Redis may not have either. Receipts and the audit log have the name in
    the caller's token.
    """
    secrets = [APP_SECRET, TOKEN_KEY, VERIFY_TOKEN, token_of(PAGE)]
    plain = [CANARY, LATIN, PSID, MID, TOKEN, PERSON, test_graph_canary.PHONE]
    return spellings([*plain, *(secret.reveal() for secret in secrets)])


def addresses_outside_the_line_of_their_request(log: Path) -> list[str]:
    """Returns the lines that have a caller's address anywhere but in `client` of `request` and `audit`."""
    found = []
    for text in log.read_text().splitlines():
        line = json.loads(text)
        client = line.pop("client", None)
        told = json.dumps(line)
        if (client is not None and line["event"] not in {"request", "audit"}) or SOURCE in told or FORWARDED in told:
            found.append(text)
    return found


def connected(service: Service, graph: FakeGraph) -> None:
    """Connect a shop's Page that has content everywhere, in the store and at Facebook."""
    page = graph.world.pages.get(PAGE) or canary_page(graph.world, PAGE)
    graph.world.tokens[page.token.reveal()].user_id = PERSON
    with GraphShop(service.url) as shop:
        shop.bring(page)
        shop.connect(OTHER_PAGE)


def test_no_route_and_no_failure_leaves_words_people_or_secrets_in_a_log_metric_or_error(tmp_path: Path) -> None:
    """Words, people and secrets are not in Redis, its files or other files either. A caller's address is only in the
    line of its request."""
    temporary, data = tmp_path / "temporary", tmp_path / "data"
    temporary.mkdir()
    data.mkdir()
    logs = [tmp_path / name for name in ("log", "log-without-store")]
    settings = {"LOG_LEVEL": "debug", "TMPDIR": str(temporary), "DATA_DIR": str(data)}
    with ExitStack() as stack:
        extra = ["--rdbcompression", "no"]
        valkey = stack.enter_context(running("own", tmp_path / "valkey", persistent=True, extra=extra))
        client = stack.enter_context(redis.Redis.from_url(valkey.url))
        graph = stack.enter_context(running_facebook())
        with serving_graph(valkey.url, logs[0], graph, **settings) as service, Caller(service) as caller:
            connected(service, graph)
            deliveries(service)
            caller.drive_all()
            callbacks(caller)
            connected(service, graph)
            deliveries(service)
            posts, lists = (next(r for r in ROUTES if r.path.endswith(end)) for end in ("/posts", "/pages"))
            for script in graph_failures():
                graph.faults.script("/published_posts", *script)
                caller.ask(posts, filled(posts, NAMES), bearer())
                graph.faults.clear()
            graph.world.revoke(token_of(PAGE))
            caller.ask(posts, filled(posts, NAMES), bearer())
            connected_again = caller.answered.copy()
            assert client.keys("m:*"), "there is nothing to look for"
            assert client.save()
            kept = list(files(tmp_path / "valkey"))
            assert {".rdb", ".aof"} <= {path.suffix for path, _ in kept}
            assert [(path, found) for path, raw in kept if (found := found_in(raw, unkept()))] == []
            break_store(client, b"p:")
            caller.ask(lists, filled(lists, NAMES), bearer())
            break_store(client, b"s:", b"t:")
            deliveries(service)
            caller.drive_all(deleting=False)
            broken = caller.answered - connected_again
            with Operator(service.ops_url) as operator:
                metrics = operator.client.get("/metrics").content
            assert service.terminate() == 0
        unreachable = f"unix://{tmp_path}/none"
        with serving_graph(unreachable, logs[1], graph, ready="/livez", **settings) as service, Caller(service) as lost:
            deliveries(service)
            lost.drive_all()
            callbacks(lost)
            assert service.terminate() == 0

    driven = {path for path, _ in caller.answered}
    assert driven == {path for path, _ in lost.answered} == {route.path for route in ROUTES}
    assert {200, 400, 401, 403, 404, 409, 502} <= {status for _, status in caller.answered}
    assert {status for _, status in broken} >= {200, 401, 500}, "nothing was broken"
    assert {status for _, status in lost.answered} >= {400, 401, 403, 503}
    assert b'"error":"ValueError"' in logs[0].read_bytes(), "no error that quotes what it could not read"
    needles = hidden()
    assert b"page_inbox_events_total" in metrics
    assert found_in(metrics, needles) == []
    assert len(caller.refusals) > 300
    told = [one for one in needles if one != LATIN.encode()]  # an error names a parameter that does not exist
    assert [raw for raw in (*caller.refusals, *lost.refusals) if found_in(raw, told)] == []
    for log in logs:
        text = log.read_bytes()
        assert text.count(b'"event":"request"') > 300, "there is too little in the log for this test to mean anything"
        assert found_in(text, needles) == []
        assert addresses_outside_the_line_of_their_request(log) == []
        assert SOURCE.encode() in text
    assert list(files(temporary)) == list(files(data)) == []
