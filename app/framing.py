"""Pure: refuses a request when a proxy and this server could disagree about where it ends.

The parser (llhttp, strict) already refuses contradicting lengths, folded lines, bare line feeds and blanks before a
colon. This is what it lets pass. https://www.rfc-editor.org/rfc/rfc9112#section-6.3
"""

from collections.abc import Sequence
from typing import Final

_HOST_MAY_NOT_HOLD: Final = b", /@"


def refusal(method: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]) -> int | None:
    """The status that refuses a request with this head, None when its end is clear.

    `headers` have lower-case names. `version` is as in "1.1".
    """
    if version not in {"1.1", "1.0"}:
        return 505
    if method == b"CONNECT":
        return 501
    hosts = 0
    encoded = False
    for name, value in headers:
        if name == b"host":
            hosts += 1
            if not value or any(byte in value for byte in _HOST_MAY_NOT_HOLD):
                return 400
        elif name == b"transfer-encoding":
            if encoded or value.lower() != b"chunked":
                return 501
            encoded = True
        elif name == b"expect" and value.lower() != b"100-continue":
            return 417
    if hosts > 1 or (version == "1.1" and not hosts) or (version == "1.0" and encoded):
        return 400
    return None
