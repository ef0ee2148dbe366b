"""The keys that verify tokens, each bound to one algorithm when it is loaded."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import jwt
from jwt import PyJWK
from jwt.utils import base64url_encode

from domain.errors import Kind, PageInboxError
from domain.secret import Secret

SHORTEST_SECRET = 32
"""The minimum number of bytes. RFC 7518, 3.2: an HS256 key is at least as long as the hash."""

SHORTEST_RSA = 2_048
"""The minimum number of bits of an RSA key (RFC 7518, 3.3)."""

_ALGORITHMS: Mapping[tuple[str, str | None], str] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
"""Maps type and curve of a public key to the only algorithm with which it may verify. HS256 is never allowed for a
public key.
"""


KeysReason = Literal["keys_missing", "key_too_short", "key_unfit", "jwks_malformed", "jwks_secret", "jwks_unusable"]


class KeysRefused(PageInboxError):
    """Raised for keys that are not safe. The sentence has no key."""

    kind: ClassVar[Kind] = "internal"

    def __init__(self, reason: KeysReason, sentence: str) -> None:
        super().__init__(reason, sentence)


def hs_keys(secrets: Sequence[Secret]) -> list[PyJWK]:
    """Returns the HS256 keys of the secrets, in their order. Raises `KeysRefused` for a secret that is too short."""
    keys = []
    for secret in secrets:
        raw = secret.reveal_bytes()
        if len(raw) < SHORTEST_SECRET:
            raise KeysRefused("key_too_short", f"A token secret needs {SHORTEST_SECRET} bytes or more.")
        key = PyJWK({"kty": "oct", "k": base64url_encode(raw).decode()}, algorithm="HS256")
        try:
            key.Algorithm.prepare_key(key.key)
        except jwt.InvalidKeyError:
            raise KeysRefused("key_unfit", "A token secret looks like a public key or a certificate.") from None
        keys.append(key)
    return keys


def public_keys(jwks: Mapping[str, Any]) -> list[PyJWK]:
    """Returns the usable signature keys of a public JWK set (RFC 7517).

    Keys for encryption and keys of other algorithms are ignored, as the RFC demands. If the set has a secret or a
    private key, the whole set is refused, because its owner has published the key and must replace it. Raises
    `KeysRefused`.
    """
    listed = jwks.get("keys")
    if not isinstance(listed, list) or not all(isinstance(key, dict) for key in listed):
        raise KeysRefused("jwks_malformed", 'A JWK set is an object with a list "keys".')
    if any(key.get("kty") == "oct" or "d" in key or "k" in key for key in listed):
        raise KeysRefused("jwks_secret", "The JWK set must hold public keys only.")
    usable = [key for key in map(_public_key, listed) if key is not None]
    if not usable:
        raise KeysRefused("jwks_unusable", "The JWK set holds no RSA, P-256 or Ed25519 signature key.")
    return usable


def _public_key(data: dict[str, Any]) -> PyJWK | None:
    kind, curve = data.get("kty"), data.get("crv")
    if not isinstance(kind, str) or not isinstance(curve, str | None):
        return None
    algorithm = _ALGORITHMS.get((kind, curve))
    if algorithm is None or data.get("use", "sig") != "sig" or data.get("alg", algorithm) != algorithm:
        return None
    try:
        key = PyJWK(data, algorithm=algorithm)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError):
        # PyJWT raises these errors for members that are absent, or that are not base64url text.
        return None
    return None if key.Algorithm.check_key_length(key.key) else key
