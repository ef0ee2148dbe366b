"""Checks that say whether this process can do its work now.

Each check has a name, a time limit and a hint for the person on call. The exact error is written to the log and not to
the answer. A check is logged when it begins to fail, when its error changes, and when it passes again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

Check = Callable[[], Awaitable[object]]
"""Fails if it returns False, raises or takes too long. Otherwise it passes."""

Count = Callable[[str, bool], None]
"""Called after each check with the name of the check, and whether it passed."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended, in a form that an answer may show. If `gates` is False, the process stays ready when the check
    fails.
    """

    name: str
    ok: bool
    hint: str
    gates: bool = True


class Checks:
    """The registered checks, which run at the same time."""

    def __init__(self, *, count: Count = lambda _name, _ok: None) -> None:
        self._count = count
        self._checks: dict[str, tuple[Check, str, float, bool]] = {}
        self._failing: dict[str, str] = {}
        """For each check that fails now, the class of its last error."""
        self._log = structlog.get_logger()

    def add(self, name: str, check: Check, hint: str, timeout: float = 1.0, *, gates: bool = True) -> None:
        """Register a check. A check that takes longer than `timeout` seconds fails. If `gates` is False, the process
        stays ready when the check fails. Use this for a failure that affects only some callers. An unready process gets
        no requests, which would affect all callers.

        Raises ValueError if the name is taken.
        """
        if name in self._checks:
            raise ValueError(f"two checks named {name}")
        self._checks[name] = (check, hint, timeout, gates)

    async def run(self) -> list[Result]:
        """Run all checks at the same time and return their results in the order of registration."""
        return list(await asyncio.gather(*(self._run(name, *held) for name, held in self._checks.items())))

    async def _run(self, name: str, check: Check, hint: str, seconds: float, gates: bool) -> Result:
        error: BaseException | None = None
        try:
            async with asyncio.timeout(seconds):
                if await check() is False:
                    error = CheckFailed()
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # this task was cancelled, and not something inside the check
            error = cancelled
        except Exception as raised:  # noqa: BLE001 - any failure of a check is a result
            error = raised
        self._log_change(name, error)
        self._count(name, error is None)
        return Result(name, error is None, hint, gates)

    def _log_change(self, name: str, error: BaseException | None) -> None:
        before = self._failing.pop(name, None)
        if error is None:
            if before is not None:
                self._log.info("check_passed", check=name)
            return
        self._failing[name] = type(error).__qualname__
        if before != self._failing[name]:
            self._log.warning("check_failed", check=name, exc_info=error)


class CheckFailed(Exception):
    """The error of a check that returned False."""
