"""Marked content in every answer of Graph, and the places where it must not be found afterwards. The service passes
this content on and stores nothing of it.

The service heals nothing in this test, because healing stores messages on purpose.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, Final

import httpx2
import redis

from domain.ids import MessageId, PageId, Psid
from domain.secret import Secret
from simulator.graph_documents import image
from simulator.graph_faults import Alters, Fails, Fault, Headers, Says, redirects, throttles
from simulator.graph_nodes import FakePage
from simulator.graph_world import World
from simulator.payloads import from_customer
from simulator.serialize import Document
from tests.callers import Facebook, Operator
from tests.facebook import GraphShop, running_facebook, serving_graph
from tests.graph import APP_ID, FakeGraph, now, proof_of
from tests.integration.test_canary import values
from tests.servers import running
from tests.service import APP_SECRET, SEAL_KEY, TOKEN_KEY, Service

CANARY: Final = "canary-កាណារី"
"""Ids, addresses and tokens cannot contain Khmer, so they contain the word `canary` in Latin letters."""
PHONE: Final = "012 987 654"
WORDS: Final = f"{CANARY} {PHONE}"
ADDRESS: Final = "https://cdn.example/canary.jpg?token=canary"
PAGE, HELD, DEAD, UNHEARD = (PageId(f"10420000070000{n}") for n in range(4))
PSID: Final = Psid(f"7012345{PAGE[-9:]}")
UNKNOWN_TOKEN: Final = Secret("EAAcanaryTokenThatNobodyKnows")
CALL_PARTS: Final = (
    *("/v26.0", "published_posts", "subscribed_apps", "appsecret_", "input_token", "access_token="),
    *("fields=", "order=reverse", "after="),
)
"""Parts of an address of Graph. Addresses of the service, which may be logged, do not contain these parts."""


def token_of(page: str) -> Secret:
    """Returns the Page's token."""
    return Secret(f"EAAcanaryPageToken{page[::-1]}")


def canary_page(world: World, identity: PageId) -> FakePage:
    """A Page with the canary in every text that a person can write, and in every name and address."""
    psid = Psid(f"7012345{identity[-9:]}")
    page = world.add_page(identity, name=WORDS, token=token_of(identity))
    album = {"media_type": "photo", "title": WORDS, "description": WORDS, "url": ADDRESS, "target": {"url": ADDRESS}}
    writer = {"id": psid, "name": WORDS}
    for number in range(4):
        post = world.add_post(page, WORDS, attachments=[album], story=WORDS, full_picture=ADDRESS)
        comment = world.add_comment(post, f"{WORDS} {number}", by=writer, attachment={"url": ADDRESS, "title": WORDS})
        world.add_comment(post, WORDS, comment, by=writer)
        world.add_video(page, WORDS, description=WORDS)
        live = world.add_live_video(page, WORDS)
        live.document["description"] = WORDS
        world.add_comment(live, WORDS, by=writer)
        mid = MessageId(f"m_canary_{identity}_{number}")
        world.say(page, psid, WORDS, name=WORDS, mid=mid, attachments=[image(ADDRESS, "1")])
    world.objects[psid].document |= {"name": WORDS, "profile_pic": ADDRESS}
    return page


def paging(document: Document) -> None:
    """Add marked cursors and links, and marked fields that no documentation has."""
    link = f"https://graph.example/v26.0/x?access_token={token_of(PAGE).reveal()}&after=canary"
    document["paging"] = {"cursors": {"after": "canaryCursor", "before": "canary"}, "next": link, "previous": link}
    document["summary"] = document["canary"] = {"canary": WORDS}
    for row in document.get("data", ()):
        row["canary"] = [WORDS, {"canary": WORDS}]


def error(code: object = 100, **more: object) -> bytes:
    """Returns a marked error as JSON."""
    told = {"message": WORDS, "type": WORDS, "code": code, "error_data": WORDS, "fbtrace_id": WORDS, **more}
    return json.dumps({"error": told}).encode()


