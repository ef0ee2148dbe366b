"""A shop as Facebook sees it, and what must be readable: a simple model of whole deliveries.

`delivery` draws events, gives them to the model, and writes them in some spelling. The model gets the events and not
the bodies.
"""

import random
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.fuzz.spelling import Members, spelled

PAGES: Final = 2
REMEMBERED: Final = 20
"""Recent deliveries, which may be repeated."""
DAY: Final = 86_400_000
TEXTS: Final = (
    *("hello", "សួស្តីបង", "\U0001f64f\U0001f1f0\U0001f1ed", "012 345 678", "", " ", "</script>", 'a "quoted" \\ one'),
    *("line\nbreak\ttab\u0000nul\u001f", "half \ud83d", "\udc4d other half", "\u2028\u2029", "\ufffd", "x" * 700),
)
POISON: Final[tuple[Any, ...]] = (
    *(None, 0, -1, 1e300, True, "message", [], [[]], {}, {"message": {}}, {"message": 7}, {"message": []}),
    *({"sender": {"id": []}, "message": {"mid": "m", "text": "x"}}, {"message": {"mid": {}}}, {"message_edit": 1}),
    *({"postback": "x"}, {"sender": 1, "recipient": 2, "message": {"mid": "m"}}, {"unknown_key": {"a": [1, {}]}}),
    *({"timestamp": 10**40}, {"sender": {"id": "1" * 200}, "message": {"mid": "m", "text": "too long an id"}}),
)
"""Elements without anything to keep."""
EXTRAS: Final[tuple[tuple[str, Any], ...]] = (
    *(("a", None), ("nlp", {"entities": {"x": [{"confidence": 0.98765, "value": -1e-9}]}}), ("tags", {"source": ""})),
    *(("big", 2**70), ("neg", -(2**63)), ("deep", [[[[[[[[[[]]]]]]]]]]), ("half", "\ud83d"), ("is_new", False)),
)
"""Members that no documentation has."""

_HALVES: Final = re.compile("[\ud800-\udfff]")

Key = tuple[str, str]
"""A Page and a message id. The same id at another Page is another message."""


@dataclass(frozen=True)
class Kept:
    """A message as a shop reads it."""

    page: str
    customer: str
    direction: str
    kind: str
    text: str | None
    attachments: tuple[str, ...] = ()
    standby: bool = False
    edits: int = 0


@dataclass(frozen=True)
class Waiting:
    """An edit whose message has not arrived."""

    number: int
    text: str


GONE: Final = "gone"
Cell = Kept | Waiting | str
Change = Callable[[Cell | None], Cell | None]


def arrives(message: Kept) -> Change:
    """Store a new message, with the edit that came before it."""

    def change(cell: Cell | None) -> Cell | None:
        if cell is None:
            return message
        if isinstance(cell, Waiting):
            return replace(message, text=cell.text, edits=cell.number)
        return cell

    return change


def edited(number: int, text: str) -> Change:
    """Keep the edit with the highest number, in every order."""

    def change(cell: Cell | None) -> Cell | None:
        if cell is None or (isinstance(cell, Waiting) and number > cell.number):
            return Waiting(number, text)
        if isinstance(cell, Kept) and number > cell.edits:
            return replace(cell, text=text, edits=number)
        return cell

    return change


def taken_back(_: Cell | None) -> Cell:
    """Apply the unsend for ever, also before the message has arrived."""
    return GONE


def said(text: str) -> str:
    """Returns the text as it is stored: half an emoji is replaced."""
    return _HALVES.sub("\ufffd", text)


