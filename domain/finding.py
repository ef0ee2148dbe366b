"""A result of `page-inbox doctor`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]
LEVELS: tuple[Level, ...] = ("ok", "warn", "fail")
"""The best level is first. A `warn` may be intended. A `fail` means that messages are lost or a function fails."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was examined.

    `name` is a slug that scripts may rely on. `about` names the setting, node or Page, or is "" if there is only one.
    `sentence` describes the state. `remedy` says what to do; an `ok` has none. No field holds a secret.
    """

    name: str
    level: Level
    sentence: str
    remedy: str = ""
    about: str = ""


def worst(findings: Iterable[Finding]) -> Level:
    """Returns the worst level of the findings; `ok` if there are none."""
    return max((finding.level for finding in findings), key=LEVELS.index, default="ok")
