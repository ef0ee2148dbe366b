"""Pure: finds the telephone numbers in a message when it is read. They are never stored.

A Cambodian number is found in all usual forms: with 0, +855, 855 or 00855, in any grouping, and in Latin, Khmer, Thai
or full-width digits. Invisible characters of Khmer text are allowed. Another country's number needs + or 00.
`phone_plans` decides which numbers can exist. A number is distinguished from a price, a date, an order or an account by
its grouping and by the words around it (`phone_words`).

The work for one text is bounded, so that no customer can make a read slow: see CHARACTERS and STEPS.
"""

import re
from collections.abc import Iterator
from typing import Final

import orjson

from api.phone_characters import SEPARATORS, plain_text, spellings
from api.phone_plans import LENGTHS, cambodian, foreign, may_be_foreign
from api.phone_words import goes_on_as_other, said_before

CHARACTERS: Final = 4_000
"""Limit: characters of a text that are searched for telephone numbers. This is twice the length that Facebook allows a
Page in one message.
"""
STEPS: Final = 80
"""Limit: rows of digits in one text that are examined, plus groups in them that are tried as the start of a number. A
pasted list of forty orders, each with a number and a date, has as many rows."""
_FOREIGN_STEPS: Final = 10
"""The number of steps that one call of libphonenumber counts as."""
_LOOK_BACK: Final = 40
"""Characters before a number that are searched for a word about it."""
_ADDRESS_LENGTH: Final = 200
"""Characters before digits in which an address that contains the digits may begin."""

_DIGIT: Final = spellings(*"0123456789")
_ROW = re.compile(rf"[{_DIGIT}](?:[{spellings(*SEPARATORS, None)}]{{0,5}}+[{_DIGIT}]){{7,150}}+")
"""Eight digits or more in any script. This is the only pattern that is searched for in the whole text. Its time is
linear.
"""
_RUN = re.compile(r"[0-9](?:[ \-./()~]{0,5}+[0-9]){7,150}+")
"""The same pattern for plain characters."""
_GROUPS = re.compile("([0-9]+)")
_NO_SEPARATORS: Final = dict.fromkeys(map(ord, SEPARATORS))
_DATE = re.compile(
    r"[0-9](?<![0-9/.-][0-9])(?:[0-9]?([/.-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})|[0-9]{3}([/.-])[0-9]{1,2}\2[0-9]{1,2})"
    r"(?![/.-]?[0-9])"
)
_PLUS = re.compile(r"(?:\+ ?\(?|\(\+)\Z")
_UP_TO_A_BREAK = re.compile("(?s:.*)[。។" + spellings(*"\n,;!?0123456789") + "]")
_IN_ADDRESS = re.compile(r"(?:https?://|www\.|\.[a-z]{2,9}/|@)[!-~]*\Z", re.IGNORECASE)
_CHAT_LINK = re.compile(r"(?:t|wa|zalo)\.me/\+?\Z", re.IGNORECASE)
_MAIL_AFTER = re.compile(r"[!-+\-.-:<-?A-~]{0,64}+@")


def in_message(content: bytes) -> list[str]:
    """Returns the numbers in a message's content: in its text, and a number that a quick reply sent.

    A quick reply of the type `user_phone_number` sends the number as its payload. Any other payload is the shop's own
    code. https://developers.facebook.com/docs/messenger-platform/send-messages/quick-replies
    """
    message = orjson.loads(content)
    text, reply = message.get("text"), message.get("quick_reply")
    found = in_text(text) if isinstance(text, str) else []
    payload = reply.get("payload") if isinstance(reply, dict) else None
    if isinstance(payload, str) and len(payload) < CHARACTERS and _RUN.fullmatch(plain_text(payload).strip(" +(")):
        found += [number for number in in_text(payload) if number not in found]
    return found


def in_text(text: str) -> list[str]:
    """Returns the telephone numbers in a text as E.164, in order of appearance, each once."""
    found: list[str] = []
    steps = STEPS
    for match in _ROW.finditer(text, 0, CHARACTERS):
        row = _Row(text, match, steps)
        for number in row.numbers():
            if number not in found:
                found.append(number)
        steps = row.steps
        if steps <= 0:
            break
    return found