class World:
    """One shop. It draws everything from `rng`. `number` makes its names unique."""

    def __init__(self, number: int, rng: random.Random) -> None:
        self.shop = f"fuzz-{number}"
        self.pages = [str(204_200_000_000_000 + number * PAGES + n) for n in range(PAGES)]
        self._rng = rng
        self._cells: dict[Key, Cell] = {}
        self._sent: deque[tuple[bytes, list[tuple[Key, Change]]]] = deque(maxlen=REMEMBERED)
        self._mids = 0
        self._happened: list[tuple[Key, Change]] = []

    def readable(self) -> dict[Key, Kept]:
        """Returns exactly what the shop must read."""
        return {key: cell for key, cell in self._cells.items() if isinstance(cell, Kept)}

    def delivery(self) -> bytes:
        """Returns the next body. The model has already processed it."""
        rng = self._rng
        if self._sent and rng.random() < 0.1:
            body, happened = rng.choice(self._sent)
        else:
            self._happened = []
            body = self._body()
            happened = self._happened
            self._sent.append((body, happened))
        for key, change in happened:
            cell = change(self._cells.get(key))
            if cell is not None:
                self._cells[key] = cell
        return body

    def _body(self) -> bytes:
        rng = self._rng
        entries = [self._entry() for _ in range(1 if rng.random() < 0.7 else rng.randint(0, 4))]
        pairs: list[tuple[str, Any]] = [("object", "page"), ("entry", entries)]
        if rng.random() < 0.1:
            pairs.insert(0, ("object", "user"))
        if rng.random() < 0.1:
            pairs.insert(rng.randrange(2), ("entry", [{"id": self.pages[0], "messaging": [{"message": None}]}]))
        if rng.random() < 0.1:
            pairs.append(rng.choice(EXTRAS))
        if rng.random() < 0.2:
            pairs.reverse()
            pairs = [*dict(reversed(pairs)).items()]
        return spelled(Members(pairs), rng)

    def _entry(self) -> Any:
        rng = self._rng
        if rng.random() < 0.04:
            return rng.choice((None, 5, "entry", [], {"id": {}}, {"id": self.pages[0], "messaging": {}}))
        known = rng.random() < 0.95
        page = rng.choice(self.pages) if known else "204100000000001"
        named = rng.random() < 0.95
        entry: list[tuple[str, Any]] = [("time", self._moment())]
        for name in rng.choice((("messaging",),) * 4 + (("messaging", "standby"), ("standby", "messaging"))):
            count = 1 if rng.random() < 0.6 else rng.randint(0, 6)
            entry.append((name, [self._element(page, known, named, name == "standby") for _ in range(count)]))
        if rng.random() < 0.1:
            entry.append(("changes", [{"field": "feed", "value": rng.choice(({"item": "comment"}, None, 7))}]))
        if named:
            entry.insert(rng.randrange(len(entry) + 1), ("id", self._id(page)))
        return Members(entry)  # of two messages with one id the first counts, because the lists keep their order

    def _element(self, page: str, known: bool, named: bool, standby: bool) -> Any:
        rng = self._rng
        if rng.random() < 0.08:
            return rng.choice(POISON)
        customer = str(7_000_000_000_000_000 + rng.randrange(3) if rng.random() < 0.9 else 10**29 + rng.randrange(2))
        draw = rng.random()
        if not named and draw >= 0.5:
            draw = 0.0
        element: dict[str, Any] = {"sender": self._who(customer), "recipient": self._who(page)}
        if draw < 0.5:
            self._message(element, page, customer, known, standby)
        elif draw < 0.65:
            element["sender"], element["recipient"] = element["recipient"], element["sender"]
            self._message(element, page, customer, known, standby, echo=True)
        elif draw < 0.8:
            self._edit(element, page, known)
        elif draw < 0.88:
            mid = self._some_mid(page)
            element["message"] = {"mid": mid, "is_deleted": rng.choice((True, "true", 1))}
            element["timestamp"] = self._moment()
            self._happens(known, page, mid, taken_back)
        elif draw < 0.94:
            self._postback(element, page, customer, known, standby)
        else:
            element |= rng.choice(
                ({"read": {"watermark": 1}}, {"delivery": {"mids": ["m"]}}, {"reaction": {"mid": "m", "emoji": "x"}})
            )
        if rng.random() < 0.15:
            element.update([rng.choice(EXTRAS)])
        return element

    def _message(
        self, element: dict[str, Any], page: str, customer: str, known: bool, standby: bool, *, echo: bool = False
    ) -> None:
        rng = self._rng
        mid = self._new_mid() if rng.random() < 0.7 else self._some_mid(page)
        text = None if rng.random() < 0.15 else rng.choice(TEXTS)
        urls = [f"https://cdn.example/{n}?a=1&b=<2>" for n in range(rng.randint(0, 3) if rng.random() < 0.2 else 0)]
        content: list[tuple[str, Any]] = [("mid", mid)]
        if text is not None:
            if rng.random() < 0.05:
                content.append(("text", "an earlier member of the same name"))
            content.append(("text", text))
        if urls:
            content.append(("attachments", [{"type": "image", "payload": {"url": url}} for url in urls]))
        if echo:
            content.append(("is_echo", rng.choice((True, "true", 1))))
        elif rng.random() < 0.1:
            content.append(("is_echo", rng.choice((False, "false", 0, None))))
        if rng.random() < 0.1:
            content.append(rng.choice(EXTRAS))
        element["message"] = Members(content)
        old = rng.random() < 0.03
        element["timestamp"] = self._moment(10 * DAY if old else 0)
        direction = "out" if echo else "in"
        words = None if text is None else said(text)
        if not old:
            kept = Kept(page, customer, direction, "message", words, tuple(urls), standby)
            self._happens(known, page, mid, arrives(kept))

    def _edit(self, element: dict[str, Any], page: str, known: bool) -> None:
        rng = self._rng
        mid, number = self._some_mid(page), rng.randint(1, 5)
        # An edit with the same number has the same text, because it is not defined which text would count.
        text = f"edit {number}: {TEXTS[number]}"
        told: Any = str(number) if rng.random() < 0.3 else number
        element["message_edit"] = {"mid": mid, "text": text, "num_edit": told}
        element["timestamp"] = self._moment()
        self._happens(known, page, mid, edited(number, said(text)))

    def _postback(self, element: dict[str, Any], page: str, customer: str, known: bool, standby: bool) -> None:
        mid = self._new_mid()
        element["postback"] = {"mid": mid, "title": "ចាប់ផ្តើម", "payload": "GET_STARTED"}
        element["timestamp"] = self._moment()
        self._happens(known, page, mid, arrives(Kept(page, customer, "in", "postback", None, (), standby)))

    def _happens(self, known: bool, page: str, mid: str, change: Change) -> None:
        if known:
            self._happened.append(((page, mid), change))

    def _new_mid(self) -> str:
        self._mids += 1
        return f"m_{self._mids}" if self._mids % 7 else f"m_{self._mids}/សារ+=="

    def _some_mid(self, _page: str) -> str:
        """Returns an id that was used or will be used."""
        number = max(1, self._mids + self._rng.randint(-8, 2))
        return f"m_{number}" if number % 7 else f"m_{number}/សារ+=="

    def _who(self, number: str) -> dict[str, Any]:
        who: dict[str, Any] = {"id": self._id(number)}
        if self._rng.random() < 0.05:
            who["user_ref"] = None
        return who

    def _id(self, digits: str) -> str | int:
        return int(digits) if self._rng.random() < 0.1 else digits

    def _moment(self, ago: int = 0) -> Any:
        now = time.time_ns() // 1_000_000 - ago
        forms: tuple[Any, ...] = (now, now, now, str(now), now // 1000, float(now))
        return self._rng.choice(forms if ago else (*forms, None, 0, "yesterday"))


def garbled(body: bytes, rng: random.Random) -> bytes:
    """Returns a body with some bytes changed, doubled, removed or moved, or with its end cut off."""
    broken = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at, size = rng.randrange(len(broken) + 1), rng.randint(1, 12)
        draw = rng.random()
        if draw < 0.3:
            broken[at : at + 1] = bytes([rng.randrange(256)])
        elif draw < 0.5:
            broken[at:at] = rng.choice(
                (b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\u", b"1e999", b"-", b"\xff", b"0")
            )
        elif draw < 0.7:
            del broken[at : at + size]
        elif draw < 0.9:
            broken[at:at] = broken[at : at + size] * rng.choice((1, 2, 300))
        else:
            del broken[at:]
    return bytes(broken)
