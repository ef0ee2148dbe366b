"""Pure: makes and verifies the `signed_request` that Facebook sends to the data-deletion and deauthorize callbacks.

Its form is `base64url(HMAC-SHA256(app secret, P)) + "." + P`, without padding. P is the base64url of a JSON object. The
signature is over the text P and not over the decoded bytes. Nothing of P is decoded before the signature is verified.
https://developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback
"""

import hmac
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.ids import PageId
from domain.secret import Secret
from webhook.errors import PayloadRefused, RequestRefused, SignatureRefused
from webhook.values import parse_exactly

LONGEST: Final = 4096
"""Characters. A genuine request has about 250. A longer text is refused before it is hashed."""
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes in base64url."""
_PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_ID: Final = re.compile(r"[0-9]{1,32}")
_LATE: Final = 300
"""Seconds after its expiry in which a request is still accepted, because clocks differ and Facebook tries again."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The subject of the request: the app-scoped id of a person, or a Page that has removed the app. Both are absent if
    the request names no subject.

    `issued_at` is the time of the request in Unix seconds, or None if the request has no time.
    """

    person: str | None
    page: PageId | None
    issued_at: int | None


def sign(payload: bytes, secret: Secret) -> str:
    """Returns what Facebook would send, for tests and the simulator. `payload` is the JSON."""
    text = urlsafe_b64encode(payload).rstrip(b"=")
    return f"{_signature(text, secret)}.{text.decode()}"


def verify(text: str, secrets: Sequence[Secret], now: float) -> SignedRequest:
    """Returns the request that one of the app secrets signed. `now` is Unix seconds.

    Every secret is tried and compared in constant time, even after a match. An empty secret verifies nothing.

    Raises:
        RequestRefused: the text is not a signed request, uses another algorithm, is not a JSON object, or has expired.
        SignatureRefused: none of the secrets signed it.
    """
    signature, payload = _parts(text)
    matched = False
    for secret in secrets:
        matched |= hmac.compare_digest(signature, _signature(payload, secret)) and bool(secret)
    if not matched:
        raise SignatureRefused("signature_mismatch")
    return _read(_decoded(payload), now)


def _parts(text: str) -> tuple[str, bytes]:
    if len(text) > LONGEST:
        raise RequestRefused("signed_request_malformed")
    signature, _, payload = text.partition(".")
    if not _SIGNATURE.fullmatch(signature) or not _PAYLOAD.fullmatch(payload):
        raise RequestRefused("signed_request_malformed")
    return signature, payload.encode()


def _signature(payload: bytes, secret: Secret) -> str:
    digest = hmac.digest(secret.reveal_bytes(), payload, "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _decoded(payload: bytes) -> dict[str, Any]:
    bare = payload.rstrip(b"=")
    try:
        value = parse_exactly(b64decode(bare + b"=" * (-len(bare) % 4), altchars=b"-_", validate=True))
    except (ValueError, PayloadRefused):
        value = None
    if not isinstance(value, dict):
        raise RequestRefused("signed_request_malformed")
    return value


def _read(data: dict[str, Any], now: float) -> SignedRequest:
    algorithm = data.get("algorithm")
    if not isinstance(algorithm, str) or algorithm.upper() != "HMAC-SHA256":
        raise RequestRefused("signed_request_algorithm")
    expires, issued = _moment(data.get("expires")), _moment(data.get("issued_at"))
    if expires is not None and expires + _LATE < now:
        raise RequestRefused("signed_request_expired")
    page = _id(data.get("profile_id"))
    return SignedRequest(_id(data.get("user_id")), None if page is None else PageId(page), issued)


def _id(value: object) -> str | None:
    """Returns an id from digits in a text or from a whole number; None for anything else, and for 0, which Facebook
    sends if there is no person.
    """
    text = str(value) if type(value) is int or type(value) is str else ""
    return text if _ID.fullmatch(text) and text.strip("0") else None


def _moment(value: object) -> int | None:
    """Returns a time in Unix seconds; None for 0, which Facebook sends for "never", and for anything else."""
    return value if type(value) is int and 0 < value < 2**53 else None
