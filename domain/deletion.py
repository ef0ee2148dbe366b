"""What became of a person's request to delete what came from their Facebook account."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deletion:
    """A request, by what is left of it; `requested_at` in milliseconds. Nothing tells whose it was."""

    requested_at: int
    complete: bool
