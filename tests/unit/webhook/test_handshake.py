"""The GET handshake returns the challenge only to a caller that knows the verify token."""

import pytest

from domain.secret import Secret
from webhook.errors import HandshakeRefused
from webhook.handshake import challenge

TOKEN = Secret("hand-in-hand-ដៃ")
RIGHT = ["subscribe"], [TOKEN.reveal()], ["1158201444"]


@pytest.mark.parametrize("text", ["1158201444", "0042", " 7 ", "សួស្តី", "<b>", '"quoted"', "9" * 4000])
def test_the_challenge_comes_back_unchanged(text: str) -> None:
    """Facebook's documentation says that the challenge is an int. The service returns it as text, so that no zero,
    space or quote is lost.
    """
    assert challenge(["subscribe"], [TOKEN.reveal()], [text], TOKEN) == text


@pytest.mark.parametrize(
    ("modes", "tokens", "challenges", "reason"),
    [
        ([], *RIGHT[1:], "handshake_incomplete"),
        (RIGHT[0], [], RIGHT[2], "handshake_incomplete"),
        (*RIGHT[:2], [], "handshake_incomplete"),
        ([""], *RIGHT[1:], "handshake_incomplete"),
        (RIGHT[0], [""], RIGHT[2], "handshake_incomplete"),
        (*RIGHT[:2], [""], "handshake_incomplete"),
        (["subscribe", "subscribe"], *RIGHT[1:], "handshake_repeated"),
        (RIGHT[0], [TOKEN.reveal(), "other"], RIGHT[2], "handshake_repeated"),
        (RIGHT[0], ["other", TOKEN.reveal()], RIGHT[2], "handshake_repeated"),
        (*RIGHT[:2], ["1", "1"], "handshake_repeated"),
        (["unsubscribe"], *RIGHT[1:], "handshake_mode"),
        (["Subscribe"], *RIGHT[1:], "handshake_mode"),
        (RIGHT[0], ["other"], RIGHT[2], "handshake_token"),
        (RIGHT[0], [TOKEN.reveal() + " "], RIGHT[2], "handshake_token"),
        (RIGHT[0], [TOKEN.reveal()[:-1]], RIGHT[2], "handshake_token"),
        (RIGHT[0], [TOKEN.reveal().upper()], RIGHT[2], "handshake_token"),
        (RIGHT[0], ["\ud83d"], RIGHT[2], "handshake_token"),
    ],
)
def test_an_incomplete_repeated_or_wrong_handshake_is_forbidden(
    modes: list[str], tokens: list[str], challenges: list[str], reason: str
) -> None:
    """Missing, empty, repeated and wrong parameters each have their reason."""
    with pytest.raises(HandshakeRefused) as refusal:
        challenge(modes, tokens, challenges, TOKEN)
    assert (refusal.value.kind, refusal.value.reason) == ("forbidden", reason)


def test_an_empty_verify_token_refuses_every_handshake() -> None:
    """Without a configured secret no handshake succeeds. An empty token in the query is an incomplete handshake."""
    for token in ("", "x"):
        with pytest.raises(HandshakeRefused):
            challenge(["subscribe"], [token], ["1"], Secret(""))


def test_the_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison uses the standard function over the whole of both texts."""
    compared: list[tuple[bytes, bytes]] = []

    def watched(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return given == expected

    monkeypatch.setattr("webhook.handshake.hmac.compare_digest", watched)
    challenge(*RIGHT, TOKEN)
    assert compared == [(TOKEN.reveal_bytes(), TOKEN.reveal_bytes())]
