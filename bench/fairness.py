"""Fairness: measures how one shop delays the others. One shop with very many messages is read from end to end, is
watched by a thousand viewers, or is purged. The reads and deliveries of the other shops are timed with and without this
load.
"""

import multiprocessing
import random
import selectors
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

from app.server import raise_open_files
from bench.caller import Caller
from bench.effort import GRAND_MESSAGES, Effort, Say
from bench.figures import Figure, quantile
from bench.inbox import Inbox, inbox
from bench.load import Tenant, single_messages, tenants

GROUP: Final = "other shops' p99 beside one that is"
OTHERS: Final = 10
OTHERS_MESSAGES: Final = 10_000
MESSAGES: Final = 100_000
"""Messages of the large shop; a million with `--full`."""
VIEWERS: Final = 1_000
VIEWERS_SEE: Final = 20
"""Messages per second for the shop with viewers."""
ASKED: Final = 1_000
"""The number of reads, and of deliveries, in one measurement. Ten of a thousand are above the p99."""
AT_ONCE: Final = 50
MOST_ROUNDS: Final = 3
PATIENCE_SECONDS: Final = 120.0

Beside = Callable[[Inbox, Tenant, Event], None]


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """In each round, time the other shops alone, and then beside each of the three loads."""
    raise_open_files()
    big, *others = tenants(1 + OTHERS)
    count = GRAND_MESSAGES if effort.full else effort.count(MESSAGES)
    asked, viewers = effort.count(ASKED), effort.count(VIEWERS)
    cases: dict[str, Beside | None] = {
        f"read from end to end ({count:,} messages)": _walk,
        f"watched by {viewers:,}": lambda own, shop, end: _watch(own, shop, viewers, end),
        f"purged ({count:,} messages)": None,
    }
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    rng = random.Random()
    with inbox(directory / "fairness") as own:
        own.begin([big, *others])
        own.fill_texts(effort.count(OTHERS_MESSAGES), others, rng)
        for number in range(min(effort.rounds, MOST_ROUNDS)):
            with Caller(own.server.port) as caller:
                _note(found, "alone", _ask(own, others, caller, asked, lambda: False))
                own.fill_texts(count, [big], rng)
                for name, beside in cases.items():
                    if beside is None:
                        times = _purging(own, big, lambda over: _ask(own, others, caller, 0, over))
                    else:
                        with _apart(beside, own, big):
                            times = _ask(own, others, caller, asked, lambda: False)
                    _note(found, name, times)
            say(
                f"fairness, round {number + 1}: reads p99 alone {found['alone', 'reads'][-1]:.1f} ms, "
                + ", ".join(f"{name} {found[name, 'reads'][-1]:.1f} ms" for name in cases)
            )
    return [
        Figure(GROUP, f"{name}: {what}", found[name, what], "ms", "without it", found["alone", what], at_most=2.0)
        for name in cases
        for what in ("reads", "deliveries")
    ]


def _note(found: dict[tuple[str, str], list[float]], name: str, times: tuple[list[float], list[float]]) -> None:
    for what, taken in zip(("reads", "deliveries"), times, strict=True):
        found[name, what].append(quantile(taken, 0.99) * 1e3)


def _ask(
    own: Inbox, others: Sequence[Tenant], caller: Caller, asked: int, over: Callable[[], bool]
) -> tuple[list[float], list[float]]:
    """Returns the seconds of reads and of deliveries of the other shops. The shops take turns. Makes `asked` reads and
    `asked` deliveries. If `asked` is 0, continues until `over` returns True."""
    shops, rng = cycle(others), random.Random()
    reads: list[float] = []
    deliveries: list[float] = []
    caller.timed([own.newest(shop) for shop in others])
    while len(reads) < asked or (not asked and not (over() and reads)):
        reads += caller.timed([own.newest(next(shops)) for _ in range(AT_ONCE)])
        deliveries += caller.timed(single_messages(AT_ONCE, others, rng))
    return reads, deliveries


def _purging(
    own: Inbox, big: Tenant, ask: Callable[[Callable[[], bool]], tuple[list[float], list[float]]]
) -> tuple[list[float], list[float]]:
    """Returns the seconds of the other shops' calls between the purge's request and the end of the erasing."""
    began, over = time.perf_counter(), threading.Event()

    def purge() -> None:
        with Caller(own.server.port) as purger:
            receipt = purger.ask_json(own.delete(big, "messages"))
            while receipt["status"] != "complete" and time.perf_counter() - began < PATIENCE_SECONDS:
                time.sleep(0.05)
                receipt = purger.ask_json(own.get(big, f"purges/{receipt['purge_id']}"))
        over.set()

    thread = threading.Thread(target=purge)
    thread.start()
    try:
        return ask(over.is_set)
    finally:
        thread.join()


@contextmanager
def _apart(beside: Beside, own: Inbox, big: Tenant) -> Iterator[None]:
    """Runs a function in a separate process during the block."""
    context = multiprocessing.get_context("fork")
    ready, end = context.Event(), context.Event()

    def run() -> None:
        ready.set()
        beside(own, big, end)

    process = context.Process(target=run, daemon=True)
    process.start()
    ready.wait(PATIENCE_SECONDS)
    time.sleep(1.0)  # until the load is at its full level
    try:
        yield
    finally:
        end.set()
        process.join(PATIENCE_SECONDS)


def _walk(own: Inbox, big: Tenant, end: Event) -> None:
    """Read page after page, from the newest to the oldest, and repeat."""
    cursor = ""
    with Caller(own.server.port) as caller:
        while not end.is_set():
            cursor = caller.ask_json(own.newest(big, cursor))["next_cursor"] or ""


def _watch(own: Inbox, big: Tenant, viewers: int, end: Event) -> None:
    """Read the streams and send messages to them."""
    reading = selectors.DefaultSelector()
    opened: list[socket.socket] = []
    for _ in range(viewers):
        viewer = socket.create_connection(("127.0.0.1", own.server.port))
        viewer.sendall(own.get(big, "stream"))
        reading.register(viewer, selectors.EVENT_READ)
        opened.append(viewer)
    messages: Any = iter(single_messages(VIEWERS_SEE * int(PATIENCE_SECONDS), [big], random.Random()))
    following = time.perf_counter()
    with Caller(own.server.port) as caller:
        while not end.is_set():
            if time.perf_counter() >= following:
                following += 1 / VIEWERS_SEE
                caller.ask(next(messages))
            for key, _ in reading.select(timeout=1 / VIEWERS_SEE):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.recv(1 << 16)
    for viewer in opened:
        viewer.close()
