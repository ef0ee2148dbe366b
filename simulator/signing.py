"""Pure: the headers of a genuine delivery, and of forgeries that must be refused."""

import hashlib
import hmac
from typing import Literal, get_args

from domain.secret import Secret
from webhook.signature import sign

_HEADER = b"X-Hub-Signature-256"
_LEGACY_HEADER = b"X-Hub-Signature"

Headers = list[tuple[bytes, bytes]]

Forgery = Literal["unsigned", "other_secret", "other_body", "cut_short", "legacy_only"]
FORGERIES: tuple[Forgery, ...] = get_args(Forgery)


def signed(body: bytes, secret: Secret) -> Headers:
    """Returns the headers of a genuine delivery."""
    return [(_HEADER, sign(body, secret))]


def forged(body: bytes, secret: Secret, forgery: Forgery) -> Headers:
    """Returns the headers of a forgery. `legacy_only` has a correct SHA-1 signature but no SHA-256 signature, and must
    be refused too.
    """
    match forgery:
        case "unsigned":
            return []
        case "other_secret":
            return signed(body, Secret("the-secret-of-another-app"))
        case "other_body":
            return signed(body + b" ", secret)
        case "cut_short":
            return [(_HEADER, sign(body, secret)[:-1])]
        case "legacy_only":
            digest = hmac.new(secret.reveal_bytes(), body, hashlib.sha1).hexdigest()
            return [(_LEGACY_HEADER, b"sha1=" + digest.encode())]
