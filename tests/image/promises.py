"""The promises about an image and what proves each: functions of its name and its base's, that return a figure."""

from collections.abc import Callable
from typing import Final

from tests.image import behaviour, contents, sbom

Proof = Callable[[str, str], str]
"""Raises NotSo, or returns what was seen."""

PROMISES: Final[dict[str, tuple[str, Proof]]] = {
    "contents": ("no compiler, cache, test or history is in it", contents.nothing_else),
    "compiled": ("every module that a start loads is compiled in it", contents.starts_compiled),
    "size": (f"at most {contents.LARGEST} MB above its base", contents.small),
    "user": ("a user by number, and nothing that it could change", contents.nobody_writes),
    "sbom": ("the SBOM is the lock file, and what is inside", sbom.tells_the_truth),
    "secrets": ("no secret in variables, history or layers", contents.no_secret),
    "fences": ("runs read-only, without capabilities, in compose.yaml's memory", behaviour.fenced_in),
    "first": ("process 1 is the server, and the only one", behaviour.the_first_process),
    "idle": (f"stops in less than {behaviour.IDLE_SECONDS:.0f} s when idle", behaviour.stops_when_idle),
    "busy": (
        f"finishes a delivery that takes {behaviour.SLOW_SECONDS:.0f} s more",
        behaviour.finishes_what_is_under_way,
    ),
    "stories": ("the end-to-end tests pass over it, with a real Valkey", behaviour.tells_its_stories),
}
"""By a short name for each."""
