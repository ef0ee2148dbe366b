"""Tokens and their verifier. The tests sign tokens with their own code, because the product's code must not check
itself.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from api.auth import LONGEST_SUBJECT, LONGEST_TOKEN, REMEMBERED, Forbidden, Tokens, Unauthenticated, authorize, bearer
from domain.ids import ShopId
from domain.secret import Secret
from domain.shop import EVERY_SHOP, Principal
from tests.unit.api.fakes import NOW, OTHER_SECRET, SECRET

CLAIMS: dict[str, Any] = {
    "aud": "page-inbox",
    "shop": "demo",
    "scope": "messages:read messages:purge",
    "sub": "dara",
    "exp": NOW + 60,
}


def b64(raw: bytes) -> str:
    """Returns base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: Any, secret: Secret = SECRET, digest: str = "sha256", **header: Any) -> str:
    """Returns a JWS of the claims, made without a JWT library."""
    head = b64(json.dumps({"alg": "HS256", "typ": "JWT"} | header).encode())
    body = b64(claims if isinstance(claims, bytes) else json.dumps(claims).encode())
    code = hmac.new(secret.reveal_bytes(), f"{head}.{body}".encode(), getattr(hashlib, digest)).digest()
    return f"{head}.{body}.{b64(code)}"


def verifier(*secrets: Secret, jwks: dict[str, Any] | None = None) -> Tokens:
    """Returns a verifier whose clock stands still."""
    return Tokens(secrets, jwks, now=lambda: NOW)


def without(name: str) -> dict[str, Any]:
    """Returns the claims without this claim."""
    return {claim: value for claim, value in CLAIMS.items() if claim != name}


def refusal(token: str, tokens: Tokens | None = None) -> str:
    """Returns the reason for which a token is refused."""
    with pytest.raises(Unauthenticated) as refused:
        (tokens or verifier(SECRET)).verify(token)
    return refused.value.reason


def test_a_signed_token_names_its_bearer() -> None:
    """Shop, scopes, subject and end come from the claims."""
    principal = verifier(SECRET).verify(signed(CLAIMS))
    scopes = frozenset({"messages:read", "messages:purge"})
    assert principal == Principal(ShopId("demo"), scopes, "dara", expires_at=CLAIMS["exp"])


def test_any_secret_verifies_and_the_first_one_signs() -> None:
    """An operator can replace a secret without an interruption."""
    tokens = verifier(SECRET, OTHER_SECRET)
    assert tokens.verify(signed(CLAIMS, OTHER_SECRET)).shop == "demo"
    minted = tokens.mint(ShopId("demo"), ["messages:read"], 60, "dara", NOW)
    assert verifier(SECRET).verify(minted).scopes == {"messages:read"}
    assert refusal(minted, verifier(OTHER_SECRET)) == "token_invalid"


def test_a_minted_token_has_the_header_and_claims_of_the_contract() -> None:
    """The test reads the token without our verifier."""
    minted = verifier(SECRET).mint(EVERY_SHOP, ["messages:read", "shop:admin"], 90, "back end", NOW + 0.7)
    head, body, _ = minted.split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(base64.urlsafe_b64decode(body + "==")) == {
        "aud": "page-inbox",
        "shop": "*",
        "scope": "messages:read shop:admin",
        "sub": "back end",
        "iat": NOW,
        "exp": NOW + 90,
    }


@pytest.mark.parametrize(("shop", "ttl", "subject"), [("", 1, "x"), ("a", 0, "x"), ("a", 1, ""), ("a", 1, "x\n")])
def test_mint_refuses_a_token_that_verify_would_refuse(shop: str, ttl: int, subject: str) -> None:
    """An operator then sees a mistake when the token is made."""
    with pytest.raises(ValueError, match="needs a shop"):
        verifier(SECRET).mint(ShopId(shop), [], ttl, subject, NOW)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "abc",
        "a.b.c",
        "..",
        "é.é.é",
        "\ud800.a.b",
        signed(CLAIMS) + "!",
        signed(CLAIMS, crit=["exp"]),
        signed(CLAIMS, b64=False, crit=["b64"]),
        "x" * (LONGEST_TOKEN + 1),
    ],
)
def test_a_text_that_is_not_a_jwt_is_refused_with_a_reason(token: str) -> None:
    """Any text after `Bearer` is refused with a reason."""
    assert refusal(token) in {"token_malformed", "token_invalid"}


def test_an_unsigned_token_is_refused() -> None:
    """`alg: none` is refused in every spelling, with and without a signature."""
    for alg in ("none", "None", "NONE", ""):
        head, body, code = signed(CLAIMS, alg=alg).split(".")
        assert refusal(f"{head}.{body}.{code}") == "token_invalid"
        assert refusal(f"{head}.{body}.") == "token_invalid"