class _Row:
    """Digits with separators between them. They can hold no number, one number or several."""

    def __init__(self, text: str, row: re.Match[str], steps: int) -> None:
        self.steps = steps - 1
        """The number of groups that may still be tried."""
        start, end = row.span()
        plain, before = plain_text(row[0]), _same_phrase(text[max(0, start - _LOOK_BACK) : start])
        if (
            "!" <= text[start - 1 : start] <= "~"
            and _IN_ADDRESS.search(text, max(0, start - _ADDRESS_LENGTH), start)
            and not _CHAT_LINK.search(before)
        ):
            _, before, plain = plain.partition(" ")
        if "!" <= text[end : end + 1] <= "~" and _MAIL_AFTER.match(text, end):
            plain = plain.rpartition(" ")[0]
        if "/" in plain or "-" in plain or "." in plain:
            plain = _DATE.sub("\n", plain)
        self._plain, self._after = plain, text[end : end + 12]
        self._plus = "+" if "+" in before[-3:] and _PLUS.search(before) else ""
        self._said = None if self._plus or not before else said_before(before)

    def numbers(self) -> Iterator[str]:
        """Yields the numbers from left to right."""
        plain = self._plain
        # The most frequent case comes first: one Cambodian number and nothing else. This case takes less than half of
        # the time of the general search below.
        number = cambodian(self._plus + plain.translate(_NO_SEPARATORS), False)
        whole = number is not None and plain[1:2].isdigit() and plain[-2:].isdigit()
        if number is not None and whole and self._said != "other" and not goes_on_as_other(self._after):
            yield number
            return
        for run in _RUN.finditer(plain):
            if run.start() > 0:  # the words before the row are not about this run
                self._plus, self._said = "", None
            after = self._after if run.end() == len(plain) else plain[run.end() : run.end() + 12]
            yield from self._in_run(_GROUPS.split(run[0]), after)

    def _in_run(self, parts: list[str], after: str) -> Iterator[str]:
        """Yields, at each group of digits, the longest number that can exist and begins there."""
        groups, separators = parts[1::2], parts[::2]
        at, beside_a_number = 0, True
        while at < len(groups) and self.steps > 0:
            # 012-000-123-456 is a code and not a number. 012000123-098000456 is two numbers.
            found = None
            if beside_a_number or separators[at] not in ("-", "."):
                found = self._number_at(at, groups, separators, after)
            if found is not None:
                number, following = found
                if separators[following] not in ("-", ".") or self._number_at(following, groups, separators, after):
                    yield number
                    at, beside_a_number = following, True
                    continue
            at, beside_a_number = at + 1, False

    def _number_at(self, first: int, groups: list[str], separators: list[str], after: str) -> tuple[str, int] | None:
        """Returns the number that begins with this group, and the group after it."""
        plus, said = ("", None) if first else (self._plus, self._said)
        if said == "other" or (first and groups[first][0] not in "081"):
            return None
        self.steps -= 1
        for following in range(min(len(groups), first + LENGTHS.stop), first, -1):
            digits = "".join(groups[first:following])
            if len(digits) < LENGTHS.start:
                break
            number = self._reached(plus + digits, said == "phone") if len(digits) in LENGTHS else None
            if number is None or not _well_grouped(groups[first:following], separators[first + 1]):
                continue
            if following < len(groups) or not goes_on_as_other(after):
                return number, following
        return None

    def _reached(self, dialled: str, bare: bool) -> str | None:
        number = cambodian(dialled, bare)
        if number is None and self.steps > 0 and may_be_foreign(dialled):
            self.steps -= _FOREIGN_STEPS
            number = foreign(dialled)
        return number


def _same_phrase(before: str) -> str:
    end = _UP_TO_A_BREAK.match(before)
    return plain_text(before if end is None else before[end.end() :])


def _well_grouped(groups: list[str], separator: str) -> bool:
    """Returns False if the last group is a single digit after longer groups, or if the number begins with `0.`"""
    if len(groups) == 1:
        return True
    longest = max(map(len, groups))
    if longest == 1:
        return True
    if len(groups[-1]) == 1 and longest > 2:  # the last group is a quantity: 012 000 123 2 pieces
        return False
    return len(groups[0]) > 1 or not separator.startswith(".")
