"""Pure: events as bytes of a `text/event-stream`.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from typing import Final

from api.line_ends import on_one_line

MEDIA: Final = "text/event-stream"

HEARTBEAT: Final = b":\n"
"""A comment without an empty line after it. For some readers, any empty line ends an event."""


def encode(name: str, data: bytes, event_id: str | None = None, retry_ms: int | None = None) -> bytes:
    """Returns one event. `data` is JSON in UTF-8. Each line becomes a `data` line, for all kinds of line ends. The id
    comes after the data. So a reader whose connection breaks inside an event does not have the id.

    Raises `ValueError` for a name or id that would end its line early, or an id with a NUL, which readers ignore.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = [b"event: " + _word(name), *(b"data: " + line for line in on_one_line(data).split(b"\n"))]
    if event_id is not None:
        lines.append(b"id: " + _word(event_id))
    if retry_ms is not None:
        lines.append(b"retry: %d" % retry_ms)
    return b"\n".join(lines) + b"\n\n"


def _word(text: str) -> bytes:
    if not text.isprintable():
        raise ValueError("a name or id of an event must be one line of printable characters")
    return text.encode()
