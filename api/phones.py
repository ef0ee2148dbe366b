"""Pure: the telephone numbers in a message, found when it is read; they are never stored apart.

A Cambodian number is taken as people there write it: with its 0, with +855, 855 or 00855, in any grouping, in Latin,
Khmer, Thai or wide digits, with the invisible characters that Khmer text holds. Another country's needs its + or 00.
`phone_plans` knows which numbers can exist; the rest tells them from prices, dates, orders and accounts, by the words
around (`phone_words`) and by how the digits are grouped.
"""

import re
from collections.abc import Sequence
from typing import Final

import orjson

from api.phone_plans import BEGINNINGS, MOST, Plans
from api.phone_words import Said, goes_on_as_other, said_before

_MOST_RUNS: Final = 40
"""Rows of digits that are looked at in one text; `phone_plans` bounds what each may cost."""
_LOOK_BACK: Final = 40
"""Characters before a number in which a word may say what it is."""

DIGITS: Final = {
    ord(first) + value: str(value)
    for first in "០๐０"
    for value in range(10)  # Khmer, Thai, full width
}
_SPACES: Final = dict.fromkeys([*range(0x2000, 0x2010), *range(0x2028, 0x2030), *range(0x205F, 0x2065)], " ") | {
    **dict.fromkeys([*range(0x2066, 0x206A), 0x9, 0xA0, 0x3000, 0x17B4, 0x17B5, 0xFEFF], " "),
    **dict.fromkeys([0x2028, 0x2029, 0xD], "\n"),
}
"""Whatever is invisible parts digits as a space does. 17B4 and 17B5 are Khmer's vowels without a shape."""
_SIGNS: Final = dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFF0D], "-") | {
    **{ord(wide): narrow for wide, narrow in zip("（）＋．／：，", "()+./:,", strict=True)},
    **dict.fromkeys([0xAD, 0xFE0F, 0x20E3]),  # a soft hyphen, and what makes a digit a key with a digit on it
}
_PLAIN: Final = DIGITS | _SPACES | _SIGNS
_ODD = re.compile("[" + re.escape("".join(map(chr, _PLAIN))) + "]+")

_CHAT_LINK = re.compile(r"(?:https?://)?(?:t\.me|wa\.me|zalo\.me)/", re.IGNORECASE)
_WORD = re.compile(r"[!-+\-.-:<-~]+")
"""Up to a space, a comma or a letter that no address has."""
_ADDRESS = re.compile(
    r"https?://[!-~]+|www\.[!-~]+|(?:\.[a-z]{2,9}){1,3}/[!-~]*"
    r"|\*\d[\d*]{1,30}#",  # dialled for a balance, not for a person
    re.IGNORECASE,
)
# It begins with a plain digit so that a search passes over words quickly.
_MEASURE = re.compile(
    r"[0-9](?<![0-9/.-][0-9])(?:[0-9]?([/.-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})|[0-9]{3}([/.-])[0-9]{1,2}\2[0-9]{1,2})"
    r"(?![/.-]?[0-9])"  # a date
    r"|[0-9](?<![0-9][0-9])[0-9]?:[0-9]{2}(?::[0-9]{2})?(?![0-9])"  # a time
    r"|[0-9]{1,3}\.[0-9]{4,15},\s?[0-9]{1,3}\.[0-9]{4,15}"  # a place on the map
)
_RUN = re.compile(r"[0-9](?:[ \-./()~]{0,3}[0-9]){7,150}")
_PLUS = re.compile(r"(?:\+ ?\(?|\(\+)$")
_GROUPS = re.compile("([0-9]+)")
_BREAK = re.compile("[\n,;!?。，។0-9]")

_SPOKEN: Final = (b'"text":"', b'"payload":"')
"""Where a telephone number may stand in a message's JSON."""
_VALUE = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*')
"""The rest of a JSON string up to its closing quote."""
_ENOUGH_DIGITS = re.compile("[0-9០-៩๐-๙０-９](?:[^0-9០-៩๐-๙０-９]{0,9}[0-9០-៩๐-๙０-９]){7}")
"""Eight digits with at most three separators between two; a digit drawn as a key is followed by two more signs. No part
of it can match in two ways, so that a text of prices is passed over in one go."""


def with_phone_numbers(item: bytes) -> bytes:
    """A message's JSON, or that of a conversation with its `last_message`, with `phone_numbers` where there are any."""
    return with_numbers(item, *in_item(item))


def with_numbers(item: bytes, numbers: Sequence[str], nested: bool) -> bytes:
    """The JSON with these numbers; `nested` is whether its message is the `last_message` of a conversation."""
    if not numbers:
        return item
    end = -2 if nested else -1  # `last_message` stands last
    return b'%b,"phone_numbers":%b%b' % (item[:end], orjson.dumps(numbers), item[end:])


