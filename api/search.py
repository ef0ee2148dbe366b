"""Pure: decides which messages and conversations match a search. They are stored encrypted, so each one is decrypted
and examined.

Texts are compared without case and spaces, and with digits of any script as Latin digits. So `ទូរស័ព្ទ` also finds the
word with an invisible space in it. A telephone number is found in any form: with or without +855, in any grouping.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import orjson

from api.phone_characters import plain_text
from api.phones import CHARACTERS
from domain.kept import KeptConversation, KeptMessage

Has = Literal["phone", "photo", "location", "audio", "file"]
"""The filter for the content of a message: a telephone number in its text, a picture that is not a sticker, a place, a
recording, a file."""

_NUMBER: Final = re.compile(r"[+(]*[0-9](?:[-./()~]*[0-9]){5,}")
"""Matches six digits or more, with the characters that people put between digits. Such digits are also compared as a
telephone number.
"""
_BETWEEN: Final = re.compile(r"(?<=[0-9])[-./()~]+(?=[0-9])")
_COUNTRY: Final = "855"
_FEWEST_DIGITS: Final = 6
"""The minimum number of digits without the prefix. Fewer digits occur in too many texts."""

FindNumbers = Callable[[bytes], list[str]]
"""Returns the telephone numbers in a message's content."""


MARKS_TOGETHER: Final = 30
"""The number of combining marks in a row that are compared. Further marks are left out. Normalization sorts them, in a
time that grows with the square of their number. https://unicode.org/reports/tr15/#Stream_Safe_Text_Format"""


@cache
def _long_marks() -> re.Pattern[str]:
    marks = "".join(filter(unicodedata.combining, map(chr, range(0x300, 0x1F000))))
    return re.compile(f"([{marks}]{{{MARKS_TOGETHER}}})[{marks}]+")


def folded(text: str) -> str:
    """Returns the form in which texts are compared."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", _long_marks().sub(r"\1", text))
    return "".join(plain_text(text).casefold().split())


@dataclass(frozen=True, slots=True)
class Search:
    """The search filters. Every given filter must match. `expires_before` is in milliseconds."""

    q: str | None = None
    has: Has | None = None
    answered: bool | None = None
    expires_before: int | None = None

    def of_messages(self, find_numbers: FindNumbers) -> Callable[[KeptMessage], bool]:
        """Returns a function that says whether a message matches."""
        words = None if self.q is None else folded(self.q)
        number = None if words is None or not _NUMBER.fullmatch(words) else _national(words)

        def fits(message: KeptMessage) -> bool:
            if self.expires_before is not None and message.expires_at >= self.expires_before:
                return False
            if self.has == "phone" and not find_numbers(message.content):
                return False
            if words is None and self.has in {None, "phone"}:
                return True
            content = orjson.loads(message.content)
            if self.has not in {None, "phone"} and not any(map(self._is_wanted, content.get("attachments", ()))):
                return False
            return words is None or any(_contains(text, words, number) for text in _texts(content))

        return fits

    def of_conversations(self, find_numbers: FindNumbers) -> Callable[[KeptConversation], bool]:
        """Returns a function that says whether a conversation matches by its last message. A conversation counts as
        answered if its last message is from the Page.
        """
        fits_message = self.of_messages(find_numbers)

        def fits(conversation: KeptConversation) -> bool:
            last = conversation.last_message
            if self.answered is not None and self.answered != (orjson.loads(last.content)["direction"] == "out"):
                return False
            return fits_message(last)

        return fits

    def _is_wanted(self, attachment: dict[str, Any]) -> bool:
        if self.has == "photo":
            return attachment["type"] == "image" and "sticker_id" not in attachment
        if self.has == "location":
            return attachment["type"] == "location" or "coordinates" in attachment
        return bool(attachment["type"] == self.has)


def _national(number: str) -> str | None:
    """Returns the digits that every form of the number has, or None if they are too few."""
    digits = re.sub("[^0-9]", "", number).lstrip("0")
    if digits.startswith(_COUNTRY) and len(digits) >= len(_COUNTRY) + _FEWEST_DIGITS:
        digits = digits.removeprefix(_COUNTRY).lstrip("0")
    return digits if len(digits) >= _FEWEST_DIGITS else None


def _contains(text: str, words: str, number: str | None) -> bool:
    text = folded(text)
    return words in text or (number is not None and number in _BETWEEN.sub("", text))


def _texts(content: dict[str, Any]) -> Iterator[str]:
    """Yields the parts of a message that people see as text, up to CHARACTERS characters in all."""
    left = CHARACTERS
    titles = [content.get("postback", {}).get("title"), *(one.get("title") for one in content.get("attachments", ()))]
    for text in (content.get("text"), *titles):
        if isinstance(text, str) and left > 0:
            yield text[:left]
            left -= len(text)
