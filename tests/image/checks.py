"""The checks of an image: functions that get the name of the image and of its base, and return a figure."""

from collections.abc import Callable
from typing import Final

from tests.image import behaviour, contents, sbom

Check = Callable[[str, str], str]
"""Raises CheckFailed, or returns what it measured."""

CHECKS: Final[dict[str, tuple[str, Check]]] = {
    "contents": ("it contains no compiler, cache, test or history", contents.adds_nothing_else),
    "compiled": ("every module that a start loads is compiled", contents.starts_compiled),
    "size": (f"at most {contents.LARGEST} MB above its base", contents.small),
    "user": ("the user is a number and can change no file", contents.user_cannot_write),
    "sbom": ("the SBOM equals the lock file and the content", sbom.matches_the_lock),
    "secrets": ("no secret in variables, history or layers", contents.has_no_secret),
    "restricted": ("runs read-only, without capabilities, in compose.yaml's memory", behaviour.runs_restricted),
    "first": ("process 1 is the server, and the only one", behaviour.is_process_one),
    "idle": (f"stops in less than {behaviour.IDLE_SECONDS:.0f} s when idle", behaviour.stops_when_idle),
    "busy": (
        f"finishes a delivery that takes {behaviour.SLOW_SECONDS:.0f} s after SIGTERM",
        behaviour.finishes_requests_in_progress,
    ),
    "end_to_end": ("the end-to-end tests pass, with a real Valkey", behaviour.passes_end_to_end_tests),
}
"""Short name of a check to its description and function."""
