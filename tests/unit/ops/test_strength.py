"""Finding secrets that a person typed."""

import base64
import secrets

import pytest

from domain.finding import Level
from domain.secret import Secret
from ops.strength import weakness


@pytest.mark.parametrize(
    ("text", "level", "word"),
    [
        ("a" * 32, "fail", "repeats"),
        ("ab12" * 8, "fail", "repeats"),
        ("verysafe" * 4 + "very", "fail", "repeats"),
        ("aabbaabbabababbaabababbbabaaabab", "fail", "few different"),
        ("aaabaaaa", "fail", "few different"),
        ("abcdefghijklmnop", "fail", "sequence"),
        ("0123456789:;<=>?", "fail", "sequence"),
        ("MyPassword!2026-shop", "warn", "word"),
        ("the-secret-of-sokha", "warn", "word"),
        ("9f1c-test-77ab3e0d5c", "warn", "word"),
    ],
)
def test_a_secret_that_a_person_typed_is_reported(text: str, level: Level, word: str) -> None:
    """The error says what is weak, without repeating the value."""
    found = weakness(Secret(text))
    assert found is not None
    assert (found.level, word in found.sentence) == (level, True)
    assert text not in found.sentence


@pytest.mark.parametrize("form", [secrets.token_hex, secrets.token_urlsafe], ids=["hex", "base64"])
def test_a_random_secret_is_accepted(form: "type[str]") -> None:
    """The test covers several lengths that a setting accepts."""
    for size in (16, 32, 64):
        assert weakness(Secret(form(size))) is None


def test_the_decoded_bytes_of_a_key_are_checked() -> None:
    """The bytes from 0 to 31 are no random key, but their base64 text looks random."""
    for raw, weak in ((bytes(32), True), (bytes(range(32)), True), (secrets.token_bytes(32), False)):
        assert (weakness(Secret(base64.b64encode(raw).decode()), raw) is not None) is weak