def faults() -> Iterator[tuple[Fault, ...]]:
    """Yields each kind of fault as often as the service tries a call, with the canary wherever Graph can write."""
    headers: Headers = (
        *(("x-fb-debug", "canary-header"), ("facebook-api-version", "canary"), ("www-authenticate", "canary")),
        *(("x-app-usage", '{"canary": "canary"'), ("x-business-use-case-usage", '{"canary": [{"type": "canary"}]}')),
    )
    told = {"error_user_title": WORDS, "error_user_msg": WORDS, "error_data": {"canary": WORDS}}
    for code, subcode in ((1, None), (2, 99), (10, None), (100, 33), (100, None), (200, None), (506, None), (77, 7)):
        fails = Fails(code, subcode, message=WORDS, headers=headers, extra=told)
        yield (fails,) * 3
    for code, subcode in ((-3, None), (12, None), (21, None), (100, 2018001), (100, 2018247)):
        yield (Fails(code, subcode, message=WORDS, headers=headers, extra=told),) * 3
    yield (Fails(100, message=f"Tried accessing nonexisting field (canary) on node type ({WORDS})", extra=told),)
    yield (Fails(100, message=f"nonexisting field (story) {WORDS}", extra=told),)
    yield (Fails(100, message=f"{WORDS} requires pages_canary permission", extra=told),)
    yield (Fails(100, 33, status=200, message=WORDS, extra=told),)
    yield (redirects(f"https://canary.example/v26.0/x?access_token={token_of(PAGE).reveal()}"),)
    html, plain = f"<html><title>{WORDS}</title></html>".encode(), "application/json"
    yield (Says(503, html, headers=headers),) * 3
    yield (Says(200, html),) * 3
    for body in (b'["canary"]', b'"canary"', b'{"data": "canary"', b'{"data": ["canary"]}', error("canary"), error()):
        yield (Says(200, body, plain),) * 3
    yield (Says(400, error(error_subcode=WORDS, is_transient=WORDS), plain),) * 3


