"""Pure: the telephone numbers in a message, found when it is read; they are never stored apart.

A Cambodian number is taken as people there write it: with its 0, with +855, 855 or 00855, in any grouping, in Latin,
Khmer, Thai or wide digits, with the invisible characters that Khmer text holds. Another country's needs its + or 00.
`phone_plans` knows which numbers can exist; the rest tells them from prices, dates, orders and accounts, by the words
around (`phone_words`) and by how the digits are grouped.
"""

import re
from typing import Final

import orjson

from api.phone_plans import BEGINNINGS, FEWEST, MOST, Plans
from api.phone_words import goes_on_as_other, says_other, says_phone

_MOST_RUNS: Final = 40
"""Rows of digits that are looked at in one text; `phone_plans` bounds what each may cost."""
_LOOK_BACK: Final = 40
"""Characters before a number in which a word may say what it is."""

_DIGITS: Final = {
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
_PLAIN: Final = _DIGITS | _SPACES | _SIGNS

_CHAT_LINK = re.compile(r"(?:https?://)?(?:t\.me|wa\.me|zalo\.me)/", re.IGNORECASE)
_NOT_A_NUMBER = re.compile(
    r"https?://[!-~]+|www\.[!-~]+|(?:\.[a-z]{2,9}){1,3}/[!-~]*|[!-?A-~]{1,64}@[!-~]+"  # addresses
    r"|\*\d[\d*]{1,30}#"  # dialled for a balance, not for a person
    r"|(?<![\d/.-])(?:\d{1,2}([/.-])\d{1,2}\1(?:\d{4}|\d{2})|\d{4}([/.-])\d{1,2}\2\d{1,2})(?![/.-]?\d)"  # a date
    r"|(?<!\d)\d{1,2}:\d\d(?::\d\d)?(?!\d)"  # a time
    r"|\d{1,3}\.\d{4,15},\s?\d{1,3}\.\d{4,15}",  # a place on the map
    re.IGNORECASE,
)
_RUN = re.compile(r"(?:\+ ?)?\(?\+?(\d(?:[ \-./()~]{0,3}\d){7,150})")
_GROUP = re.compile(r"\d+")
_BREAK = re.compile(r"[\n,;!?。，។\d]")

_SPOKEN: Final = (b'"text":"', b'"payload":"')
"""Where a telephone number may stand in a message's JSON."""
_VALUE = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*')
"""The rest of a JSON string up to its closing quote."""
_ENOUGH_DIGITS = re.compile("[0-9០-៩๐-๙０-９](?:.{0,9}?[0-9០-៩๐-๙０-９]){7}", re.DOTALL)
"""Eight digits with at most three separators between two; a digit drawn as a key is followed by two more signs."""


def with_phone_numbers(item: bytes) -> bytes:
    """A message's JSON, or that of a conversation with its `last_message`, with `phone_numbers` where there are any.

    Most messages hold too few digits and are passed on unparsed.
    """
    if not _may_hold_a_number(item):
        return item
    value = orjson.loads(item)
    message = value.get("last_message", value)
    found = in_text(message.get("text") or "")
    payload = (message.get("quick_reply") or {}).get("payload")
    if isinstance(payload, str) and _RUN.fullmatch(payload.strip().translate(_PLAIN)):
        # A quick reply of the type user_phone_number sends nothing else. Any other payload is the shop's own code.
        # https://developers.facebook.com/docs/messenger-platform/send-messages/quick-replies
        found += [number for number in in_text(payload) if number not in found]
    if not found:
        return item
    message["phone_numbers"] = found
    return orjson.dumps(value)


def _may_hold_a_number(item: bytes) -> bool:
    """Whether digits stand near each other in a text or a payload; ids, times and addresses do not count."""
    for key in _SPOKEN:
        at = item.find(key)
        while at >= 0:
            value = _VALUE.match(item, at + len(key))
            if value is None or _ENOUGH_DIGITS.search(value[0].decode()):
                return True
            at = item.find(key, value.end())
    return False


def in_text(text: str) -> list[str]:
    """The telephone numbers in a text as E.164, in order of appearance, none twice."""
    plain = _NOT_A_NUMBER.sub("\n", _CHAT_LINK.sub(" ", text.translate(_PLAIN)))
    plans = Plans()
    found: dict[str, None] = {}
    for _, run in zip(range(_MOST_RUNS), _RUN.finditer(plain), strict=False):
        found |= dict.fromkeys(_Run(plain, run, plans).numbers())
    return list(found)


class _Run:
    """Digits with nothing but separators between them: no number, one, or several."""

    def __init__(self, text: str, run: re.Match[str], plans: Plans) -> None:
        self._text = text
        self._plans = plans
        self._start, self._end = run.span()
        self._plus = "+" in run[0]
        self._groups = list(_GROUP.finditer(text, run.start(1), self._end))

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
        digits = ""
        ends: list[tuple[str, int]] = []
        for last in range(first, len(self._groups)):
            digits += self._groups[last][0]
            if len(digits) > MOST:
                break
            ends.append((digits, last + 1))
        plus = said = False
        if first == 0:  # only there a word can stand before it
            before = self._before()
            plus, said = self._plus, says_phone(before)
            if not plus and not said and says_other(before):
                return None
        if not (plus or said or digits.startswith(BEGINNINGS)):
            return None
        for digits, following in reversed(ends):
            if len(digits) < FEWEST or not self._well_grouped(first, following):
                continue
            if following == len(self._groups) and goes_on_as_other(self._text[self._end : self._end + 12]):
                continue
            number = self._plans.international(digits) if plus else self._plans.dialled(digits, said=said)
            if number is not None:
                return number, following
        return None

    def _before(self) -> str:
        """The words before it, back to where another thought ends."""
        return _BREAK.split(self._text[max(0, self._start - _LOOK_BACK) : self._start])[-1]

    def _well_grouped(self, first: int, following: int) -> bool:
        """No number ends with one digit alone, unless most of it is written so; none begins as `0.`"""
        lengths = [len(group[0]) for group in self._groups[first:following]]
        if max(lengths) == 1:
            return True
        if lengths[-1] == 1 and max(lengths) > 2:  # the last is a quantity: 012 000 123 2 pieces
            return False
        return lengths[0] > 1 or not self._between(first + 1).startswith(".")

    def _tied(self, group: int) -> bool:
        """Whether a group hangs on the one before it as parts of a code do."""
        return 0 < group < len(self._groups) and self._between(group) in ("-", ".")

    def _between(self, group: int) -> str:
        return self._text[self._groups[group - 1].end() : self._groups[group].start()]
