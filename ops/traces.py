"""Pure: describes an exception by its class and the places in the code that it passed.

The description has no message and no local value. Both may hold a customer's words, a token or an address.
"""

from pathlib import PurePath
from types import TracebackType

_FRAMES = 20
"""The largest number of places in a description. If there are more, only the innermost ones are described."""
_CAUSES = 4
"""The largest number of causes in a description."""
_INSIDE = 10
"""The largest number of members of an exception group in a description."""


def describe(error: BaseException) -> dict[str, object]:
    """Returns `error` (the class) and `where` (places as file:line:function, outermost first). An error of this service
    also has `reason`, its slug. A group has `inside`, the classes of its members. An error with causes has
    `caused_by`, the nearest cause first.
    """
    described = _one(error)
    causes: list[dict[str, object]] = []
    seen = {id(error)}
    behind = _behind(error)
    while behind is not None and id(behind) not in seen and len(causes) < _CAUSES:
        seen.add(id(behind))
        causes.append(_one(behind))
        behind = _behind(behind)
    if causes:
        described["caused_by"] = causes
    return described


def frames(traceback: TracebackType | None) -> list[str]:
    """Returns places such as `ops/tasks.py:41:start`, outermost first."""
    places: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{_short(code.co_filename)}:{traceback.tb_lineno}:{code.co_name}")
        traceback = traceback.tb_next
    return places[-_FRAMES:]


def _one(error: BaseException) -> dict[str, object]:
    described: dict[str, object] = {"error": _name(error), "where": frames(error.__traceback__)}
    reason = getattr(error, "reason", None)
    if isinstance(reason, str) and len(reason) <= 40 and reason.isascii() and reason.isidentifier():
        described["reason"] = reason
    if isinstance(error, BaseExceptionGroup):
        described["inside"] = [_name(one) for one in error.exceptions[:_INSIDE]]
    return described


def _behind(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _short(filename: str) -> str:
    """Returns the last two parts of a path. They show which file it is, and nothing about the machine."""
    return "/".join(PurePath(filename).parts[-2:])
