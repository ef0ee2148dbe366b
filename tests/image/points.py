"""What is promised of the image, point by point, each with the figure that was seen."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class NotSo(Exception):
    """A promise that does not hold; says what was seen instead."""


def demand(holds: object, otherwise: str) -> None:
    """Go on when it holds.

    Raises:
        NotSo: with the sentence.
    """
    if not holds:
        raise NotSo(otherwise)


@dataclass
class Points:
    """The report: a line for each promise as soon as it is proved or broken. One broken promise hides no other."""

    broken: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def prove(self, promise: str, proof: Callable[[], str]) -> None:
        """Run a proof, which returns its figure or raises; print which."""
        try:
            figure = proof()
        except Exception as reason:  # noqa: BLE001 - whatever went wrong, the promise is not proved
            self.broken.append(promise)
            said = str(reason) if isinstance(reason, NotSo) else f"{type(reason).__name__}: {reason}"
            self._say("NO", promise, said)
        else:
            self._say("yes", promise, figure)

    def conclude(self) -> int:
        """The exit code; says it too."""
        seconds = time.monotonic() - self.began
        what = f"{len(self.broken)} promise(s) broken" if self.broken else "every promise holds"
        print(f"\n{what}; {seconds:.0f} s", flush=True)
        return 1 if self.broken else 0

    @staticmethod
    def _say(verdict: str, promise: str, figure: str) -> None:
        lines = figure.strip().splitlines() or [""]
        print(f"  {verdict:<4}{promise:<72}{lines[0]}", flush=True)
        for line in lines[1:]:
            print(f"      {line}", flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say on stderr what takes long, and how long it took."""
    began = time.monotonic()
    print(f"  ... {what}", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f" {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