def test_only_hs256_works_with_a_secret() -> None:
    """HS512 is refused too, because a secret belongs to one algorithm."""
    assert refusal(signed(CLAIMS, digest="sha512", alg="HS512")) == "token_invalid"
    assert refusal(signed(CLAIMS, alg=["HS256"])) == "token_invalid"


def test_a_changed_claim_or_a_wrong_secret_is_refused() -> None:
    """The signature covers every byte."""
    head, _, code = signed(CLAIMS).split(".")
    body = b64(json.dumps(CLAIMS | {"shop": "other"}).encode())
    assert refusal(f"{head}.{body}.{code}") == "token_invalid"
    assert refusal(signed(CLAIMS, OTHER_SECRET)) == "token_invalid"


@pytest.mark.parametrize(
    "claims",
    [
        without("exp"),
        without("aud"),
        without("shop"),
        CLAIMS | {"aud": "another-service"},
        CLAIMS | {"aud": ["another-service"]},
        CLAIMS | {"aud": 7},
        CLAIMS | {"shop": ""},
        CLAIMS | {"shop": 7},
        CLAIMS | {"shop": ["demo"]},
        CLAIMS | {"shop": "de\u0000mo"},
        CLAIMS | {"shop": "x" * 513},
        CLAIMS | {"scope": ["messages:read"]},
        CLAIMS | {"sub": ""},
        CLAIMS | {"sub": None},
        CLAIMS | {"sub": 7},
        CLAIMS | {"sub": "\ud800"},
        CLAIMS | {"sub": "x" * (LONGEST_SUBJECT + 1)},
        CLAIMS | {"exp": str(NOW + 60)},
        CLAIMS | {"exp": True},
        CLAIMS | {"exp": float("inf")},
        CLAIMS | {"exp": float("nan")},
        CLAIMS | {"exp": 10**400},
        CLAIMS | {"nbf": NOW + 60},
        CLAIMS | {"nbf": "now"},
        [CLAIMS],
        b"not json",
        b'{"exp":' + b"9" * 5000 + b"}",
        b"[" * 3000,
        b"\xff",
    ],
)
def test_a_token_with_a_missing_or_wrong_claim_is_refused(claims: Any) -> None:
    """A good signature does not replace a missing or wrong claim."""
    assert refusal(signed(claims)) == "token_invalid"


def test_the_audience_may_be_one_of_several() -> None:
    """`aud` may be a list (RFC 7519, 4.1.3)."""
    assert verifier(SECRET).verify(signed(CLAIMS | {"aud": ["other", "page-inbox"]})).shop == "demo"


def test_a_token_without_a_subject_is_from_unknown_and_one_without_a_scope_has_none() -> None:
    """The issuer of a token decides whether it has a subject and scopes."""
    assert verifier(SECRET).verify(signed(without("sub"))).subject == "unknown"
    assert verifier(SECRET).verify(signed(without("scope"))).scopes == frozenset()


def test_a_cached_token_is_refused_from_its_expiry_second() -> None:
    """The cache of verified tokens knows when each token ends."""
    now = [NOW + 59.9]
    tokens = Tokens([SECRET], now=lambda: now[0])
    token = signed(CLAIMS)
    assert tokens.verify(token) is tokens.verify(token)
    now[0] = NOW + 60.0
    assert refusal(token, tokens) == "token_expired"
    assert refusal(token, tokens) == "token_expired"


def test_a_token_that_is_valid_from_a_few_seconds_later_is_accepted() -> None:
    """The issuer's clock may be a little ahead."""
    assert verifier(SECRET).verify(signed(CLAIMS | {"nbf": NOW + 3})).shop == "demo"


def test_the_token_cache_is_bounded_and_removes_the_least_recently_used_token() -> None:
    """When the cache is full, it removes the token whose last use is the oldest."""
    tokens = verifier(SECRET)
    first, second = signed(CLAIMS | {"n": 0}), signed(CLAIMS | {"n": 1})
    known_first, known_second = tokens.verify(first), tokens.verify(second)
    for number in range(2, REMEMBERED):
        tokens.verify(signed(CLAIMS | {"n": number}))
    tokens.verify(first)
    tokens.verify(signed(CLAIMS | {"n": REMEMBERED}))
    assert tokens.verify(first) is known_first
    assert tokens.verify(second) is not known_second


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
JWKS = {
    "keys": [
        {"kty": "RSA", "use": "enc", "n": "AQ", "e": "AQAB"},
        RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True) | {"kid": "r", "use": "sig", "alg": "RS256"},
        ECAlgorithm.to_jwk(EC.public_key(), as_dict=True) | {"kid": "e"},
        OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True),
    ]
}


