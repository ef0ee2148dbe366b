"""Pure: which telephone number digits reach, if any, by the numbering plans of libphonenumber.

https://github.com/google/libphonenumber
"""

import re
from typing import Final

from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat, format_number, is_valid_number, parse

_CAMBODIA: Final = "855"
_LOCAL_DIGITS: Final = range(8, 11)
"""National digits without the 0: eight or nine; ten for the free numbers that begin with 1800."""
_FOREIGN_DIGITS: Final = range(8, 16)
"""With the country's code. E.164 allows fifteen."""
_FEWEST_WITH_00: Final = 12
"""With the two zeros. Below are accounts (ABA's have nine digits and begin with 00)."""
_MOST_CHECKS: Final = 100
"""How often the plans are asked for one text, 10 to 40 µs each: a text full of digits must not hold up the others."""

BEGINNINGS: Final = ("0", _CAMBODIA, "1800")
"""How a number begins that is dialled in Cambodia."""
MOST: Final = _FOREIGN_DIGITS.stop + 1
"""Digits of the longest form, with the two zeros before it."""


def _pattern(region: str) -> re.Pattern[str]:
    """Every number of a country. Asking it is fifteen times quicker than `is_valid_number`, which tries one by one."""
    plan = PhoneMetadata.metadata_for_region(region)
    if plan is None:
        raise ValueError(f"no numbering plan of {region}")
    kinds = (plan.fixed_line, plan.mobile, plan.toll_free, plan.premium_rate, plan.shared_cost, plan.voip, plan.uan)
    return re.compile("|".join(kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern))


_CAMBODIAN: Final = _pattern("KH")


class Plans:
    """For one text. The answer is None for digits that reach nobody, and for all digits once it is used up."""

    def __init__(self) -> None:
        self._left = _MOST_CHECKS

    @property
    def used_up(self) -> bool:
        """Whether it was asked so often that it answers no more."""
        return self._left <= 0

    def dialled(self, digits: str, said: bool) -> str | None:
        """The number, as E.164, that these reach in Cambodia: 0, 00, 855 or 1800 come first.

        Without any of them only where a word has `said` that it is a number.
        """
        if digits.startswith("00"):
            return self.international(digits[2:]) if len(digits) >= _FEWEST_WITH_00 else None
        if digits.startswith("0"):
            return self._cambodian(digits[1:])
        if digits.startswith(_CAMBODIA):
            return self.international(digits)
        return self._cambodian(digits) if said or digits.startswith(BEGINNINGS) else None

    def international(self, digits: str) -> str | None:
        """The number, as E.164, of a country's code and what follows it; a 0 between the two is passed over."""
        if digits.startswith(_CAMBODIA):
            return self._cambodian(digits.removeprefix(_CAMBODIA).removeprefix("0"))
        if len(digits) not in _FOREIGN_DIGITS or not self._ask():
            return None
        try:
            number = parse("+" + digits)
        except NumberParseException:
            return None
        return format_number(number, PhoneNumberFormat.E164) if is_valid_number(number) else None

    def _cambodian(self, national: str) -> str | None:
        if len(national) not in _LOCAL_DIGITS or national.startswith("0") or not self._ask():
            return None
        return f"+{_CAMBODIA}{national}" if _CAMBODIAN.fullmatch(national) else None

    def _ask(self) -> bool:
        if self.used_up:
            return False
        self._left -= 1
        return True
