"""`python -m bench.contestants.ablated VARIANT`: `page-inbox serve` without one of the things that make it fast."""

import gc
import importlib
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final


def _ordinary() -> None:
    """Without the fast entrance: every delivery goes through uvicorn's ASGI messages."""
    server: Any = importlib.import_module("app.public_server")
    server.DeliveryConnection = lambda _receiver, *given, **more: server.AsgiConnection(*given, **more)


def _unbatched() -> None:
    """One message in each round trip to the store, and time to wait for it."""
    queue: Any = importlib.import_module("cache.messages.queue")
    queue.WAIT_SECONDS = 60.0
    parts: Any = importlib.import_module("app.parts")
    parts.Writer = partial(parts.Writer, batch_messages=1)


def _pooled() -> None:
    """Every round trip takes its connection from redis-py's pool, which checks it first."""
    exchange: Any = importlib.import_module("cache.server.exchange")
    exchange.KEPT_SECONDS = -1.0


def _collected() -> None:
    """The garbage collector looks for cycles as often as it does by default, in all objects."""
    server: Any = importlib.import_module("app.public_server")
    usual = gc.get_threshold()
    server.keep_what_is_here = lambda: gc.set_threshold(*usual)


VARIANTS: Final[dict[str, Callable[[], None]]] = {
    "ordinary ASGI way": _ordinary,
    "without batching": _unbatched,
    "connections from the pool": _pooled,
    "usual garbage collection": _collected,
}


if __name__ == "__main__":
    VARIANTS[sys.argv[1]]()
    sys.argv = ["page-inbox", "serve"]
    importlib.import_module("app.cli").main(prog_name="page-inbox")
