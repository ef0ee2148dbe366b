"""Signed requests, with vectors that openssl made."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PageInboxError
from domain.secret import Secret
from webhook.errors import RequestRefused, SignatureRefused
from webhook.signed_request import LONGEST, sign, verify

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "signed_requests.json").read_text(encoding="utf-8")
)["vectors"]
SECRET = Secret("shop-app-secret-1")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_each_vector_has_its_verdict_and_its_reason(vector: dict[str, Any]) -> None:
    """A request is read, or is refused with its reason."""
    secrets = [Secret(secret) for secret in vector["secrets"]]
    if vector["verdict"] == "accepted":
        found = verify(vector["signed_request"], secrets, vector["now"])
        assert (found.person, found.page, found.issued_at) == (vector["person"], vector["page"], vector["issued_at"])
        return
    with pytest.raises((SignatureRefused, RequestRefused)) as refusal:
        verify(vector["signed_request"], secrets, vector["now"])
    assert refusal.value.reason == vector["reason"]


def test_the_published_example_verifies() -> None:
    """The first vector is written out here, so that a reader can see its parts. The test compares every byte."""
    signed = (
        "tv6-EHUKvYExRI271OktAVpmsN68gAij4vnM9LUfl3c."
        "eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImlzc3VlZF9hdCI6MTc3MDAwMDAwMCwidXNlcl9pZCI6IjEwMDAwMDAwMDAwMDAwMDQyIn0"
    )
    assert verify(signed, [SECRET], 1_770_000_000).person == "10000000000000042"
    payload = b'{"algorithm":"HMAC-SHA256","issued_at":1770000000,"user_id":"10000000000000042"}'
    assert sign(payload, SECRET) == signed


def test_nothing_is_decoded_before_the_signature_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """No parser gets data that is not from Facebook."""
    monkeypatch.setattr("webhook.signed_request.parse_exactly", None)
    with pytest.raises(SignatureRefused):
        verify(sign(b"{", Secret("other")), [SECRET], 0)


def test_every_secret_is_compared_even_after_a_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the time of the check would show which secret is in use."""
    compared: list[str] = []

    def watched(theirs: str, expected: str) -> bool:
        compared.append(expected)
        return theirs == expected

    monkeypatch.setattr("webhook.signed_request.hmac.compare_digest", watched)
    verify(sign(b'{"algorithm":"HMAC-SHA256"}', SECRET), [SECRET, Secret("b"), Secret("c")], 0)
    assert len(compared) == 3


@given(st.text(max_size=LONGEST + 10))
def test_any_text_is_refused_without_another_error(text: str) -> None:
    """Any text is refused without another error."""
    with pytest.raises(PageInboxError) as refusal:
        verify(text, [SECRET], 0)
    assert refusal.value.kind in {"invalid", "unauthenticated"}


@given(st.binary(max_size=300))
def test_any_signed_payload_is_refused_without_another_error(payload: bytes) -> None:
    """A payload that Facebook made wrongly causes no crash."""
    with pytest.raises(RequestRefused):
        verify(sign(payload, SECRET), [SECRET], 0)
