"""Receipts signed by the service, so that everyone can verify them later. Pure.

A signature is a compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037). Its payload is the shop and the receipt as
the API returns it. The key pair is made from one of SEAL_KEYS. `kid` is the thumbprint of the public key (RFC 7638) in
the JWK set of the service. Only a complete receipt is signed, because the content of a running receipt still changes.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, ClassVar, Final, Literal

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.api_jws import PyJWS

from cache.errors import SealKeysMissing
from cache.keyring import signing_keys
from domain.errors import Kind, PageInboxError
from domain.ids import ShopId
from domain.purge import Receipt
from domain.secret import Secret

PURPOSE: Final = "receipt"
ALGORITHM: Final = "EdDSA"
TYPE: Final = "page-inbox-receipt"
"""The `typ` of the header. It prevents the use of a receipt as another signed document (RFC 8725, 3.11)."""

ReceiptReason = Literal["receipt_malformed", "receipt_unsigned", "receipt_key_unknown", "receipt_forged"]

_jws = PyJWS(algorithms=[ALGORITHM])


class ReceiptRefused(PageInboxError):
    """Raised when a document is not a receipt that the service has signed."""

    kind: ClassVar[Kind] = "invalid"

    def __init__(self, reason: ReceiptReason, sentence: str) -> None:
        super().__init__(reason, sentence)


class ReceiptSigner:
    """Signs with the first of the keys, and returns the public keys."""

    def __init__(self, seal_keys: Sequence[Secret]) -> None:
        self._pairs = [_pair(seed) for seed in signing_keys(seal_keys, PURPOSE)]

    def sign(self, shop: ShopId, receipt: Receipt) -> str:
        """Returns the signature of a complete receipt.

        Raises:
            SealKeysMissing: there is no key to sign with.
        """
        if not self._pairs:
            raise SealKeysMissing("Receipts are signed with a key made from SEAL_KEYS: set it.")
        private, public = self._pairs[0]
        payload = orjson.dumps({"shop": shop, **receipt.content()})
        return _jws.encode(payload, private, algorithm=ALGORITHM, headers={"kid": public["kid"], "typ": TYPE})

    def jwks(self) -> dict[str, Any]:
        """Returns the public keys as a JWK set (RFC 7517). The first key is the key that signs now."""
        return {"keys": [public for _, public in self._pairs]}


def verify(receipt: Mapping[str, Any], jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Verify a receipt of the API with the keys of the set, and return its signed content, with the shop.

    The field `type`, which an export adds, is ignored.

    Raises:
        ReceiptRefused: the receipt is not signed, is signed with another key, or differs from the signed content.
    """
    signature = receipt.get("signature")
    if not isinstance(signature, str):
        raise ReceiptRefused("receipt_unsigned", "There is no signature; a receipt has one when it is complete.")
    signed = _payload(signature, jwks)
    shown = {name: value for name, value in receipt.items() if name not in {"signature", "type"}}
    shown.setdefault("shop", signed.get("shop"))
    if different := sorted(name for name in {*shown, *signed} if shown.get(name) != signed.get(name)):
        raise ReceiptRefused("receipt_forged", f"It does not say what was signed: {', '.join(different)}.")
    return signed


def _payload(signature: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
    try:
        header = _jws.get_unverified_header(signature)
        known = [key for key in jwks["keys"] if hmac.compare_digest(str(key.get("kid")), str(header.get("kid")))]
        if header.get("typ") != TYPE or not known:
            raise ReceiptRefused("receipt_key_unknown", "None of the service's keys has signed it.")
        payload = orjson.loads(_jws.decode(signature, jwt.PyJWK(known[0], ALGORITHM), algorithms=[ALGORITHM]))
    except jwt.InvalidSignatureError:
        raise ReceiptRefused("receipt_forged", "The signature is not that of these words.") from None
    except (jwt.PyJWTError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise ReceiptRefused("receipt_malformed", "The signature, or the set of keys, cannot be read.") from None
    if not isinstance(payload, dict):
        raise ReceiptRefused("receipt_malformed", "The signature holds no receipt.")
    return payload


def _pair(seed: bytes) -> tuple[Ed25519PrivateKey, dict[str, Any]]:
    """Returns a private key and the JWK of its public key."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    needed = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
    thumbprint = sha256(orjson.dumps(needed, option=orjson.OPT_SORT_KEYS)).digest()  # RFC 7638, 3
    return private, {**needed, "kid": _base64url(thumbprint), "use": "sig", "alg": ALGORITHM}


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
