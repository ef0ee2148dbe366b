"""Cursors: a place in an index as an opaque word. Pure."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from struct import Struct
from typing import Final

from cache.errors import CursorRefused

_LONGEST: Final = 64
_SCORES: Final = {"m": Struct(">Q"), "c": Struct(">QQ"), "s": Struct(">Q"), "a": Struct(">Q")}
_LARGEST_SCORE: Final = 2**53 - 1
"""A ZSET's scores are doubles: above, neighbouring microseconds would fall together."""


def write_cursor(kind: str, *scores: int) -> str:
    """A place in the messages (`m`: one score), the conversations (`c`: when the walk began, one score), the stream
    (`s`: one score) or the audit log (`a`: a sequence).
    """
    return urlsafe_b64encode(kind.encode() + _SCORES[kind].pack(*scores)).rstrip(b"=").decode()


def read_cursor(kind: str, cursor: str) -> tuple[int, ...]:
    """The scores of a cursor of this kind.

    Raises:
        CursorRefused: we never handed this out for this question.
    """
    sentence = "This cursor is not one that this call has answered; begin again without it."
    try:
        raw = urlsafe_b64decode(cursor[:_LONGEST] + "=" * (-len(cursor) % 4))
    except (Error, ValueError):
        raise CursorRefused("invalid_cursor", sentence) from None
    form = _SCORES[kind]
    if raw[:1] != kind.encode() or len(raw) != 1 + form.size:
        raise CursorRefused("invalid_cursor", sentence)
    scores: tuple[int, ...] = form.unpack(raw[1:])
    if max(scores) > _LARGEST_SCORE or write_cursor(kind, *scores) != cursor:
        raise CursorRefused("invalid_cursor", sentence)
    return scores
