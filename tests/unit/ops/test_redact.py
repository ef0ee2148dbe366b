"""What a log line may contain."""

from pathlib import Path
from typing import Any

import pytest

from domain.secret import Secret
from ops.redact import MASK, redact, redact_text

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzaG9wIjoiYSJ9.c2lnbmF0dXJl"


def told(**fields: Any) -> dict[str, Any]:
    """Returns the fields after redaction."""
    return dict(redact(None, "info", fields))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"token {JWT} refused", JWT),
        (f"Authorization: Bearer {JWT}", JWT),
        ("authorization: bearer opaque.token", "opaque.token"),
        ("BASIC dXNlcjpwdw==", "dXNlcjpwdw=="),
        ("EAAGm0PX4ZCpsBAKZCexample failed", "EAAGm0PX4ZCpsBAKZCexample"),
        ("proof 123456789|abcdefSecret", "abcdefSecret"),
        ("expected sha256=0f1e2d3c got", "0f1e2d3c"),
        ("X-Hub-Signature: SHA1=ABCDEF12", "ABCDEF12"),
        ("secret 0123456789abcdef0123456789ABCDEF", "0123456789abcdef"),
        ("GET /v1/shops/a/stream?ticket=opensesame HTTP/1.1", "opensesame"),
        ("Error 111 connecting to redis://user:hunter2@cache:6379", "hunter2"),
        ("call +855 12 345 678 please", "12 345 678"),
        ("call 012345678", "012345678"),
        ("call 012-345-678", "012-345-678"),
        ("call (012) 345.678", "345.678"),
        ("លេខ០១២៣៤៥៦៧៨បាន", "០១២៣៤៥៦៧៨"),
        ("លេខ ០១២ ៣៤៥ ៦៧៨", "៣៤៥"),
        ("0\u200b1\u200b2\u200b3\u200b4\u200b5\u200b6\u200b7\u200b8", "6"),
        ("sender 6543219876543210 gone", "6543219876543210"),
    ],
)
def test_secrets_and_telephone_numbers_are_masked_in_free_text(text: str, hidden: str) -> None:
    """The text may come from any library."""
    shown = redact_text(text)
    assert hidden not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "Connection refused", "Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)", "code 190, 3 of 10",
        "Finished server process [1234567]", "Waiting for application startup.", "is it? yes",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36",
    ],
)  # fmt: skip
def test_an_ordinary_sentence_stays_unchanged(text: str) -> None:
    """Redaction must leave lines readable."""
    assert redact_text(text) == text


def test_ids_stay_unchanged() -> None:
    """Page ids look like telephone numbers, and request ids look like digests."""
    ids = {"page": "123456789012345", "shop": "0123456789", "request_id": "0" * 16, "purge_id": "f" * 32}
    assert told(**ids) == ids


def test_facts_of_a_call_to_facebook_stay_unchanged() -> None:
    """Facebook's support needs the trace id, and it may have any form."""
    line = {
        "event": "graph_failed", "edge": "conversation_messages", "page": "104200000000001", "reason": "graph_refused",
        "code": 80006, "subcode": 2018218, "trace": "Ax1EAAB01234567890", "tries": 3, "limit": "messenger",
        "token_reason": "password_changed", "wait_seconds": 3600.0,
    }  # fmt: skip
    assert told(**line) == line


def test_facts_of_a_request_stay_unchanged() -> None:
    """The access line stays readable."""
    line = {
        "event": "request", "method": "GET", "route": "/v1/shops/{shop}/messages", "status": 200, "duration_ms": 1.5,
        "client": "203.113.100.200", "kind": "conflict", "events": 12_345_678, "reason": None, "unknown": 3,
    }  # fmt: skip
    assert told(**line) == line


@pytest.mark.parametrize("key", ["text", "token", "authorization", "body", "signature", "psid", "mid", "anything"])
def test_values_under_an_unlisted_key_are_masked(key: str) -> None:
    """A new key is masked until it is in one of the lists."""
    for value in (
        "jum reap suor", b"bytes", Secret("s" * 40), 85512345678, {"text": "hello"}, ["hello"], Path("/x"),
        ValueError("hello"), object(),
    ):  # fmt: skip
        assert told(**{key: value}) == {key: MASK}


@pytest.mark.parametrize("client", ["203.113.100.200", "2001:db8::1", "127.0.0.1", None])
def test_an_ip_address_as_the_client_stays_unchanged(client: str | None) -> None:
    """The client is None if a socket has no address."""
    assert told(client=client) == {"client": client}


@pytest.mark.parametrize("client", ["Sok Dara", "7000000000000001", "012 345 678", "203.113.100.200, x", "", ["a"], 5])
def test_a_client_that_is_not_an_ip_address_is_masked(client: object) -> None:
    """A proxy may pass on any name that a caller chose."""
    assert told(client=client) == {"client": MASK}


@pytest.mark.parametrize("key", ["shop", "kind", "event", "detail"])
def test_an_object_under_a_listed_key_is_masked(key: str) -> None:
    """The text of an object may contain anything."""
    assert told(**{key: {"text": "hello"}}) == {key: MASK}
    assert told(**{key: Secret("s" * 40)}) == {key: MASK}


def test_an_event_that_is_not_a_slug_is_redacted_as_free_text() -> None:
    """A message that code joined by hand is free text too."""
    assert "12345678" not in told(event="could not call 012345678")["event"]
    assert told(event="server_started") == {"event": "server_started"}


def test_the_settings_summary_passes() -> None:
    """The summary masks its own secrets."""
    summary = {"TOKEN_KEYS": "set", "MESSAGE_TTL": "432000"}
    assert told(settings=summary) == {"settings": summary}


def test_a_long_text_is_cut() -> None:
    """The log never holds a text of a megabyte."""
    assert len(redact_text("x" * 100_000)) == 1000
