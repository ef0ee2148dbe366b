"""Genuine signature headers verify, and forged ones never do."""

import hashlib
import hmac

import pytest

from domain.secret import Secret
from simulator.signing import FORGERIES, Forgery, forged, signed

SECRET = Secret("shop-app-secret-1")
BODY = b'{"object":"page","entry":[]}'
RIGHT = b"sha256=" + hmac.new(b"shop-app-secret-1", BODY, hashlib.sha256).hexdigest().encode()


def test_a_genuine_delivery_has_only_the_correct_signature() -> None:
    """A plain hmac makes the signature for comparison."""
    assert signed(BODY, SECRET) == [(b"X-Hub-Signature-256", RIGHT)]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_never_has_the_correct_signature(forgery: Forgery) -> None:
    """The test covers each kind of forgery."""
    assert (b"X-Hub-Signature-256", RIGHT) not in forged(BODY, SECRET, forgery)


def test_forgeries_differ_from_each_other() -> None:
    """There are five kinds of forgery."""
    assert len({tuple(forged(BODY, SECRET, forgery)) for forgery in FORGERIES}) == len(FORGERIES) == 5


def test_the_legacy_signature_is_a_correct_sha1_signature() -> None:
    """A receiver that accepts SHA-1 as a substitute therefore fails a test."""
    right = hmac.new(b"shop-app-secret-1", BODY, hashlib.sha1).hexdigest().encode()
    assert forged(BODY, SECRET, "legacy_only") == [(b"X-Hub-Signature", b"sha1=" + right)]
