"""Facebook's signature: `X-Hub-Signature-256: sha256=` and the HMAC-SHA256 of the raw body under the app secret.

The bytes off the socket are what was signed: escaped as Facebook escaped them, never parsed and written again. The
older `X-Hub-Signature` (SHA-1) is no substitute. Nothing in the signature dates it, so a captured call verifies for
ever; storing each message id once is the defence against replay.
https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads
"""

import hmac
from collections.abc import Sequence

from domain.secret import Secret
from webhook.errors import SignatureRefused

_PREFIX = b"sha256="
_LENGTH = len(_PREFIX) + 64
"""SHA-256 has 32 bytes, two hex digits each."""
_DIGITS = b"0123456789abcdef"
"""Facebook writes lower case; one way to write a signature is enough."""


def sign(body: bytes, secret: Secret) -> bytes:
    """The header's value for a body: what Facebook sends and the simulator too."""
    return _PREFIX + hmac.digest(secret.reveal_bytes(), body, "sha256").hex().encode()


def verify(body: bytes, header: bytes | None, secrets: Sequence[Secret]) -> None:
    """Return when one of the app secrets signed this body, raise SignatureRefused when none did.

    The header's shape is checked before the body is hashed. Every secret is tried and compared in constant time, also
    after a match: the time that it takes shows neither the right digits nor which secret is in use. An empty secret
    verifies nothing, and no secret verifies nothing.
    """
    if header is None:
        raise SignatureRefused("signature_missing")
    header = header.strip(b" \t")  # no part of a value: https://www.rfc-editor.org/rfc/rfc9110#section-5.5
    if len(header) != _LENGTH or not header.startswith(_PREFIX) or header[len(_PREFIX) :].translate(None, _DIGITS):
        raise SignatureRefused("signature_malformed")
    matched = False
    for secret in secrets:
        matched |= hmac.compare_digest(header, sign(body, secret)) and bool(secret)
    # keeps: a signature is checked
    if not matched:
        raise SignatureRefused("signature_mismatch")
