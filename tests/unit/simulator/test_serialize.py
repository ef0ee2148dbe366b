"""Facebook's spelling of JSON, compared with a body written by hand."""

import hashlib
import hmac
import json

import pytest

from domain.ids import MessageId, PageId, Psid
from domain.secret import Secret
from simulator.payloads import one_message
from simulator.serialize import serialize
from simulator.signing import signed

# Made by hand from Facebook's documentation, and signed with `openssl dgst -sha256 -hmac shop-app-secret-1`.
BODY = (
    rb'{"object":"page","entry":[{"id":"900100200300400","time":1770000000500,"messaging":[{"sender":'
    rb'{"id":"7000000000000001"},"recipient":{"id":"900100200300400"},"timestamp":1770000000123,"message":'
    rb'{"mid":"m_TEST_0001","text":"\u179f\u17bd\u179f\u17d2\u178f\u17b8 \ud83d\ude4f https:\/\/shop.example\/1"}}]}]}'
)
SIGNATURE = b"sha256=e82451a00d57ecfa123475436cd00ceb37ee018d060bf8006d6e3cc452536ba7"
SECRET = Secret("shop-app-secret-1")


def test_a_khmer_message_has_the_same_bytes_as_at_facebook() -> None:
    """The spelling has lower-case hex digits, surrogate pairs and escaped slashes."""
    document = one_message(
        PageId("900100200300400"),
        Psid("7000000000000001"),
        "សួស្តី 🙏 https://shop.example/1",
        MessageId("m_TEST_0001"),
        1_770_000_000_123,
    )
    assert serialize(document) == BODY


def test_a_body_is_signed_as_openssl_signs_it() -> None:
    """openssl made the expected value."""
    assert signed(BODY, SECRET) == [(b"X-Hub-Signature-256", SIGNATURE)]


def test_a_signature_verifies_by_a_plain_hmac() -> None:
    """The test computes the hmac without the code under test."""
    [(_, value)] = signed(b"{}", SECRET)
    assert value.decode() == "sha256=" + hmac.new(b"shop-app-secret-1", b"{}", hashlib.sha256).hexdigest()


@pytest.mark.parametrize("text", ["a/b", "<3", "\u200bខ្មែរ", "😀", '"\\/', "tab\tline\n", "\ud83d"])
def test_every_text_is_read_back_unchanged(text: str) -> None:
    """The text may have lone surrogates."""
    body = serialize({"text": text})
    assert body.isascii()
    assert json.loads(body) == {"text": text}


def test_a_less_than_sign_is_escaped_with_an_upper_case_letter() -> None:
    """Facebook uses lower case in all its other escapes."""
    assert serialize({"t": "<3 ស"}) == rb'{"t":"\u003C3 \u179f"}'


def test_a_value_without_a_json_form_is_refused() -> None:
    """With NaN the body would not be JSON."""
    with pytest.raises(ValueError, match="JSON"):
        serialize({"n": float("nan")})
