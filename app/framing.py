"""Pure: refuses a request if a proxy and this server could disagree about the end of the request. After such a
disagreement, a caller could get the answer to another caller's request. The parser (llhttp, strict) already refuses
lengths that contradict each other, folded lines, bare line feeds and blanks before a colon. This module refuses the
other cases.
https://www.rfc-editor.org/rfc/rfc9112#section-6.3
"""

from collections.abc import Sequence
from typing import Final

_NOT_IN_A_HOST: Final = b", /@"


def refusal(method: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]) -> int | None:
    """Returns the status that refuses a request with this head, and None when the end of the request is clear.

    `headers` have lower-case names. `version` is, for example, "1.1".
    """
    if version not in {"1.1", "1.0"}:
        return 505
    if method == b"CONNECT":
        return 501
    fields = dict(headers)
    if len(fields) < len(headers):
        names = [name for name, _ in headers]
        if names.count(b"host") > 1 or names.count(b"transfer-encoding") > 1:
            return 400
    host, encoding, expect = fields.get(b"host"), fields.get(b"transfer-encoding"), fields.get(b"expect")
    if host is None:
        if version == "1.1":
            return 400
    elif not host or host.translate(None, _NOT_IN_A_HOST) != host:
        return 400
    if encoding is not None:
        if version == "1.0":
            return 400
        if encoding.lower() != b"chunked":
            return 501
    if expect is not None and expect.lower() != b"100-continue":
        return 417
    return None


def declared_bytes(headers: Sequence[tuple[bytes, bytes]]) -> int:
    """Returns the length of the body in the head, or 0. The parser has already refused two different lengths."""
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0
