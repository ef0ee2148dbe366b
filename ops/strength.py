"""Pure: checks whether a secret is hard to guess.

The setting's parser refuses short secrets and the usual placeholders (`ops/values.py`). This module finds secrets that
the parser accepts but a person has made up. Of a million secrets that a machine generated, it reports about one.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from domain.finding import Level
from domain.secret import Secret

_WORDS = re.compile(
    "passw[o0]rd|secret|example|sample|default|qwerty|letmein|123456|abcdef|facebook|verify|insert|foobar"
    # Random secrets can contain short words, so a short word counts only as a whole word.
    "|(?<![a-z])(test|demo|dummy|admin|token|todo|xxxx+)(?![a-z])"
)
"""Words that people write instead of a random secret."""

_LONG = 32
_LEAST_DIFFERENT = 8
"""The minimum number of different bytes in a secret of 32 or more bytes. One of thirty million random secrets of
hexadecimal digits has fewer.
"""


@dataclass(frozen=True, slots=True)
class Weakness:
    """The weakness of a secret. `sentence` is the end of a sentence that begins with the name of the setting. It shows
    no part of the secret.
    """

    level: Level
    sentence: str


def weakness(secret: Secret, raw: bytes | None = None) -> Weakness | None:
    """Returns the weakness of a secret, or None. If the secret is encoded, `raw` has the decoded bytes."""
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
    """Returns whether a part of at most half the length makes the value when it is repeated, perhaps cut at the end."""
    return any(found == (found[:size] * len(found))[: len(found)] for size in range(1, len(found) // 2 + 1))