@pytest.mark.parametrize("kid", [None, "r"])
def test_public_keys_verify_by_their_type(kid: str | None) -> None:
    """The keys verify with and without a key id."""
    headers = {"kid": kid} if kid else None
    tokens = verifier(jwks=JWKS)
    assert tokens.verify(jwt.encode(CLAIMS, RSA, "RS256", headers)).shop == "demo"
    assert tokens.verify(jwt.encode(CLAIMS, EC, "ES256")).shop == "demo"
    assert tokens.verify(jwt.encode(CLAIMS, ED, "EdDSA", {"kid": "any"})).shop == "demo"


def test_a_token_naming_another_key_is_refused() -> None:
    """The id and the key must belong together."""
    assert refusal(jwt.encode(CLAIMS, EC, "ES256", {"kid": "r"}), verifier(jwks=JWKS)) == "token_invalid"


@pytest.mark.parametrize("algorithm", ["RS512", "PS256"])
def test_a_public_key_verifies_with_one_algorithm(algorithm: str) -> None:
    """The verifier refuses other algorithms, even those that could use the same key."""
    assert refusal(jwt.encode(CLAIMS, RSA, algorithm), verifier(jwks=JWKS)) == "token_invalid"


def test_a_public_key_is_no_secret() -> None:
    """In a known attack, the attacker signs a token with HS256 and uses the public key as the secret. The service
    refuses such a token, also if it has both secrets and a key set.
    """
    confused = [json.dumps(key) for key in JWKS["keys"]] + [str(key.get("n", key.get("x"))) for key in JWKS["keys"]]
    for guess in confused:
        token = signed(CLAIMS, Secret(guess))
        assert refusal(token, verifier(jwks=JWKS)) == "token_invalid"
        assert refusal(token, verifier(SECRET, jwks=JWKS)) == "token_invalid"


def test_a_signature_of_the_wrong_length_is_refused() -> None:
    """The library below the verifier does not crash."""
    tokens = verifier(SECRET, jwks=JWKS)
    for token in (jwt.encode(CLAIMS, RSA, "RS256"), jwt.encode(CLAIMS, EC, "ES256"), jwt.encode(CLAIMS, ED, "EdDSA")):
        head, body, code = token.split(".")
        for wrong in ("", code[:4], code + "AAAA", b64(bytes(64))):
            assert refusal(f"{head}.{body}.{wrong}", tokens) == "token_invalid"


def test_a_verifier_without_a_secret_mints_nothing() -> None:
    """A set of public keys can only verify."""
    with pytest.raises(ValueError, match="TOKEN_KEYS"):
        verifier(jwks=JWKS).mint(ShopId("demo"), [], 60, "dara", NOW)


@pytest.mark.parametrize(
    ("headers", "token"),
    [({"authorization": "Bearer a.b.c"}, "a.b.c"), ({"authorization": "bearer   a "}, "a")],
)
def test_the_bearer_token_is_found(headers: dict[str, str], token: str) -> None:
    """The scheme's upper or lower case does not matter (RFC 9110, 11.1)."""
    assert bearer(headers) == token


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearera.b.c"])
def test_a_header_without_a_bearer_token_is_refused_as_token_missing(header: str | None) -> None:
    """A request has no token if the header is absent, has another scheme, or has nothing after the scheme."""
    with pytest.raises(Unauthenticated) as refused:
        bearer({} if header is None else {"authorization": header})
    assert refused.value.reason == "token_missing"


def test_a_principal_gets_its_own_shop_and_its_own_scopes() -> None:
    """A back end's token reaches every shop within the token's scopes."""
    demo = Principal(ShopId("demo"), frozenset({"messages:read"}), "dara")
    authorize(demo, ShopId("demo"), "messages:read")
    authorize(Principal(EVERY_SHOP, frozenset({"shop:admin"}), "back end"), ShopId("demo"), "shop:admin")
    for principal, shop, reason in (
        (demo, "other", "wrong_shop"),
        (demo, "*", "wrong_shop"),
        (demo, "demo ", "wrong_shop"),
        (Principal(EVERY_SHOP, frozenset(), "back end"), "demo", "scope_missing"),
    ):
        with pytest.raises(Forbidden) as refused:
            authorize(principal, ShopId(shop), "messages:read")
        assert refused.value.reason == reason
    with pytest.raises(Forbidden, match="messages:purge"):
        authorize(demo, ShopId("demo"), "messages:purge")
