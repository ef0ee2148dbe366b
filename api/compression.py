"""Compresses answers for callers that accept compressed answers: `Accept-Encoding` with zstd or gzip.

A compressed list page of messages has a fifth of its original size. Compression can reveal text to an attacker who sees
the length of answers. If the attacker's own words are compressed together with secret words, each saved byte gives a
hint (https://www.breachattack.com). No answer holds a token, a key or text from a request, but one answer can hold
words of several customers. So each compressed answer ends with white space of a random length and kind.
"""

import zlib
from collections.abc import Callable
from typing import Final, Literal

import zstandard
from starlette.responses import Response

from api.call import NO_STORE

Coding = Literal["zstd", "gzip"]

LEAST_BYTES: Final = 1024
"""Compressing fewer bytes saves little, because the answer fits into one packet."""

_BLANKS: Final = bytes(b" \t\n\r"[byte % 4] for byte in range(256))
"""Turns a random byte into white space that JSON allows. Each of its characters is one of four, so it carries two bits.
Up to 127 characters become up to 32 compressed bytes.
"""
_GZIP: Final = 16 + zlib.MAX_WBITS


class Compression:
    """Compresses answers. `draw` returns the given number of random bytes."""

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        self._draw = draw

    def answer(self, content: bytes, accepted: str) -> Response:
        """Returns an answer with status 200 and JSON bytes. `accepted` is the request's `Accept-Encoding`, or empty if
        it is absent.
        """
        headers = {**NO_STORE, "Vary": "Accept-Encoding"}
        coding = coding_for(accepted) if len(content) >= LEAST_BYTES else None
        if coding is not None:
            headers["Content-Encoding"] = coding
            content = compressed(content + self._draw(self._draw(1)[0] // 2).translate(_BLANKS), coding)
        return Response(content, headers=headers, media_type="application/json")


def coding_for(accepted: str) -> Coding | None:
    """Returns the compression for this `Accept-Encoding` (RFC 9110, 12.5.3). zstd takes a fifth of gzip's time."""
    if not accepted:
        return None
    weights: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = _wanted(weight)
    other = weights.get("*", False)
    if weights.get("zstd", other):
        return "zstd"
    return "gzip" if weights.get("gzip", weights.get("x-gzip", other)) else None


def compressed(content: bytes, coding: Coding) -> bytes:
    """Compress at the fastest level, because other requests wait during the compression."""
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=1).compress(content)
    return zlib.compress(content, 1, wbits=_GZIP)


def _wanted(weight: str) -> bool:
    """Returns whether `q=...` is more than zero. A missing or unreadable weight counts as one."""
    name, _, value = weight.partition("=")
    return name.strip() != "q" or value.strip(" 0.") != "" or not value.strip()
