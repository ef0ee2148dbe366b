"""Failures of Facebook that tests script: errors, throttling, stalls, cut connections, broken answers. `Faults` chooses
the failure and `graph` carries it out. A test can use `Faults` from another thread.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from simulator.graph_gate import Barrier
from simulator.graph_refusals import GraphErrorAnswer
from simulator.serialize import Document

Headers = tuple[tuple[str, str], ...]
UsageKind = Literal["pages", "messenger"]


@dataclass(frozen=True, slots=True)
class Fine:
    """No failure: the call is answered as usual. A script has it in the place of a call that succeeds."""


@dataclass(frozen=True, slots=True)
class Fails:
    """An error with this code. With `status` 200 it is inside an answer that looks successful. `extra` are more keys of
    the error."""

    code: int
    subcode: int | None = None
    status: int = 400
    message: str = "An unexpected error has occurred."
    is_transient: bool | None = None
    headers: Headers = ()
    extra: Document = field(default_factory=dict)

    def document(self, trace: str) -> Document:
        """The body."""
        refusal = GraphErrorAnswer(self.code, self.message, subcode=self.subcode, is_transient=self.is_transient)
        document = refusal.document(trace)
        document["error"] |= self.extra
        return document


@dataclass(frozen=True, slots=True)
class Stalls:
    """Delays the usual answer by some seconds, or until the barrier opens."""

    until: Barrier | float


@dataclass(frozen=True, slots=True)
class Cuts:
    """The connection ends in the middle of the body, or before the first byte with `at_once`."""

    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Says:
    """An answer that is not Graph's JSON."""

    status: int
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Pads:
    """The usual answer with a number of padding bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class Alters:
    """Changes the usual answer. `change` returns a new document, or changes its argument and returns None."""

    change: Callable[[Document], object]


Fault = Fine | Fails | Stalls | Cuts | Says | Pads | Alters

OUTAGE = Says(503, b"<!DOCTYPE html><html><head><title>Error</title></head><body>Sorry, something went wrong.</body>")
"""The answer from the edge of Facebook's network when Graph does not answer."""
NULL = Says(200, b"null", "application/json")
EMPTY = Says(200, b"", "application/json")


def redirects(to: str) -> Says:
    """Redirects the caller, with all that it sends, to another address."""
    return Says(302, b"", headers=(("location", to),))


def without(*keys: str) -> Alters:
    """Removes these keys from the top level of the answer: `summary`, `paging`, even `data`."""

    def change(document: Document) -> Document:
        return {key: value for key, value in document.items() if key not in keys}

    return Alters(change)


def throttles(
    code: int = 80001, *, page: str | None = None, kind: UsageKind = "pages", minutes: int = 0, message: str = ""
) -> Fails:
    """Refuses a caller that calls too often. A header says how long the refusal lasts (for one Page, if `page` is
    given). The codes 4 and 341 concern the whole app. They come with the app's own header, which names no time.
    """
    headers: Headers = ()
    if code in (4, 341):
        headers = ((APP_USAGE, _app_counters(100)),)
    if page is not None:
        headers = ((BUSINESS_USAGE, json.dumps({page: [_counters(kind, 100, minutes)]})),)
    sentence = message or f"(#{code}) There have been too many calls to this Page account. Wait a bit and try again."
    return Fails(code, message=sentence, is_transient=True, headers=headers)


APP_USAGE = "x-app-usage"
BUSINESS_USAGE = "x-business-use-case-usage"


def _counters(kind: UsageKind, calls: int, minutes: int) -> Document:
    return {
        "type": kind,
        "call_count": calls,
        "total_cputime": calls,
        "total_time": calls,
        "estimated_time_to_regain_access": minutes,
    }


def _app_counters(calls: int) -> str:
    return json.dumps({"call_count": calls, "total_time": calls, "total_cputime": calls})


@dataclass(slots=True)
class _Script:
    where: str | None
    faults: deque[Fault]
    forever: bool


class Faults:
    """The scripted failures, and the lasting settings: usage headers, and the limit above which Graph asks for
    less.

    A call with a `limit` above `reduce_above` is answered "Please reduce the amount of data". None allows every limit.
    `too_large` maps the id of an item that is too large by itself to a level. Level 1 refuses any field that is a part,
    a list or an edge. Level 2 refuses all fields except the id and the times.
    """

    def __init__(self) -> None:
        self.reduce_above: int | None = None
        self.too_large: dict[str, int] = {}
        self.closing = Barrier()
        self._lock = threading.Lock()
        self._scripts: list[_Script] = []
        self._usage: dict[str, dict[str, Document]] = {}
        self._app_usage: str | None = None

    def script(self, where: str | None, *faults: Fault, times: int | None = 1) -> None:
        """Apply these faults to the next calls in this order, one fault per call.

        `where` is a Page's id (for all calls with this Page's token), a part of the path, or None for every call. The
        list is repeated `times` times, or without end if `times` is None. If several lists match a call, the first list
        is used.
        """
        with self._lock:
            self._scripts.append(_Script(where, deque(faults * (times or 1)), times is None))

    def take(self, path: str, page: str | None) -> Fault:
        """Returns the fault for this call."""
        if not self._scripts:
            return Fine()
        with self._lock:
            for script in self._scripts:
                if script.faults and (script.where is None or script.where == page or script.where in path):
                    fault = script.faults.popleft()
                    if script.forever:
                        script.faults.append(fault)
                    elif not script.faults:
                        self._scripts.remove(script)
                    return fault
        return Fine()

    def left(self) -> int:
        """Returns the number of faults that were not used yet. A fault without an end counts once."""
        return sum(len(script.faults) for script in self._scripts)

    def usage(self, page: str, kind: UsageKind = "pages", *, call_count: int, regain_minutes: int = 0) -> None:
        """Give every answer to a Page a usage header, in per cent, until `clear`."""
        counters = _counters(kind, call_count, regain_minutes)
        self._usage = {**self._usage, page: {**self._usage.get(page, {}), kind: counters}}

    def app_usage(self, call_count: int) -> None:
        """Give every answer a usage header for the app, in per cent, until `clear`."""
        self._app_usage = _app_counters(call_count)

    def headers(self, page: str | None) -> Sequence[tuple[str, str]]:
        """The usage headers of an answer to a Page."""
        if self._app_usage is None and not self._usage:
            return ()
        found = [] if self._app_usage is None else [(APP_USAGE, self._app_usage)]
        if page is not None and (kinds := self._usage.get(page)):
            found.append((BUSINESS_USAGE, json.dumps({page: list(kinds.values())})))
        return found

    def clear(self) -> None:
        """Remove all faults. A call that waits at a barrier continues to wait until the barrier opens."""
        with self._lock:
            self._scripts.clear()
        self._usage, self._app_usage, self.reduce_above, self.too_large = {}, None, None, {}

    def close(self) -> None:
        """End every stalled call without an answer."""
        self.closing.open()
