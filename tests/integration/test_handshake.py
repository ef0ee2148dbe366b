"""The GET with which Facebook checks the callback, over a real connection."""

from pathlib import Path

import httpx2
import pytest

from tests.service import VERIFY_TOKEN, Service, serving
from tests.support import NO_TLS

TOKEN = VERIFY_TOKEN.reveal()


def ask(service: Service, query: str) -> httpx2.Response:
    """Send the handshake with this query, without any change of the query."""
    return httpx2.get(f"{service.url}/webhook?{query}", trust_env=False, verify=NO_TLS)


@pytest.mark.parametrize(
    ("encoded", "answered"),
    [
        ("1158201444", b"1158201444"),
        ("0012", b"0012"),
        ("a%20b+c%26d%3Cscript%3E", b"a b c&d<script>"),
        ("%E1%9E%9F%E1%9E%BD", "សួ".encode()),
        ("%FF%00%0D%0A", b"\xff\x00\r\n"),
        ("x" * 4000, b"x" * 4000),
    ],
    ids=["number", "zeros", "signs", "khmer", "no-utf8", "long"],
)
def test_the_challenge_comes_back_byte_for_byte(service: Service, encoded: str, answered: bytes) -> None:
    """Facebook documents the challenge as a number. The service returns any bytes unchanged."""
    answer = ask(service, f"hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge={encoded}")
    assert (answer.status_code, answer.content) == (200, answered)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "hub.mode=subscribe&hub.challenge=canary",
        "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=canary",
        f"hub.mode=subscribe&hub.verify_token={TOKEN}x&hub.challenge=canary",
        f"hub.mode=unsubscribe&hub.verify_token={TOKEN}&hub.challenge=canary",
        f"hub.verify_token={TOKEN}&hub.challenge=canary",
        f"hub.mode=subscribe&hub.verify_token={TOKEN}",
        f"hub.mode=subscribe&hub.verify_token={TOKEN}&hub.verify_token=wrong&hub.challenge=canary",
        "hub.mode=subscribe&hub.verify_token=%FF%FE&hub.challenge=canary",
    ],
)
def test_any_other_request_is_refused_without_the_challenge(service: Service, query: str) -> None:
    """The answer is 403 and contains neither the challenge nor the token."""
    answer = ask(service, query)
    assert answer.status_code == 403
    assert b"canary" not in answer.content
    assert TOKEN.encode() not in answer.content


def test_the_handshake_needs_no_redis(tmp_path: Path) -> None:
    """A service that has never reached its Redis answers the handshake. It is alive but not ready."""
    with serving(f"unix://{tmp_path}/nothing.sock", tmp_path / "log", ready="/livez") as service:
        answer = ask(service, f"hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge=42")
        assert (answer.status_code, answer.content) == (200, b"42")
        assert not service.answers("/readyz")
        assert service.terminate() == 0
