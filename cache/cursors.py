"""Cursors: a place in one of a shop's lists, as a signed text. Pure.

A cursor is valid for one shop and one list, with any filter and limit, because it contains only times or numbers. They
mean the same with every filter.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from cache.errors import CursorRefused
from cache.signed_text import SignedText
from domain.ids import ShopId
from domain.secret import Secret

_SCORES: Final = {"m": Struct(">Q"), "c": Struct(">QQ"), "s": Struct(">Q"), "a": Struct(">QQ")}


class Cursors:
    """Writes and reads cursors of four kinds: the messages (`m`: one score), the conversations (`c`: when the walk
    began, one score), the stream (`s`: one score), the audit log (`a`: the two numbers of an entry's id).
    """

    def __init__(self, seal_keys: Sequence[Secret]) -> None:
        self._text = SignedText(seal_keys, "cursor")

    def write(self, shop: ShopId, kind: str, *scores: int) -> str:
        """Returns a place as a text.

        Raises:
            SealKeysMissing: there is no key to sign the text with.
        """
        return self._text.write(shop, kind.encode() + _SCORES[kind].pack(*scores))

    def read(self, shop: ShopId, kind: str, cursor: str) -> tuple[int, ...]:
        """Returns the scores.

        Raises:
            CursorRefused: this list of this shop has never answered with this cursor.
        """
        content = self._text.read(shop, cursor)
        if content is None or content[:1] != kind.encode():
            raise CursorRefused("This cursor is not one that this call has answered; begin again without it.")
        scores: tuple[int, ...] = _SCORES[kind].unpack(content[1:])
        return scores
