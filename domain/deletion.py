"""The status of a person's request to delete what came from their Facebook account."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is kept of a request. `requested_at` is in milliseconds. It does not name the person."""

    requested_at: int
    complete: bool