class Heard:
    """Keeps every answer of the service, except refusals."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.refusals: list[str] = []
        self.statuses: set[int] = set()

    def __call__(self, answer: httpx2.Response) -> None:
        """Called by the client for each answer."""
        answer.read()
        heard = self.refusals if answer.status_code >= 400 else self.answers
        heard.append(f"{answer.headers} {answer.text}")
        self.statuses.add(answer.status_code)


def ask_for_everything(shop: GraphShop, page: PageId, known: dict[str, str]) -> None:
    """Walk every edge to its end."""
    for edge in ("live-videos", f"live-videos/{known['live']}/comments"):
        shop.items(page, edge, limit=3)
    for edge in ("posts", "videos", f"posts/{known['post']}/comments", f"comments/{known['comment']}/replies"):
        shop.items(page, edge, limit=3)
    for edge in ("conversations", f"conversations/{known['conversation']}/messages", f"customers/{PSID}"):
        shop.items(page, edge, limit=3)
    shop.get(f"/messages/{known['kept']}/attachments/0")
    shop.items(page, f"posts/{known['post']}/comments", order="reverse_chronological", filter="stream")


def misbehave(graph: FakeGraph, shop: GraphShop) -> None:
    """Cause every fault at an edge and every fault of connecting."""
    for script in faults():
        graph.faults.script("/published_posts", *script)
        shop.ask(PAGE, "posts")
        graph.faults.clear()
    for edge in ("posts", "conversations"):
        graph.faults.script(PAGE, Alters(paging))
        after = shop.fetch(PAGE, edge)["after"]
        shop.ask(PAGE, edge, after=after)
    graph.faults.script(HELD, throttles(page=HELD, minutes=1, message=WORDS))
    shop.ask(HELD, "posts")
    shop.ask(HELD, "posts")
    graph.world.revoke(token_of(DEAD))
    shop.ask(DEAD, "posts")
    shop.ask(DEAD, "posts")
    for script in ((Fails(2, message=WORDS),) * 3, (Says(200, error(190)),)):
        graph.faults.script("/debug_token", *script)
        shop.connect_with(UNHEARD, token_of(UNHEARD))
        graph.faults.clear()
    shop.connect_with(UNHEARD, UNKNOWN_TOKEN)
    shop.connect_with(UNHEARD, token_of(DEAD))
    shop.ask(PAGE, "posts/canary/comments", after="canary", since="canary")
    shop.ask(PAGE, "customers/canary")


def secrets(graph: FakeGraph) -> list[str]:
    """Returns tokens, keys, and every proof that was sent."""
    tokens = [*map(token_of, (PAGE, HELD, DEAD, UNHEARD)), UNKNOWN_TOKEN, Secret(f"{APP_ID}|{APP_SECRET.reveal()}")]
    moments = {int(asked.params["appsecret_time"]) for asked in graph.seen.requests if asked.proof == "timed"}
    assert moments, "no proof was sent"
    proofs = [proof_of(token, APP_SECRET, at) for token in tokens for at in (None, *moments)]
    keys = [APP_SECRET.reveal(), SEAL_KEY.reveal(), TOKEN_KEY.reveal()]
    return [*(token.reveal() for token in tokens), *proofs, *keys]


def spellings(plain: list[str]) -> list[bytes]:
    """Returns each text as it is, as JSON escapes it, and as an address escapes it."""
    ways = ((one, json.dumps(one)[1:-1], str(httpx2.URL("/", params={"": one}))[3:]) for one in plain)
    return sorted({spelled.encode() for spelled in chain.from_iterable(ways)})


def found_in(content: bytes, needles: list[bytes]) -> list[bytes]:
    """Returns the needles that are in the content."""
    return [needle for needle in needles if needle in content]


def files(directory: Path) -> Iterator[tuple[Path, bytes]]:
    """Yields every file below the folder with its content. The names count as content too."""
    for path in directory.rglob("*"):
        yield path, str(path.relative_to(directory)).encode() + (path.read_bytes() if path.is_file() else b"")


def open_files(service: Service) -> list[str]:
    """Returns the files that the process has open, without sockets, pipes, devices and files of the event loop."""
    directory = Path(f"/proc/{service.process.pid}/fd")
    links = [str(path.readlink()) for path in directory.iterdir()]
    assert any(link.startswith("socket:") for link in links)
    return [link for link in links if not link.startswith(("socket:", "pipe:", "anon_inode:", "/dev/"))]


def everything(client: redis.Redis) -> bytes:
    """Returns every key with its value, for keys of every type."""
    pairs: list[tuple[bytes, Any]] = list(values(client))
    return b"\n".join(_flat(pairs))


def _flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from _flat(list(value.items()))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _flat(one)


def test_content_and_secrets_of_graph_are_not_stored_or_logged(tmp_path: Path) -> None:
    """The content is not in Valkey or its files, DATA_DIR, logs of the most detailed level, temporary files, metrics or
    open files.

    Tokens, secrets, proofs and addresses of Graph are in none of these places, and in no answer of the service.
    """
    temporary, data = tmp_path / "temporary", tmp_path / "data"
    temporary.mkdir()
    data.mkdir()
    settings = {"LOG_LEVEL": "debug", "TMPDIR": str(temporary), "DATA_DIR": str(data)}
    heard = Heard()
    with ExitStack() as stack:
        extra = ["--rdbcompression", "no"]
        valkey = stack.enter_context(running("own", tmp_path / "valkey", persistent=True, extra=extra))
        client = stack.enter_context(redis.Redis.from_url(valkey.url))
        graph = stack.enter_context(running_facebook())
        pages = [canary_page(graph.world, page) for page in (PAGE, HELD, DEAD, UNHEARD)]
        service = stack.enter_context(serving_graph(valkey.url, tmp_path / "log", graph, **settings))
        operator = stack.enter_context(Operator(service.ops_url))
        shop = stack.enter_context(GraphShop(service.url))
        shop.client.event_hooks = {"response": [heard]}
        for page in pages[:3]:
            shop.bring(page)
        page = pages[0]
        post = page.node.edges["published_posts"][0]
        known = {
            "post": post.id,
            "comment": post.edges["comments"][0].id,
            "kept": page.conversations[PSID].edges["messages"][0].id,
            "live": page.node.edges["live_videos"][0].id,
            "conversation": page.conversations[PSID].id,
        }
        with Facebook(service.url) as facebook:
            sent = [{"type": "image", "payload": {"url": "https://cdn.example/kept.jpg"}}]
            part = from_customer(PAGE, PSID, now(), message={"mid": known["kept"], "attachments": sent})
            assert facebook.part(part, page=PAGE).status_code == 200
        ask_for_everything(shop, PAGE, known)
        for graph.world.customers in ("empty", "refused"):
            shop.items(PAGE, f"customers/{PSID}")
        graph.world.customers = "full"
        graph.world.live_videos_readable = False
        shop.items(PAGE, "live-videos", limit=2)
        graph.world.videos_readable = False
        shop.items(PAGE, "videos", limit=2)
        assert WORDS in "".join(heard.answers), "there is nothing to look for"
        misbehave(graph, shop)
        shop.get("/pages")
        assert {200, 400, 404, 409, 429, 502} == heard.statuses

        hidden = secrets(graph)
        content = spellings([CANARY, "canary", PHONE, PSID, *known.values(), *hidden])
        assert found_in(everything(client), content) == []
        assert client.save()
        kept = list(files(tmp_path / "valkey"))
        assert {".rdb", ".aof"} <= {path.suffix for path, _ in kept}
        assert [(path, found) for path, raw in kept if (found := found_in(raw, content))] == []
        assert list(files(temporary)) == list(files(data)) == []
        assert open_files(service) == [str(tmp_path / "log")] * 2, "its output, twice"
        assert found_in(operator.client.get("/metrics").content, content) == []
        assert service.terminate() == 0
        assert list(files(temporary)) == list(files(data)) == []

    log = (tmp_path / "log").read_bytes()
    assert log.count(b'"event":"request"') > 40, "there is too little in the log for this test to mean anything"
    assert log.count(b'"event":"graph_failed"') > 10
    assert found_in(log, [*content, *spellings(list(CALL_PARTS))]) == []
    for said in heard.refusals:
        # A refusal has `request_id` and the service's own words, and nothing that Graph or the caller wrote.
        assert found_in(said.encode(), content) == []
    assert found_in("".join(heard.answers).encode(), spellings(hidden)) == []
