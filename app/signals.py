"""The signals of a serving process: SIGTERM and similar signals stop it, SIGHUP reads the settings again.

`app/process.py` has the order of a stop.
"""

import asyncio
import signal
from collections.abc import Callable
from typing import Final

import structlog

STOPPING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""Without a handler, each of these signals ends a process at once, even with open requests."""

DRAINING: Final = "The service got SIGTERM and stops soon. Send requests to another replica."

log = structlog.get_logger()


class Signals:
    """Calls `stop` at the first signal of STOPPING. If `drain_seconds` is not 0, it calls `stop` after this time or at
    the second signal.

    Until then `serving` is False, so that proxies stop sending requests. The process still answers requests.
    """

    def __init__(self, stop: Callable[[], None], drain_seconds: float = 0) -> None:
        self.draining = False
        self._stop = stop
        self._drain_seconds = drain_seconds

    def install(self, reload: Callable[[], None] | None = None) -> None:
        """Handle the signals of this process from now on. Call this inside the event loop."""
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            # keeps: SIGTERM ends in order
            loop.add_signal_handler(number, self.begin)
        # keeps: SIGHUP ends nothing
        loop.add_signal_handler(signal.SIGHUP, reload or self.begin)

    def begin(self) -> None:
        """Stop, or start to drain."""
        if self.draining or not self._drain_seconds:
            self._stop()
            return
        self.draining = True
        log.info("draining", wait_seconds=self._drain_seconds)
        asyncio.get_running_loop().call_later(self._drain_seconds, self._stop)

    async def serving(self) -> bool:
        """The readiness check: False while the process drains."""
        return not self.draining
