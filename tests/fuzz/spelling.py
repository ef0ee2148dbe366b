"""One JSON value in its many spellings with the same meaning. A reader that understands only Facebook's spelling fails.

This module does not use the code under test.
"""

import json
import random
import re
from collections.abc import Iterable
from typing import Any, Final

Pairs = list[tuple[str, Any]]
"""An object as its members, in their order. A name may occur twice, and the last one counts (RFC 8259, 4)."""

_SPACES: Final = ("", "", "", " ", "\n", "\t ", "\r\n  ")
_HALVES: Final = re.compile("[\ud800-\udfff]")
_LETTERS: Final = re.compile(r"(?<![\\\w])[a-z](?=\w)")
"""Letters that begin a word, and therefore are no part of an escape."""


class Members:
    """An object that is written as these pairs."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        self.pairs = list(pairs)


def spelled(value: Any, rng: random.Random) -> bytes:
    """Returns the value as JSON, with `Members` as objects. Escapes, spaces and the order of members vary, and there
    may be a byte order mark."""
    spelling = _Spelling(rng)
    text = spelling.of(value)
    try:
        return (b"\xef\xbb\xbf" if rng.random() < 0.02 else b"") + text.encode()
    except UnicodeEncodeError:  # half an emoji, which UTF-8 cannot carry: it can only be escaped
        return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode()


class _Spelling:
    """The spelling of one body."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._plain = rng.random() < 0.5
        self._write = json.JSONEncoder(ensure_ascii=rng.random() < 0.7).encode

    def of(self, value: Any) -> str:
        """Returns the text of a value."""
        if isinstance(value, Members):
            return "{" + ",".join([self._member(name, item) for name, item in value.pairs]) + self._space() + "}"
        if isinstance(value, dict):
            pairs = list(value.items())
            if not self._plain:
                self._rng.shuffle(pairs)
            return "{" + ",".join([self._member(name, item) for name, item in pairs]) + self._space() + "}"
        if isinstance(value, list):
            return "[" + ",".join([self._space() + self.of(item) for item in value]) + "]"
        written = self._write(value)
        if self._plain or not isinstance(value, str) or self._rng.random() < 0.7:
            return written
        # Any character may be escaped, a slash in one way more.
        return _LETTERS.sub(lambda found: f"\\u{ord(found[0]):04X}", written.replace("/", "\\/"), count=3)

    def _member(self, name: str, item: Any) -> str:
        return f"{self._space()}{self.of(name)}{self._space()}:{self.of(item)}"

    def _space(self) -> str:
        return "" if self._plain else self._rng.choice(_SPACES)
