"""The signature check, with vectors that openssl made."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from domain.secret import Secret
from webhook.errors import SignatureRefused
from webhook.signature import SignatureCheck, sign

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "signatures.json").read_text(encoding="utf-8")
)["vectors"]


def _body(vector: dict[str, Any]) -> bytes:
    return base64.b64decode(vector["body_base64"]) if "body_base64" in vector else vector["body"].encode()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_each_vector_has_its_verdict_and_its_reason(vector: dict[str, Any]) -> None:
    """A body is accepted, or is refused with its reason."""
    header = None if vector["header"] is None else vector["header"].encode()
    secrets = [Secret(secret) for secret in vector["secrets"]]
    if vector["verdict"] == "accepted":
        SignatureCheck(secrets).verify(_body(vector), header)
        return
    with pytest.raises(SignatureRefused) as refusal:
        SignatureCheck(secrets).verify(_body(vector), header)
    assert (refusal.value.kind, refusal.value.reason) == ("unauthenticated", vector["reason"])


@pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS if vector["verdict"] == "accepted" and len(vector["secrets"]) == 1],
    ids=lambda vector: vector["name"],
)
def test_sign_makes_the_same_signature_as_openssl(vector: dict[str, Any]) -> None:
    """The simulator signs with this function, so its signatures are the same as Facebook's."""
    assert sign(_body(vector), Secret(vector["secrets"][0])) == vector["header"].strip().encode()


def test_a_header_that_is_not_text_is_malformed() -> None:
    """A header may have any bytes. Bytes that are not text are refused and cause no crash."""
    for header in (b"sha256=" + b"\xff" * 64, bytes(range(71)), b"\x00" * 71):
        with pytest.raises(SignatureRefused) as refusal:
            SignatureCheck([Secret("s")]).verify(b"{}", header)
        assert refusal.value.reason == "signature_malformed"


def test_every_secret_is_compared_even_after_a_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the time of the check would show which secret is in use."""
    compared: list[bytes] = []

    def watched(given: bytes, expected: bytes) -> bool:
        compared.append(expected)
        return given == expected

    monkeypatch.setattr("webhook.signature.hmac.compare_digest", watched)
    first, second = Secret("first"), Secret("second")
    SignatureCheck([first, second]).verify(b"{}", sign(b"{}", first))
    assert compared == [sign(b"{}", first), sign(b"{}", second)]


def test_a_refusal_holds_neither_the_body_nor_the_digest() -> None:
    """Logs and answers must not help to forge a signature."""
    secret = Secret("a-secret-nobody-sees")
    body = b'{"text":"private"}'
    with pytest.raises(SignatureRefused) as refusal:
        SignatureCheck([secret]).verify(body, b"sha256=" + b"0" * 64)
    told = repr(refusal.value) + str(refusal.value)
    assert "private" not in told
    assert secret.reveal() not in told
    assert sign(body, secret)[7:].decode() not in told
