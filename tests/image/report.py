"""The report of `make image`: a line for each check, with its figure."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class CheckFailed(Exception):
    """Raised when a check fails. The text says what was found."""


def require(holds: object, message: str) -> None:
    """Raises:
    CheckFailed: `holds` is false. `message` is its text.
    """
    if not holds:
        raise CheckFailed(message)


@dataclass
class Report:
    """Prints a line after each check. A failed check does not stop the checks after it."""

    failed: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def check(self, name: str, function: Callable[[], str]) -> None:
        """Run a check and print its figure or its error."""
        try:
            figure = function()
        except Exception as reason:  # noqa: BLE001 - any error is a failed check
            self.failed.append(name)
            text = str(reason) if isinstance(reason, CheckFailed) else f"{type(reason).__name__}: {reason}"
            self._print("NO", name, text)
        else:
            self._print("yes", name, figure)

    def end(self) -> int:
        """Print the result and return the exit code."""
        seconds = time.monotonic() - self.began
        result = f"{len(self.failed)} check(s) failed" if self.failed else "every check passed"
        print(f"\n{result}; {seconds:.0f} s", flush=True)
        return 1 if self.failed else 0

    @staticmethod
    def _print(verdict: str, name: str, figure: str) -> None:
        lines = figure.strip().splitlines() or [""]
        print(f"  {verdict:<4}{name:<72}{lines[0]}", flush=True)
        for line in lines[1:]:
            print(f"      {line}", flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print the name of a slow step and its duration on stderr."""
    began = time.monotonic()
    print(f"  ... {what}", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f" {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
