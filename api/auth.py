"""Authentication and authorization: a bearer JWT becomes a `Principal`, which is checked against a shop and a scope.

A token is refused if it has no expiry time, if it is for another audience, or if no key verifies it. The keys are the
HS256 secrets and the public keys of the JWK set. Each key has one algorithm, which is never taken from the token:
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
"""Limit: characters of a token's `sub`. It is part of receipts and of each audit entry."""

NOT_BEFORE_LEEWAY = 5.0
"""Seconds by which an issuer's clock may be ahead of this machine's clock. `exp` has no leeway, because the issuer
chose the expiry time on purpose.
"""

REMEMBERED = 1_024
"""The maximum number of verified tokens in the cache. A verification takes about 50 microseconds, as long as a short
read.
"""

_SCOPES = frozenset(SCOPES)
"""The scopes that the service knows. It ignores other words in a token's scope."""

UNKNOWN_SUBJECT = "unknown"
"""The subject in receipts and the audit log if a token has no `sub`."""


TokenReason = Literal["token_missing", "token_malformed", "token_expired", "token_invalid", "ticket_invalid"]
ScopeReason = Literal["wrong_shop", "scope_missing", "page_token_required"]


class Unauthenticated(PageInboxError):
    """The request has no valid token."""

    kind: ClassVar[Kind] = "unauthenticated"

    def __init__(self, reason: TokenReason, sentence: str) -> None:
        super().__init__(reason, sentence)


class Forbidden(PageInboxError):
    """The token is valid but does not allow the call."""

    kind: ClassVar[Kind] = "forbidden"

    def __init__(self, reason: ScopeReason, sentence: str) -> None:
        super().__init__(reason, sentence)


class Tokens:
    """Verifies tokens, and makes tokens if it has a secret.

    `secrets`: HS256 secrets of 32 bytes or more. Each secret verifies tokens, and the first secret signs them. `jwks`:
    a public JWK set (RFC 7517) as parsed JSON. At least one of the two is required. Raises `KeysRefused`.
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
        """Returns the principal of `token`. Raises `Unauthenticated`."""
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
        """Returns a token that is valid for `ttl` seconds from `now` (Unix seconds), signed with the first secret.

        Raises `ValueError` for a shop, subject or ttl that `verify` would refuse, and if there is no secret to sign
        with.
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
        """Returns the principal, from claims whose signature was verified."""
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
    """Returns the token of `Authorization: Bearer ...`. `headers` has lower-case names. Raises `Unauthenticated`."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("token_missing", "Send a token: Authorization: Bearer <token>.")
    token = token.strip()
    if not token:
        raise Unauthenticated("token_missing", "The Authorization header holds no token.")
    return token


def authorize(principal: Principal, shop: ShopId, scope: Scope) -> None:
    """Return if `principal` may use `scope` on `shop`. Raises `Forbidden` otherwise."""
    if principal.shop not in (EVERY_SHOP, shop):
        raise Forbidden("wrong_shop", "The token is for another shop.")
    if scope not in principal.scopes:
        raise Forbidden("scope_missing", f"The token lacks the scope {scope}.")


def _claims(token: str, keys: Sequence[PyJWK]) -> dict[str, Any]:
    """Returns the claims of `token` if one of `keys` verifies it and its audience is this service. Raises
    `Unauthenticated`.

    The caller checks the times, because the caller's clock is an argument and PyJWT reads the machine's clock.
    """
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise Unauthenticated("token_malformed", "The token is not a JWT.")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise Unauthenticated("token_malformed", "The token is not a JWT.") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    for key in keys:
        # `kid` only saves work. A key without `kid` is tried for every token, and a token without `kid` is tried with
        # every key.
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
    """Returns a NumericDate (RFC 7519, 2): a finite JSON number of Unix seconds."""
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
