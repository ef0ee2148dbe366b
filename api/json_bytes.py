"""Pure: JSON as bytes, joined and read in part without parsing it.

A list page of messages is joined from what the store holds, because parsing it would take longer than reading it. Only
these functions rely on the following facts:

- An object is written by orjson, has at least one member, and so begins with `{"` and ends with `}`.
- `added` and each item are JSON.
- The members of a message's content are in the order in which `cache/codec.py` writes them: `text` is after `kind`,
  and no member before these two is text of a customer. An edit may write `text` after all other members. Then the
  content has the member `edits`.
"""

from collections.abc import Iterable
from typing import Any, Final

import orjson

_TEXT: Final = b'"kind":"message","text":"'
_BACKSLASH: Final = ord("\\")


def member(name: str, value: bytes) -> bytes:
    """Returns one member of an object. The name needs no escaping."""
    return b'"%b":%b' % (name.encode(), value)


def with_last(item: bytes, added: bytes) -> bytes:
    """Returns the object with one or more members added after its last one."""
    return b"%b,%b}" % (item[:-1], added)


def with_first(item: bytes, added: bytes) -> bytes:
    """Returns the object with a member added before its first one."""
    return b"{%b,%b" % (added, item[1:])


def array(items: Iterable[bytes]) -> bytes:
    """Returns the items as an array."""
    return b"[%b]" % b",".join(items)


def text_and_quick_reply(content: bytes) -> tuple[str | None, Any]:
    """Returns the members `text` and `quick_reply` of a message's content; None for each that is absent."""
    if b'"quick_reply":' not in content:
        start = content.find(_TEXT) + len(_TEXT)
        if start >= len(_TEXT):
            end = content.find(b'"', start)
            if content[end - 1] != _BACKSLASH:  # else a quotation mark in the text, or a backslash at its end
                text = content[start:end]
                return (orjson.loads(b'"%b"' % text) if b"\\" in text else text.decode()), None
        elif b'"edits":' not in content:
            return None, None
    message = orjson.loads(content)
    return message.get("text"), message.get("quick_reply")
