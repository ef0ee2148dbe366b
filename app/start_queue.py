"""Pure: the order in which waiting requests start. Callers take turns, so many requests of one caller delay no other.

Without turns, a shop with 60 connections gets 60 answers for each answer to another shop (`make attack`).
"""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class StartQueue(Generic[T]):
    """Waiting requests by caller."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[T]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, caller: str, request: T) -> None:
        """Put a request behind the other requests of its caller."""
        self._waiting.setdefault(caller, deque()).append(request)

    def take(self, most: int) -> list[T]:
        """Remove and return at most `most` requests. The callers take turns, one request each."""
        taken: list[T] = []
        while self._waiting and len(taken) < most:
            caller = next(iter(self._waiting))
            requests = self._waiting.pop(caller)
            taken.append(requests.popleft())
            if requests:
                self._waiting[caller] = requests  # behind every other caller
        return taken
