"""Authentication and authorization: a bearer JWT becomes a `Principal`, which is checked against a shop and a scope.

Refused: tokens without an end, for another audience, signed with anything but our HS256 secrets or, for the
asymmetric algorithms, the public keys of the set. The algorithm is bound to the key and never taken from the token:
https://www.rfc-editor.org/rfc/rfc8725.html#section-2.1
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import jwt
from jwt import PyJWK

from api.params import LONGEST_ID, acceptable
from api.token_keys import KeysRefused, hs_keys, public_keys
from domain.errors import Kind, PageInboxError
from domain.ids import ShopId
from domain.secret import Secret
from domain.shop import EVERY_SHOP, SCOPES, Principal, Scope

AUDIENCE = "page-inbox"

LONGEST_TOKEN = 8_192
"""Limit: characters of a bearer token. Most servers refuse longer header lines."""

LONGEST_SUBJECT = 200
"""Limit: characters of a token's `sub`. It stands in receipts and in each audit entry."""

NOT_BEFORE_LEEWAY = 5.0
"""Seconds by which an issuer's clock may be ahead of ours. `exp` has none: the issuer chose that moment on purpose."""

REMEMBERED = 1_024
"""Verified tokens that are cached. A verification takes about 50 microseconds, as long as a short read."""

_SCOPES = frozenset(SCOPES)
"""Other words of a token's scope mean nothing here and are not kept."""

UNKNOWN_SUBJECT = "unknown"
"""The subject in receipts and the audit log where a token has no `sub`."""


TokenReason = Literal["token_missing", "token_malformed", "token_expired", "token_invalid", "ticket_invalid"]
ScopeReason = Literal["wrong_shop", "scope_missing", "page_token_required"]


class Unauthenticated(PageInboxError):
    """The request has no valid token."""

    kind: ClassVar[Kind] = "unauthenticated"

    def __init__(self, reason: TokenReason, sentence: str) -> None:
        super().__init__(reason, sentence)


class Forbidden(PageInboxError):
    """The token is valid and does not allow this."""

    kind: ClassVar[Kind] = "forbidden"

    def __init__(self, reason: ScopeReason, sentence: str) -> None:
        super().__init__(reason, sentence)


class Tokens:
    """Verifies tokens, and mints them when it has a secret.

    `secrets`: HS256 secrets of 32 bytes or more; any of them verifies, the first one signs. `jwks`: a public JWK set
    (RFC 7517) as parsed JSON. One of them is required. Raises `KeysRefused`.
    """

    def __init__(
        self,
        secrets: Sequence[Secret] = (),
        jwks: Mapping[str, Any] | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = tuple(secrets)
        self._keys = hs_keys(secrets) + (public_keys(jwks) if jwks is not None else [])
        if not self._keys:
            raise KeysRefused("keys_missing", "Tokens need TOKEN_KEYS or TOKEN_JWKS.")
        self._now = now
        self._verified: OrderedDict[str, Principal] = OrderedDict()

    def verify(self, token: str) -> Principal:
        """The principal of `token`. Raises `Unauthenticated`."""
        known = self._verified.get(token)
        if known is None:
            known = self._principal(_claims(token, self._keys))
            self._remember(token, known)
        if known.expires_at <= self._now():
            self._verified.pop(token, None)
            raise Unauthenticated("token_expired", "The token has expired.")
        self._verified.move_to_end(token)
        return known

    def mint(self, shop: ShopId, scopes: Sequence[Scope], ttl: int, subject: str, now: float) -> str:
        """A token of `ttl` seconds from `now` (Unix seconds), signed with the first secret.

        Raises `ValueError` for a shop, subject or ttl that `verify` would refuse, and without a secret to sign with.
        """
        if not self._secrets:
            raise ValueError("minting needs TOKEN_KEYS; a public key set can only verify")
        if ttl < 1 or not acceptable(shop, LONGEST_ID) or not acceptable(subject, LONGEST_SUBJECT):
            raise ValueError("a token needs a shop, a subject and at least one second")
        issued = int(now)
        claims = {
            "aud": AUDIENCE,
            "shop": shop,
            "scope": " ".join(scopes),
            "sub": subject,
            "iat": issued,
            "exp": issued + ttl,
        }
        return jwt.encode(claims, self._secrets[0].reveal_bytes(), algorithm="HS256")

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        """The principal, from claims whose signature was verified."""
        ends = _seconds(claims, "exp")
        if "nbf" in claims and _seconds(claims, "nbf") > self._now() + NOT_BEFORE_LEEWAY:
            raise Unauthenticated("token_invalid", "The token is not valid yet (nbf).")
        shop, scope, subject = claims.get("shop"), claims.get("scope", ""), claims.get("sub", UNKNOWN_SUBJECT)
        if not isinstance(shop, str) or not acceptable(shop, LONGEST_ID):
            raise Unauthenticated("token_invalid", "The token names no shop.")
        if not isinstance(scope, str):
            raise Unauthenticated("token_invalid", "The token's scope must be one string, separated by spaces.")
        if not isinstance(subject, str) or not acceptable(subject, LONGEST_SUBJECT):
            raise Unauthenticated("token_invalid", f"The token's sub must be 1 to {LONGEST_SUBJECT} characters.")
        return Principal(ShopId(shop), _SCOPES.intersection(scope.split()), subject, ends)

    def _remember(self, token: str, known: Principal) -> None:
        self._verified[token] = known
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)


def bearer(headers: Mapping[str, str]) -> str:
    """The token of `Authorization: Bearer ...`; `headers` answers to lower-case names. Raises `Unauthenticated`."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("token_missing", "Send a token: Authorization: Bearer <token>.")
    token = token.strip()
    if not token:
        raise Unauthenticated("token_missing", "The Authorization header holds no token.")
    return token


def authorize(principal: Principal, shop: ShopId, scope: Scope) -> None:
    """Let `principal` use `scope` on `shop`, or raise `Forbidden`."""
    if principal.shop not in (EVERY_SHOP, shop):
        raise Forbidden("wrong_shop", "The token is for another shop.")
    if scope not in principal.scopes:
        raise Forbidden("scope_missing", f"The token lacks the scope {scope}.")


def _claims(token: str, keys: Sequence[PyJWK]) -> dict[str, Any]:
    """The claims of `token` once one of `keys` verified it and its audience is ours. Raises `Unauthenticated`.

    Times are left to the caller, whose clock is an argument; PyJWT reads the machine's.
    """
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise Unauthenticated("token_malformed", "The token is not a JWT.")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise Unauthenticated("token_malformed", "The token is not a JWT.") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    for key in keys:
        # `kid` only saves work: a key without one is tried for every token, and every key for a token without one.
        if key.algorithm_name != algorithm or (kid and key.key_id and key.key_id != kid):
            continue
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=AUDIENCE,
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp", "aud"]},
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidAudienceError, jwt.MissingRequiredClaimError):
            raise Unauthenticated("token_invalid", f"The token needs exp, and aud {AUDIENCE}.") from None
        except jwt.PyJWTError:
            raise Unauthenticated("token_invalid", "The token's claims cannot be read.") from None
    raise Unauthenticated("token_invalid", "No key of this service verifies the token.")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate (RFC 7519, 2): a finite JSON number of Unix seconds."""
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthenticated("token_invalid", f"The token's {name} must be a number of seconds.")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise Unauthenticated("token_invalid", f"The token's {name} must be a number of seconds.")
    return seconds
