"""`python -m bench.contestants.ablated VARIANT`: `page-inbox serve` without one optimisation."""

import gc
import importlib
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final


def _ordinary() -> None:
    """Turn off the fast path: every delivery uses uvicorn's ASGI messages."""
    server: Any = importlib.import_module("app.public_server")
    server.DeliveryConnection = lambda _receiver, *given, **more: server.AsgiConnection(*given, **more)


def _unbatched() -> None:
    """Store one message per round trip, with a longer time limit."""
    queue: Any = importlib.import_module("cache.messages.queue")
    queue.WAIT_SECONDS = 60.0
    parts: Any = importlib.import_module("app.parts")
    parts.Batches = partial(parts.Batches, batch_messages=1)


def _pooled() -> None:
    """Take the connection for each round trip from redis-py's pool, which checks the connection first."""
    exchange: Any = importlib.import_module("cache.server.exchange")
    exchange.KEPT_SECONDS = -1.0


def _collected() -> None:
    """Let the garbage collector search all objects for cycles as often as by default."""
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
