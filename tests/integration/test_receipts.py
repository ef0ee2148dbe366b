"""A person who keeps a receipt can verify it later, with a command or with any library."""

import json
import subprocess
from pathlib import Path

import httpx2
import jwt
import pytest

from tests.callers import CUSTOMER, PAGE, Facebook, Shop
from tests.service import Service, environment, run_command
from tests.support import NO_TLS, wait_until_blocking


def verified(*arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    """Run `page-inbox receipt verify` until it ends. SEAL_KEYS are in its environment."""
    return run_command(["receipt", "verify", *arguments], environment(None), typed=typed)


def keys_of(service: Service) -> httpx2.Response:
    """Returns the public keys, fetched without a token."""
    return httpx2.get(f"{service.url}/.well-known/jwks.json", trust_env=False, verify=NO_TLS)


@pytest.mark.parametrize("path", ["/messages", f"/conversations/{PAGE}_{CUSTOMER}", "/messages/m_1", f"/pages/{PAGE}"])
def test_every_complete_receipt_is_signed(service: Service, shop: Shop, facebook: Facebook, path: str) -> None:
    """The receipt is the same each time it is read."""
    assert facebook.text("m_1").status_code == 200
    receipt = shop.purge(path)
    wait_until_blocking(lambda: shop.get(f"/purges/{receipt['purge_id']}")["status"] == "complete")
    receipt = shop.get(f"/purges/{receipt['purge_id']}")
    key = jwt.PyJWKSet.from_dict(keys_of(service).json()).keys[0]
    payload = json.loads(jwt.PyJWS().decode(receipt.pop("signature"), key, algorithms=["EdDSA"]))
    assert payload == {"shop": "shop-1", **receipt}


def test_the_keys_are_public(service: Service) -> None:
    """The answer is public and can be cached for an hour."""
    answer = keys_of(service)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=3600")
    assert [key["alg"] for key in answer.json()["keys"]] == ["EdDSA"]


def test_the_command_verifies_a_receipt_and_shows_its_signed_fields(
    service: Service, shop: Shop, tmp_path: Path
) -> None:
    """The keys come from the service, a file, or SEAL_KEYS. A receipt that was not signed causes exit code 1."""
    receipt = shop.purge("/messages/m_1")
    file, keys = tmp_path / "receipt.json", tmp_path / "jwks.json"
    file.write_text(json.dumps(receipt))
    keys.write_bytes(keys_of(service).content)
    for source in (("--url", service.url), ("--jwks", str(keys)), ()):
        done = verified(str(file), *source)
        assert done.returncode == 0, done.stderr
        for told in ("Valid.", "shop: shop-1", "what: message", f"purge_id: {receipt['purge_id']}"):
            assert told in done.stdout
    forged = verified("-", typed=json.dumps({**receipt, "messages_deleted": 9}))
    assert (forged.returncode, forged.stdout.strip()) == (
        1,
        "Not valid: It does not say what was signed: messages_deleted.",
    )


def test_the_command_reports_that_it_cannot_verify(tmp_path: Path) -> None:
    """Without keys, without a receipt, or with both kinds of keys, the command prints one sentence and never ends with
    exit code 0.
    """
    file = tmp_path / "receipt.json"
    file.write_text("no receipt")
    assert "does not hold a JSON object" in verified(str(file)).stderr
    unreachable = verified(str(file), "--url", "http://127.0.0.1:1")
    assert (unreachable.returncode, "does not answer its keys" in unreachable.stderr) == (1, True)
    assert verified(str(file), "--url", "http://127.0.0.1:1", "--jwks", str(file)).returncode == 2
