"""Loads modules without the garbage collector. Its repeated searches would take a seventh of the start's time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import modules inside this context. They create many objects and hardly any garbage."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
