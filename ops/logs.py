"""Makes log lines. A line is one redacted JSON object with a time in UTC. Lines are written once per event-loop
iteration.

Control characters that a terminal or a log viewer would obey are escaped.

The command line calls `configure` once, before the first line is logged. Modules use `log = structlog.get_logger()` and
`log.info("slug", key=value)`. ops/redact.py lists the keys whose values pass.
"""

import atexit
import io
import json
import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, BinaryIO

import orjson
import structlog

from domain.moment import rfc3339
from ops import traces
from ops.log_writer import LineWriter
from ops.redact import redact

_LIBRARIES_FROM = logging.WARNING
"""The lowest level for records of libraries, also if LOG_LEVEL is lower. At `debug` some libraries log whole requests
with headers.
"""

_SERVER = "uvicorn.error"
"""uvicorn's logger for everything except requests. It may log from level `info` on, for the server's start and stop.
"""

_DETAIL = 300
"""Characters of a library's message that are logged, from its first line only. asyncio puts `repr(exception)` in the
second line.
"""

_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that JSON does not escape but a terminal or a viewer obeys: DEL, C1 controls, line separators, and the
characters that change the direction of text. JSON itself escapes C0 controls.
"""


class _Stamp:
    """Adds `timestamp` (RFC 3339, UTC, milliseconds) and `level`."""

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.time

    def __call__(self, _logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["timestamp"] = rfc3339(int(self.clock() * 1000))
        event["level"] = method
        return event


def _described(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces `exc_info` by the class of the error and the places that it passed."""
    if "exc_info" in event:
        held = event.pop("exc_info")
        if held is True:
            held = sys.exc_info()
        error = held[1] if isinstance(held, tuple) else held
        if isinstance(error, BaseException):
            event.update(traces.describe(error))
    return event


def _rendered(_logger: object, _method: str, event: MutableMapping[str, Any]) -> bytes:
    try:
        line = orjson.dumps(event)
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits
        text = json.dumps(event, ensure_ascii=False, default=lambda value: f"<{type(value).__name__}>")
        line = text.encode("utf-8", "replace")
    if line.isascii() and b"\x7f" not in line:
        return line
    return _OBEYED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", line.decode()).encode()


def _lost_line(lines: int) -> bytes:
    """Returns the line that says how many lines before it were lost."""
    return _rendered(None, "", _stamp(None, "warning", {"event": "log_lines_lost", "lines": lines}))


_stamp = _Stamp()
_writer = LineWriter(io.BytesIO())
_PROCESSORS: list[structlog.typing.Processor] = [_stamp, _described, redact, _rendered]
"""One list and one writer for the whole process. A logger remembers both at its first line. So they are never replaced,
and a later `configure` or `structlog.testing.capture_logs` changes these same objects.
"""

write: Callable[[Sequence[bytes]], None] = _writer.extend
"""Writes rendered lines without structlog, which would take five times as long. The lines have no line ends."""

atexit.register(_writer.close)


def lost_lines() -> int:
    """Returns how many lines this process could not write since its start."""
    return _writer.lost


def configure(stream: BinaryIO, *, level: str = "info", clock: Callable[[], float] = time.time) -> LineWriter:
    """Send every line, from the service and from libraries that use `logging`, to `stream` as JSON. `clock` returns
    Unix seconds.
    """
    _writer.open(stream, _lost_line)
    _stamp.clock = clock
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
        logger_factory=_the_writer,
        cache_logger_on_first_use=True,
    )
    threshold = _level_number(level)
    root = logging.getLogger()
    root.handlers = [_FromLogging()]
    root.setLevel(max(_LIBRARIES_FROM, threshold))
    logging.getLogger(_SERVER).setLevel(max(logging.INFO, threshold))
    return _writer


def enabled(level: str) -> bool:
    """Returns whether lines of level info are written if `level` is the lowest level."""
    return _level_number(level) <= logging.INFO


def render(event: MutableMapping[str, Any]) -> bytes:
    """Returns an event as a redacted JSON object. The function changes the mapping."""
    return _rendered(None, "info", redact(None, "info", event))


def _level_number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


def _the_writer(*_names: object) -> LineWriter:
    return _writer


class _FromLogging(logging.Handler):
    """Sends the records of `logging` through the same processors."""

    def emit(self, record: logging.LogRecord) -> None:
        event: MutableMapping[str, Any] = {"event": "library", "logger": record.name}
        try:
            event["detail"] = record.getMessage().partition("\n")[0][:_DETAIL]
        except (TypeError, ValueError, KeyError):  # arguments that do not fit the message
            event["detail"] = record.msg if isinstance(record.msg, str) else ""
        if record.exc_info:
            event["exc_info"] = record.exc_info
        line = _rendered(
            None, "", redact(None, "", _described(None, "", _stamp(None, record.levelname.lower(), event)))
        )
        _writer.msg(line)