def in_item(item: bytes) -> tuple[list[str], bool]:
    """The numbers in a message's JSON, and whether it is nested in a conversation's.

    Most messages hold too few digits and are not even parsed; of those it is not said.
    """
    if not _may_hold_a_number(item):
        return [], False
    message = orjson.loads(item)
    nested = "last_message" in message
    if nested:
        message = message["last_message"]
    found = in_text(message.get("text") or "")
    payload = (message.get("quick_reply") or {}).get("payload")
    if isinstance(payload, str) and _RUN.fullmatch(plain_text(payload).strip(" +(")):
        # A quick reply of the type user_phone_number sends nothing else. Any other payload is the shop's own code.
        # https://developers.facebook.com/docs/messenger-platform/send-messages/quick-replies
        found += [number for number in in_text(payload) if number not in found]
    return found, nested


def _may_hold_a_number(item: bytes) -> bool:
    """Whether digits stand near each other in a text or a payload; ids, times and addresses do not count."""
    for key in _SPOKEN:
        at = item.find(key)
        while at >= 0:
            start = at + len(key)
            end = item.find(b'"', start)
            if item[end - 1 : end] == b"\\":  # a quotation mark within the text, or a backslash at its end
                value = _VALUE.match(item, start)
                end = len(item) if value is None else value.end()
            if _ENOUGH_DIGITS.search(item[start:end].decode()):
                return True
            at = item.find(key, end)
    return False


def in_text(text: str) -> list[str]:
    """The telephone numbers in a text as E.164, in order of appearance, none twice."""
    plain = plain_text(text)
    if "@" in plain:
        plain = _WORD.sub(lambda word: "\n" if "@" in word[0] else word[0], plain)
    if "/" in plain or "#" in plain:
        plain = _ADDRESS.sub("\n", _CHAT_LINK.sub(" ", plain))
    if "/" in plain or "-" in plain or "." in plain or ":" in plain:
        plain = _MEASURE.sub("\n", plain)
    plans = Plans()
    found: dict[str, None] = {}
    for _, run in zip(range(_MOST_RUNS), _RUN.finditer(plain), strict=False):
        found |= dict.fromkeys(_Run(plain, run, plans).numbers())
    return list(found)


def plain_text(text: str) -> str:
    """With Latin digits, and everything that parts them as a space, a hyphen or a line's end."""
    return _ODD.sub(_plain_row, text)  # str.translate of all of it takes longer: few characters are odd


def _plain_row(odd: re.Match[str]) -> str:
    return odd[0].translate(_PLAIN)


class _Run:
    """Digits with nothing but separators between them: no number, one, or several."""

    def __init__(self, text: str, run: re.Match[str], plans: Plans) -> None:
        self._text = text
        self._plans = plans
        self._start, self._end = run.span()
        digits = run[0]
        if digits.isdigit():
            self._groups, self._separators = [digits], ["", ""]
        else:
            parts = _GROUPS.split(digits)
            self._groups, self._separators = parts[1::2], parts[::2]

    def numbers(self) -> list[str]:
        """From left to right; at each group the longest number that can exist."""
        found: list[str] = []
        at = 0
        beside_a_number = True
        while at < len(self._groups) and not self._plans.used_up:
            taken = self._number_at(at) if beside_a_number or not self._tied(at) else None
            if taken is not None:
                number, following = taken
                # 012-000-123-456 holds no number; 012000123-098000456 holds two
                if not self._tied(following) or self._number_at(following):
                    found.append(number)
                    at, beside_a_number = following, True
                    continue
            at, beside_a_number = at + 1, False
        return found

    def _number_at(self, first: int) -> tuple[str, int] | None:
        """The number that begins with this group, and the group after it."""
        plus, said = self._told_before() if first == 0 else (False, None)  # the words stand before the first
        likely = (
            plus
            or said == "phone"
            or (
                said is None and "".join(self._groups[first : first + 4]).startswith(BEGINNINGS)  # the longest has four
            )
        )
        if not likely:
            return None
        ends: list[str] = []
        digits = ""
        for group in self._groups[first : first + MOST]:
            digits += group
            if len(digits) > MOST:
                break
            ends.append(digits)
        while ends:
            following = first + len(ends)
            digits = ends.pop()
            number = self._plans.international(digits) if plus else self._plans.dialled(digits, said is not None)
            if number is None or not self._well_grouped(first, following):
                continue
            if following < len(self._groups) or not goes_on_as_other(self._text[self._end : self._end + 12]):
                return number, following
        return None

    def _told_before(self) -> tuple[bool, Said | None]:
        """Whether a + stands before the digits; and if none does, what the words there say."""
        window = self._text[max(0, self._start - _LOOK_BACK) : self._start]
        before = _BREAK.split(window)[-1] if window else ""
        if "+" in before[-3:] and _PLUS.search(before[-3:]):
            return True, None
        return False, said_before(before)

    def _well_grouped(self, first: int, following: int) -> bool:
        """No number ends with one digit alone, unless most of it is written so; none begins as `0.`"""
        if following == first + 1:
            return True
        lengths = list(map(len, self._groups[first:following]))
        if max(lengths) == 1:
            return True
        if lengths[-1] == 1 and max(lengths) > 2:  # the last is a quantity: 012 000 123 2 pieces
            return False
        return lengths[0] > 1 or not self._separators[first + 1].startswith(".")

    def _tied(self, group: int) -> bool:
        """Whether a group hangs on the one before it as parts of a code do."""
        return self._separators[group] in ("-", ".")
