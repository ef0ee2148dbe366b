"""What `page-inbox doctor` tells of one thing it looked at."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]
LEVELS: tuple[Level, ...] = ("ok", "warn", "fail")
"""From the best to the worst. `warn` may be meant so; `fail` loses messages, or keeps something from working."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    `name` is a slug that scripts may rely on, `about` which one of several (a setting, a node, a Page), "" where there
    is but one. `sentence` says what is, `remedy` what to do; an `ok` has none. Neither holds a secret.
    """

    name: str
    level: Level
    sentence: str
    remedy: str = ""
    about: str = ""


def worst(findings: Iterable[Finding]) -> Level:
    """The worst of them; `ok` where there are none."""
    return max((finding.level for finding in findings), key=LEVELS.index, default="ok")
