"""Records: the stored form of a message. cache/messages/vault.py seals a record before it is stored. Pure.

A record has two parts. The scripts read its header of fixed length. Its body can be read only with the shop's secret:

    0      version: MESSAGE, or WAITING_EDIT for an edit that came before its message
    1      flags: bit 0 the direction (1 = out), bits 1-7 the start of the Page tag, for fast filters
    2-5    nonce of the write: if an answer was lost, the second try recognises its own value by the nonce
    6-11   Page tag
    12-19  conversation tag
    20-    zstd frame of the JSON body, with a dictionary that is part of the package

A message's JSON has the members of the API's message (api/models.py). Members that depend on the time of reading or on
the place in the index are left out. The API adds these and answers with this JSON without parsing it. A value is a
sealed record. An empty value is a tombstone: a message was here and is erased. The first byte of a record is the
version of its dictionary and layout. The code of a new version must still read the old version for five days.
"""

from importlib.resources import files
from typing import Any, Final

import orjson
import zstandard

from cache.errors import Corrupt
from cache.keys import CONVERSATION_TAG_BYTES, MAX_TTL_SECONDS, PAGE_TAG_BYTES, ShopKeys
from domain.ids import conversation_of
from domain.kept import KeptMessage
from domain.message import Edit, Message
from domain.moment import rfc3339

MESSAGE: Final = 1
WAITING_EDIT: Final = 2
_VERSIONS: Final = frozenset((MESSAGE, WAITING_EDIT))
NONCE_BYTES: Final = 4
FLAGS_AT: Final = 1
NONCE_AT: Final = 2
PAGE_AT: Final = NONCE_AT + NONCE_BYTES
CONVERSATION_AT: Final = PAGE_AT + PAGE_TAG_BYTES
HEADER_BYTES: Final = CONVERSATION_AT + CONVERSATION_TAG_BYTES

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""The largest size of a decompressed body: far more than a webhook may contain. With this limit, a damaged frame that
claims gigabytes is refused."""

_UNTIL: Final = "until"
"""Expiry time, in Unix ms, of a message whose life does not begin at its receipt. It is always the last key, as `_TTL`
is."""

_QUOTE: Final = ord('"')
_TTL: Final = "ttl"
"""A life shorter than five days, in seconds. It is always the last key, so that `kept` can cut it off without
parsing."""

_DICTIONARY = zstandard.ZstdCompressionDict(files("cache").joinpath("record.dict").read_bytes())
# A frame leaves out its magic number, checksum and dictionary id. These 12 bytes are not needed. Records of level 2
# have the size of records of level 3 (the difference is 0.1 %), and take three quarters of the time. Records of level 1
# are 5 % larger.
_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    2, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=1, write_checksum=0, write_dict_id=0
)
_compress = zstandard.ZstdCompressor(dict_data=_DICTIONARY, compression_params=_PARAMETERS).compress
_decompress = zstandard.ZstdDecompressor(
    dict_data=_DICTIONARY, format=zstandard.FORMAT_ZSTD1_MAGICLESS, max_window_size=MAX_BODY_BYTES
).decompress


def page_flags(page_tag: bytes) -> int:
    """Returns the bits of a Page in the flags byte."""
    return page_tag[0] & 0xFE


def tag_of(value: bytes) -> bytes:
    """Returns the conversation tag in the header of a value."""
    return value[CONVERSATION_AT:HEADER_BYTES]


def fields(message: Message) -> dict[str, Any]:
    """Returns the members of a message's JSON."""
    body: dict[str, Any] = {
        "id": message.id,
        "page_id": message.page,
        "conversation_id": conversation_of(message.page, message.customer),
        "direction": message.direction,
        "kind": message.kind,
    }
    if message.text is not None:
        body["text"] = message.text
    if message.attachments is not None:
        body["attachments"] = message.attachments
    if message.quick_reply is not None:
        body["quick_reply"] = message.quick_reply
    if message.reply_to is not None:
        body["reply_to"] = message.reply_to
    if message.postback is not None:
        body["postback"] = message.postback
    if message.referral is not None:
        body["referral"] = message.referral
    if message.standby:
        body["standby"] = True
    if message.app_id is not None:
        body["app_id"] = message.app_id
    if message.metadata is not None:
        body["metadata"] = message.metadata
    if message.edits:
        body["edits"] = message.edits
    if message.sent_at is not None:
        body["sent_at"] = rfc3339(message.sent_at)
    return body


