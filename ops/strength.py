"""Whether a secret is hard to guess. Pure.

Length and the usual placeholders are refused with the setting (`ops/values.py`); this looks at what passes there and
was still typed by a person. What a machine drew passes, but for one in a million.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from domain.finding import Level
from domain.secret import Secret

_WORDS = re.compile(
    "passw[o0]rd|secret|example|sample|default|qwerty|letmein|123456|abcdef|facebook|verify|insert|foobar"
    # Short ones come up in what was drawn at random: only where they stand by themselves.
    "|(?<![a-z])(test|demo|dummy|admin|token|todo|xxxx+)(?![a-z])"
)
"""What people write where they should have drawn something."""

_LONG = 32
_LEAST_DIFFERENT = 8
"""Different bytes among 32 or more. So many hexadecimal digits have fewer in one of thirty million cases."""


@dataclass(frozen=True, slots=True)
class Weakness:
    """What is weak, as the end of a sentence that begins with the secret's name. Repeats nothing of the secret."""

    level: Level
    sentence: str


def weakness(secret: Secret, raw: bytes | None = None) -> Weakness | None:
    """What is weak about it; None where nothing is. `raw` are the bytes behind a secret that is encoded."""
    found = secret.reveal_bytes() if raw is None else raw
    if _repeats(found):
        return Weakness("fail", "repeats the same bytes")
    if len(set(found)) < (_LEAST_DIFFERENT if len(found) >= _LONG else min(5, len(found) // 2)):
        return Weakness("fail", "is made of very few different bytes")
    if len({(after - before) % 256 for before, after in pairwise(found)}) == 1:
        return Weakness("fail", "is a sequence")
    if raw is None and _WORDS.search(secret.reveal().lower()):
        return Weakness("warn", "holds a word that people choose")
    return None


def _repeats(found: bytes) -> bool:
    """Whether a part of at most half its length, over and over, makes all of it."""
    return any(found == (found[:size] * len(found))[: len(found)] for size in range(1, len(found) // 2 + 1))
