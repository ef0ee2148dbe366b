"""Graph on demand: measures the time that the service adds to a call of Facebook, and the delay of other Pages while
one Page stalls. The simulated Facebook runs in a separate process beside Valkey. It answers in half a millisecond. The
real Facebook takes a hundred milliseconds or more, so the service's share of the time is much smaller there.
"""

import asyncio
import sys
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson
import uvloop

from bench.caller import Caller, request
from bench.contestants.graph import APP_ID, token_of
from bench.effort import Effort, Say
from bench.figures import Figure, quantile
from bench.inbox import Inbox, inbox
from bench.load import APP_SECRET, Tenant, tenants
from bench.machine import on_core
from bench.processes import free_port, running
from domain.graph import GraphQuery
from graph_client.edges import ask_for
from graph_client.wire import HttpRequest, build

GROUP: Final = "fetch 50 items from Facebook"
READS: Final = 500
"""Calls of each kind in a round."""
WARM_UP: Final = 50
ITEMS: Final = 50

STALL_GROUP: Final = "200 readers of 50 Pages"
PAGES: Final = 50
READERS: Final = 4
"""Readers of each Page."""
PAUSE_SECONDS: Final = 1.0
"""Seconds between two reads of a person who looks through a Page. Without a pause, this would measure the limit of a
core."""
_ROUND: Final = 4
"""A round lasts for this number times the usual seconds of a load, so it has about a thousand reads. Ten of a thousand
are above the p99."""
_STALL: Final = 1.25
"""The stalled Page answers after this number times the seconds of a round: after the end of the round, but before the
service ends its try after 8 s."""

_SEAL_KEY: Final = b64encode(b"seal-key-of-the-benchmark-32-by.").decode()


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """Measure the added time first, and then the delay beside a stalled Page."""
    return [*_overhead(directory / "overhead", effort, say), *_stall(directory / "stall", effort, say)]


