"""Answers made smaller for callers who say that they can read them so: `Accept-Encoding` with zstd or gzip.

A page of messages becomes a fifth. Who sees only how long the answers on the wire are, and may have words of their own
compressed together with words they want to guess, learns from each byte saved (https://www.breachattack.com). No answer
holds a token, a key or anything that a request has sent; but a customer's words stand beside other customers'. So each
compressed answer ends with white space of a random length and kind.
"""

import zlib
from collections.abc import Callable
from typing import Final, Literal

import zstandard
from starlette.responses import Response

from api.call import NO_STORE

Coding = Literal["zstd", "gzip"]

LEAST_BYTES: Final = 1024
"""Below, little is saved: all of it travels in one packet."""

_BLANKS: Final = bytes(b" \t\n\r"[byte % 4] for byte in range(256))
"""White space that JSON allows; one of four tells two bits, so that up to 127 of them are up to 32 bytes compressed."""
_GZIP: Final = 16 + zlib.MAX_WBITS


class Compression:
    """`draw` gives so many random bytes."""

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        self._draw = draw

    def answer(self, content: bytes, accepted: str) -> Response:
        """200 and what is JSON already; `accepted` is the request's `Accept-Encoding`, empty where there is none."""
        headers = {**NO_STORE, "Vary": "Accept-Encoding"}
        coding = coding_for(accepted) if len(content) >= LEAST_BYTES else None
        if coding is not None:
            headers["Content-Encoding"] = coding
            content = compressed(content + self._draw(self._draw(1)[0] // 2).translate(_BLANKS), coding)
        return Response(content, headers=headers, media_type="application/json")


def coding_for(accepted: str) -> Coding | None:
    """What to compress with for this `Accept-Encoding` (RFC 9110, 12.5.3); zstd costs a fifth of gzip's time."""
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
    """At the quickest level: the time is taken from everybody else's requests."""
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=1).compress(content)
    return zlib.compress(content, 1, wbits=_GZIP)


def _wanted(weight: str) -> bool:
    """Whether `q=...` is more than zero; without one, and where it cannot be read, it is taken for one."""
    name, _, value = weight.partition("=")
    return name.strip() != "q" or value.strip(" 0.") != "" or not value.strip()
