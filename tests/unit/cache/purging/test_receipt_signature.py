"""The public keys verify a receipt and nothing else."""

import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.keyring import signing_keys
from cache.purging.receipt_signature import ReceiptRefused, ReceiptSigner, verify
from domain.ids import PurgeId, ShopId
from domain.purge import Receipt
from domain.secret import Secret

VECTOR = json.loads((Path(__file__).parents[3] / "vectors" / "receipt.json").read_text())
KEYS = [Secret(b64encode(bytes([number]) * 32).decode()) for number in (1, 2)]
RECEIPT = Receipt(PurgeId("p-1"), "conversation", 1_770_000_000_123, "owner@shop", complete=True, messages_deleted=3)
SHOP = ShopId("sokha")


def signed(*keys: Secret) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns a receipt as it is answered, and the keys of the service that has signed it."""
    signer = ReceiptSigner(keys or KEYS)
    return {**RECEIPT.content(), "signature": signer.sign(SHOP, RECEIPT)}, signer.jwks()


def test_a_receipt_signed_by_another_program_verifies() -> None:
    """The receipt was made with openssl and not with our code."""
    told = verify(VECTOR["receipt"], VECTOR["jwks"])
    assert told["shop"] == "sokha"
    assert told["messages_deleted"] == 7


def test_our_receipts_verify_by_the_public_keys_alone() -> None:
    """A receipt in a line of an export and a receipt with its shop verify too. The result is the signed data."""
    receipt, jwks = signed()
    expected = {"shop": "sokha", **RECEIPT.content()}
    assert verify(receipt, jwks) == expected
    assert verify({"type": "receipt", **receipt}, jwks) == expected
    assert verify({"shop": "sokha", **receipt}, jwks) == expected
    assert receipt["signature"] == signed()[0]["signature"], "the same receipt is signed alike"


def test_the_set_holds_public_keys_and_nothing_secret() -> None:
    """Any library for JWKs can read the keys. Each key has another thumbprint."""
    jwks = signed()[1]
    assert len({key.key_id for key in jwt.PyJWKSet.from_dict(jwks).keys}) == 2
    assert all(set(key) == {"kty", "crv", "x", "kid", "use", "alg"} for key in jwks["keys"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("messages_deleted", 4), ("what", "shop"), ("requested_by", "dara"), ("status", "running"), ("shop", "dara")],
)
def test_a_changed_receipt_does_not_verify(field: str, value: object) -> None:
    """The error names the field."""
    receipt, jwks = signed()
    with pytest.raises(ReceiptRefused, match=f"signed: {field}") as refused:
        verify({**receipt, field: value}, jwks)
    assert refused.value.reason == "receipt_forged"


def test_a_receipt_with_an_added_or_missing_field_does_not_verify() -> None:
    """The result covers only the signed fields."""
    receipt, jwks = signed()
    for other in ({**receipt, "note": "x"}, {n: v for n, v in receipt.items() if n != "what"}):
        with pytest.raises(ReceiptRefused, match="does not say what was signed"):
            verify(other, jwks)


def test_a_forged_signature_does_not_verify() -> None:
    """The test tries another payload with the same signature, and a signature that our key has not made."""
    receipt, jwks = signed()
    head, payload, signature = receipt["signature"].split(".")
    told = json.loads(urlsafe_b64decode(payload + "=="))
    other = urlsafe_b64encode(json.dumps({**told, "messages_deleted": 9}).encode()).rstrip(b"=").decode()
    with pytest.raises(ReceiptRefused, match="not that of these words"):
        verify({**receipt, "messages_deleted": 9, "signature": f"{head}.{other}.{signature}"}, jwks)


def test_keys_rotate() -> None:
    """The first key signs, and each key verifies. Without its key a receipt cannot be verified."""
    new, old = KEYS
    by_old, old_only = signed(old)
    assert verify(by_old, signed(new, old)[1])["purge_id"] == "p-1"
    assert verify(signed(new, old)[0], signed(new)[1])["purge_id"] == "p-1"
    assert old_only["keys"] == signed(new, old)[1]["keys"][1:]
    with pytest.raises(ReceiptRefused, match="None of the service's keys"):
        verify(by_old, signed(new)[1])


def test_a_bearer_token_is_no_receipt() -> None:
    """Any other signed text is refused too, even if the key is the same."""
    signer = ReceiptSigner(KEYS)
    private = Ed25519PrivateKey.from_private_bytes(signing_keys(KEYS, "receipt")[0])
    public = signer.jwks()["keys"][0]
    token = jwt.encode({"shop": "sokha"}, private, algorithm="EdDSA", headers={"kid": public["kid"]})
    with pytest.raises(ReceiptRefused):
        verify({"signature": token}, signer.jwks())
    unsigned = jwt.encode({"shop": "sokha"}, "", algorithm="none", headers={"kid": public["kid"]})
    with pytest.raises(ReceiptRefused):
        verify({"signature": unsigned}, signer.jwks())


@pytest.mark.parametrize("signature", [None, 7, "", "x", "a.b.c", "e30.e30.e30", "🙂.🙂.🙂"])
def test_a_text_that_is_not_a_signature_is_refused(signature: object) -> None:
    """Any other text is refused too."""
    with pytest.raises(ReceiptRefused):
        verify({**RECEIPT.content(), "signature": signature}, signed()[1])


@pytest.mark.parametrize("jwks", [{}, {"keys": None}, {"keys": [1]}, {"keys": []}, {"keys": [{"kty": "oct"}]}])
def test_a_receipt_does_not_verify_with_an_invalid_key_set(jwks: dict[str, Any]) -> None:
    """The result says so, and no other error is raised."""
    with pytest.raises(ReceiptRefused):
        verify(signed()[0], jwks)