def _overhead(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """Alternate between the service and its reference: httpx2 on a keep-alive connection, with the JSON parsed."""
    (shop,) = tenants(1)
    reads = effort.count(READS)
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with _facebook(directory, [shop]) as url, inbox(directory, **_settings(url)) as own:
        _connect(own, [shop])
        with Caller(own.server.port) as caller:
            newest = caller.ask_json(own.get(shop, f"pages/{shop.page}/posts?limit=1"))["items"][0]["id"]
        asked = {
            "posts": (f"posts?limit={ITEMS}", GraphQuery("posts", shop.page, limit=ITEMS)),
            "comments": (f"posts/{newest}/comments?limit={ITEMS}", GraphQuery("comments", shop.page, newest, ITEMS)),
        }
        for number in range(effort.rounds):
            for name, (path, query) in asked.items():
                ours = own.get(shop, f"pages/{shop.page}/{path}")
                with Caller(own.server.port) as caller:
                    if len(caller.ask_json(ours)["items"]) != ITEMS:
                        raise RuntimeError(f"there are no {ITEMS} {name}")
                    caller.timed([ours] * WARM_UP)
                    found[name, "own"].append(quantile(caller.timed([ours] * reads), 0.5) * 1e6)
                with on_core("measured"):
                    taken = uvloop.run(_directly(_asked_directly(url, query), reads))
                found[name, "direct"].append(quantile(taken, 0.5) * 1e6)
            say(f"graph, round {number + 1}: posts p50 {found['posts', 'own'][-1]:.0f} us")
    beside = "httpx2 to Facebook"
    return [
        Figure(GROUP, f"{name}, p50", found[name, "own"], "us", beside, found[name, "direct"], at_most=1.3)
        for name in asked
    ]


async def _directly(request_: HttpRequest, reads: int) -> list[float]:
    """Returns the seconds of each call, with its JSON parsed."""
    headers = dict(request_.headers)
    taken = []
    async with httpx2.AsyncClient(trust_env=False) as client:
        for _ in range(WARM_UP + reads):
            began = time.perf_counter()
            answer = await client.get(request_.url, headers=headers)
            items = answer.json()["data"]
            taken.append(time.perf_counter() - began)
            if len(items) != ITEMS:
                raise RuntimeError(f"Facebook's stand-in answered {answer.status_code} and {len(items)} items")
    return taken[WARM_UP:]


def _stall(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """In every second round, one of the fifty Pages does not answer. Measure the reads of the other 49 Pages in all
    rounds."""
    *calm, stalled = tenants(PAGES + 1)
    others, healthy = calm[:-1], calm[-1]
    seconds = _ROUND * effort.seconds
    p99: dict[bool, list[float]] = defaultdict(list)
    stall = {"STALLED": stalled.page, "STALL_SECONDS": str(_STALL * seconds)}
    with _facebook(directory, [*calm, stalled], **stall) as url, inbox(directory, **_settings(url)) as own:
        _connect(own, [*calm, stalled])
        uvloop.run(_crowd(own, others, healthy, seconds))
        for number in range(effort.rounds):
            for stalls, last in ((False, healthy), (True, stalled)):
                taken = uvloop.run(_crowd(own, others, last, seconds))
                p99[stalls].append(quantile(taken, 0.99) * 1e3)
            say(f"graph, round {number + 1}: p99 of {len(taken):,} reads {p99[True][-1]:.0f} ms while a Page stalls")
    name = "the others' p99 while one stalls"
    return [Figure(STALL_GROUP, name, p99[True], "ms", "while none stalls", p99[False], at_most=1.1)]


async def _crowd(own: Inbox, others: Sequence[Tenant], last: Tenant, seconds: float) -> list[float]:
    """Let all readers read and pause in turn for this time. Returns the seconds of each read of the other Pages."""
    taken: list[float] = []
    apart: list[float] = []
    readers = [whose for whose in (*others, last) for _ in range(READERS)]
    async with asyncio.TaskGroup() as group:
        for number, whose in enumerate(readers):
            reads = _reads(own, whose, seconds, apart if whose is last else taken)
            # Readers start at different times.
            group.create_task(_after(PAUSE_SECONDS * number / len(readers), reads))
    return taken


async def _after(seconds: float, what: Coroutine[Any, Any, None]) -> None:
    await asyncio.sleep(seconds)
    await what


async def _reads(own: Inbox, whose: Tenant, seconds: float, taken: list[float]) -> None:
    asked = own.get(whose, f"pages/{whose.page}/posts?limit=10")
    stream, out = await asyncio.open_connection("127.0.0.1", own.server.port, limit=1 << 20)
    until = time.perf_counter() + seconds
    try:
        while (began := time.perf_counter()) < until:
            out.write(asked)
            head = (await stream.readuntil(b"\r\n\r\n")).lower()
            await stream.readexactly(int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]))
            if not head.startswith(b"http/1.1 200"):
                raise RuntimeError(f"a reader was answered {head[:40]!r}")
            taken.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        out.close()


@contextmanager
def _facebook(directory: Path, shops: Sequence[Tenant], **more: str) -> Iterator[str]:
    """Runs Graph on its own port beside Valkey, and yields its address."""
    port = free_port()
    environment = {
        "PORT": str(port),
        "PAGES": ",".join(shop.page for shop in shops),
        "FACEBOOK_APP_SECRET": APP_SECRET.reveal(),
        **more,
    }
    command = [sys.executable, "-m", "bench.contestants.graph"]
    with running(command, environment, directory / "graph.log", port=port, ready=(port, "/"), core="rest"):
        yield f"http://127.0.0.1:{port}"


def _settings(url: str) -> dict[str, str]:
    return {"GRAPH_URL": url, "FACEBOOK_APP_ID": APP_ID, "SEAL_KEYS": _SEAL_KEY}


def _connect(own: Inbox, shops: Sequence[Tenant]) -> None:
    with Caller(own.server.port) as caller:
        for shop in shops:
            body = orjson.dumps({"access_token": token_of(shop.page).reveal()})
            caller.ask(request("PUT", own.path(shop, f"pages/{shop.page}"), own.token, body))


def _asked_directly(url: str, query: GraphQuery) -> HttpRequest:
    """Returns the same request that the service sends, prepared once."""
    token = token_of(query.page)
    return build(ask_for(query), base_url=url, version="v26.0", token=token, app_secret=APP_SECRET, at=None)
