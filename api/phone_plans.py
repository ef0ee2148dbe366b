"""Pure: decides whether dialled digits are a telephone number that can exist, by libphonenumber's numbering plans.

https://github.com/google/libphonenumber

The library is imported at the first number, because the import takes 25 ms and 1 MiB.
"""

import re
from functools import cache
from typing import Final

LENGTHS: Final = range(8, 18)
"""How many digits a number can have: at least 8, without any prefix. E.164 allows 15, and `00` may come before them."""
_FEWEST_WITH_00: Final = 12
"""Shorter rows of digits that begin with 00 are bank accounts (those of the bank ABA have nine digits)."""


def _national(region: str) -> str:
    """Returns a pattern of every national number of a country. The library's `is_valid_number` takes fifteen times as
    long.
    """
    from phonenumbers import PhoneMetadata

    plan = PhoneMetadata.metadata_for_region(region)
    if plan is None:
        raise ValueError(f"no numbering plan of {region}")
    kinds = (plan.mobile, plan.fixed_line, plan.toll_free, plan.premium_rate, plan.shared_cost, plan.voip, plan.uan)
    return "|".join(kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern)


@cache
def _cambodian() -> re.Pattern[str]:
    return re.compile(rf"((?:\+|00)?8550?|0)?({_national('KH')})")


_FOREIGN: Final = re.compile(r"(?:\+|00)([1-9][0-9]{7,14})")


def cambodian(dialled: str, bare: bool) -> str | None:
    """Returns the Cambodian number as E.164, or None if the digits are not one.

    `dialled` is digits, with `+` in front if the text has it. The national number must follow 0, 855, 00855 or +855. It
    needs no prefix if `bare` is true, or if it is a free number (1800).
    """
    found = _cambodian().fullmatch(dialled)
    if found is None or not (found[1] or bare or found[2].startswith("1800")):
        return None
    return "+855" + found[2]


def may_be_foreign(dialled: str) -> bool:
    """Returns whether `foreign` should examine these digits: they begin with + or 00 and have a possible length."""
    return dialled.startswith(("+", "00")) and (dialled[0] == "+" or len(dialled) >= _FEWEST_WITH_00)


def foreign(dialled: str) -> str | None:
    """Returns another country's number as E.164, or None if the digits are not one. Takes 10 to 40 us."""
    found = _FOREIGN.fullmatch(dialled)
    if found is None or found[1].startswith("855"):
        return None
    from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_valid_number, parse

    try:
        number = parse("+" + found[1])
    except NumberParseException:
        return None
    return format_number(number, PhoneNumberFormat.E164) if is_valid_number(number) else None