def encode_message(message: Message, keys: ShopKeys, nonce: bytes, ttl: int, *, from_sent: bool = False) -> bytes:
    """Returns the record of a message. The record contains `ttl` (seconds) only if it is not the usual five days. With
    `from_sent` the message's life begins at `sent_at`, if Facebook gave this time.
    """
    body = fields(message)
    if from_sent and message.sent_at is not None:
        body[_UNTIL] = message.sent_at + ttl * 1000
    elif ttl != MAX_TTL_SECONDS:
        body[_TTL] = ttl
    page_tag = keys.page_tag(message.page)
    flags = page_flags(page_tag) | (message.direction == "out")
    tag = page_tag + keys.conversation_tag(body["conversation_id"])
    return b"".join((bytes((MESSAGE, flags)), nonce, tag, _compress(orjson.dumps(body))))


def encode_waiting_edit(edit: Edit, keys: ShopKeys, nonce: bytes) -> bytes:
    """Returns the record of an edit that waits for its message. If its conversation is unknown, the tag is zero."""
    page_tag = keys.page_tag(edit.page)
    tail = bytes(CONVERSATION_TAG_BYTES) if edit.conversation is None else keys.conversation_tag(edit.conversation)
    body = {"edits": edit.number, "text": edit.text}
    head = bytes((WAITING_EDIT, page_flags(page_tag)))
    return b"".join((head, nonce, page_tag, tail, _compress(orjson.dumps(body))))


def decode(record: bytes) -> dict[str, Any]:
    """Returns the JSON object of a record.

    Raises:
        Corrupt: the record has an unknown version, or is damaged.
    """
    body = _body(record)
    if record[0] not in _VERSIONS:
        raise Corrupt
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Corrupt from None
    if not isinstance(value, dict):
        raise Corrupt
    return value


def edited(record: bytes, edit: Edit) -> bytes | None:
    """Returns the record with the newer text; None if the record already has this edit or a later one.

    The header and its nonce do not change, because the record still counts as the same write.
    """
    body = decode(record)
    if int(body.get("edits", 0)) >= edit.number:
        return None
    return record[:HEADER_BYTES] + _pack(body, edit.number, edit.text)


def merged(message: bytes, waiting: bytes) -> bytes:
    """Returns a message's record with the edit that came before the message."""
    edit = decode(waiting)
    # If two edits waited for the message, the later edit may have no text.
    return message[:HEADER_BYTES] + _pack(decode(message), edit["edits"], edit.get("text"))


def _pack(body: dict[str, Any], edits: int, text: str | None) -> bytes:
    """Returns the compressed JSON of a message with an edit. An absent text is left out and not written as null."""
    body["edits"] = edits
    if text is None:
        body.pop("text", None)
    else:
        body["text"] = text
    for last in (_TTL, _UNTIL):
        if last in body:
            body[last] = body.pop(last)
    return _compress(orjson.dumps(body))


def kept(record: bytes, score: int) -> KeptMessage:
    """Returns a message as readers get it, from its record and its index score (microseconds).

    Raises:
        Corrupt: the record is damaged, or is not a message's record.
    """
    content = _body(record)
    if record[0] != MESSAGE or len(content) < len(b"{}"):
        raise Corrupt
    received = score // 1000
    expires = received + MAX_TTL_SECONDS * 1000
    if content[-2] != _QUOTE:  # the JSON of most messages ends with the text of `sent_at`
        content, ttl = _without_last_number(content, _TTL)
        if ttl is not None:
            return KeptMessage(content, received, received + ttl * 1000)
        content, until = _without_last_number(content, _UNTIL)
        if until is not None:
            expires = min(expires, until)
    return KeptMessage(content, received, expires)


def _without_last_number(body: bytes, name: str) -> tuple[bytes, int | None]:
    """Returns the JSON object without its last member, and the value of this member.

    The last member is removed only if it has this name and a whole number as its value. Else the same object and None
    are returned. The object must have another member too. A text that contains the name is not taken for this member,
    because only digits may follow the name.
    """
    if body[-2:-1].isdigit():
        head, mark, tail = body.rpartition(b',"%b":' % name.encode())
        if mark and tail[:-1].isdigit():
            return head + b"}", int(tail[:-1])
    return body, None


def _body(record: bytes) -> bytes:
    """Returns the JSON of a record."""
    try:
        return _decompress(record[HEADER_BYTES:])
    except (zstandard.ZstdError, MemoryError, OverflowError):
        # The last two errors come from a damaged frame that claims a size for which there is no memory.
        raise Corrupt from None
