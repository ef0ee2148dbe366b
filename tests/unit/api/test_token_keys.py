"""Signing keys that the service refuses at its start."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api.auth import Tokens
from api.token_keys import KeysRefused, public_keys
from domain.secret import Secret
from tests.unit.api.fakes import SECRET

GOOD = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)
WEAK_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 - to be refused
PEM = WEAK_RSA.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("secrets", "jwks", "reason"),
    [
        ([], None, "keys_missing"),
        (["x" * 31], None, "key_too_short"),
        (["x" * 32, ""], None, "key_too_short"),
        ([PEM], None, "key_unfit"),
        ([], {}, "jwks_malformed"),
        ([], {"keys": {}}, "jwks_malformed"),
        ([], {"keys": ["x"]}, "jwks_malformed"),
        ([], {"keys": []}, "jwks_unusable"),
        ([], {"keys": [GOOD, {"kty": "oct", "k": "AAAA"}]}, "jwks_secret"),
        ([], {"keys": [GOOD | {"d": "AAAA"}]}, "jwks_secret"),
        ([], {"keys": [RSAAlgorithm.to_jwk(WEAK_RSA, as_dict=True)]}, "jwks_unusable"),
        ([], {"keys": [GOOD | {"crv": "P-384"}]}, "jwks_unusable"),
        ([], {"keys": [GOOD | {"crv": ["P-256"]}]}, "jwks_unusable"),
        ([], {"keys": [GOOD | {"kty": 7}]}, "jwks_unusable"),
        ([], {"keys": [GOOD | {"x": 7}]}, "jwks_unusable"),
        ([], {"keys": [GOOD | {"x": "!"}]}, "jwks_unusable"),
        ([], {"keys": [GOOD | {"use": "enc"}]}, "jwks_unusable"),
        ([], {"keys": [GOOD | {"alg": "ES512"}]}, "jwks_unusable"),
        ([], {"keys": [{"kty": "RSA"}]}, "jwks_unusable"),
        ([], {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}, "jwks_unusable"),
        (["x" * 40], {"keys": []}, "jwks_unusable"),
    ],
)
def test_weak_missing_and_secret_keys_are_refused(secrets: list[str], jwks: dict[str, Any] | None, reason: str) -> None:
    """The service refuses them at its start, with a reason and without showing the key."""
    with pytest.raises(KeysRefused) as refused:
        Tokens([Secret(text) for text in secrets], jwks)
    assert refused.value.reason == reason
    assert "AAAA" not in str(refused.value)


def test_unusable_keys_next_to_a_good_key_are_ignored() -> None:
    """RFC 7517, 5 says that a reader ignores keys that it does not understand."""
    assert len(public_keys({"keys": [{"kty": "new"}, GOOD, {"kty": "RSA", "use": "enc"}]})) == 1


def test_the_representation_of_tokens_does_not_show_a_secret() -> None:
    """A traceback does not show the secret."""
    assert SECRET.reveal() not in repr(vars(Tokens([SECRET])))
