"""`python -m bench.contestants.ablated VARIANT`: `page-inbox serve` without one of the things that make it fast."""

import importlib
import sys
from collections.abc import Callable
from typing import Any, Final

from app import compiled


def _interpreted() -> None:
    """Without compiled modules: nothing loads them."""


def _ordinary() -> None:
    """Without the fast entrance: every delivery goes through uvicorn's ASGI messages."""
    compiled.use()
    server: Any = importlib.import_module("app.server")
    server.DeliveryConnection = lambda _receiver, *given, **more: server.EdgeConnection(*given, **more)


VARIANTS: Final[dict[str, Callable[[], None]]] = {
    "without compiling": _interpreted,
    "ordinary ASGI way": _ordinary,
}


if __name__ == "__main__":
    VARIANTS[sys.argv[1]]()
    sys.argv = ["page-inbox", "serve"]
    importlib.import_module("app.cli").main(prog_name="page-inbox")
