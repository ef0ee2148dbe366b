"""The check of the public address, from outside as Facebook reaches it."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count

import httpx2
import pytest

from domain.finding import Finding, Level
from domain.secret import Secret
from ops.outside import examine_public_url

URL = "https://inbox.example.com"
VERIFY = Secret("verify-token-of-this-test")

Answer = Callable[[httpx2.Request], httpx2.Response]


def service(request: httpx2.Request) -> httpx2.Response:
    """Answer as our service does."""
    query = request.url.params
    if request.url.path != "/webhook":
        return httpx2.Response(404)
    if query["hub.mode"] == "subscribe" and query["hub.verify_token"] == VERIFY.reveal():
        return httpx2.Response(200, text=query["hub.challenge"])
    return httpx2.Response(403)


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """Yields a body in the pieces in which it comes from the network."""
    for start in range(0, len(content), 65_536):
        READ.append(start)
        yield content[start : start + 65_536]


READ: list[int] = []
"""The position of each piece that was read."""


async def told(answer: Answer, url: str = URL) -> dict[str, Finding]:
    """Returns the findings by name. No finding contains the verify token."""
    words: Iterator[int] = count(1)

    def streamed(request: httpx2.Request) -> httpx2.Response:
        whole = answer(request)
        headers = {name: value for name, value in whole.headers.items() if name != "content-length"}
        return httpx2.Response(whole.status_code, headers=headers, content=pieces(whole.content))

    findings = examine_public_url(url, VERIFY, lambda: f"word{next(words)}", transport=httpx2.MockTransport(streamed))
    found = {finding.name: finding async for finding in findings}
    for finding in found.values():
        assert VERIFY.reveal() not in finding.sentence + finding.remedy
        assert bool(finding.remedy) == (finding.level != "ok")
    return found


async def test_a_correct_public_address_is_ok() -> None:
    """The address and the handshake work, and the operators' port is not reachable."""
    found = await told(service)
    assert {name: finding.level for name, finding in found.items()} == {
        "public_url": "ok",
        "public_url.handshake": "ok",
        "public_url.ops": "ok",
    }


def raises(error: Exception) -> Answer:
    """Raise, because there is no answer."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        raise error

    return answer


def bad_certificate(_: httpx2.Request) -> httpx2.Response:
    """Raise the error of a bad certificate, as httpx does."""
    try:
        raise ssl.SSLCertVerificationError("self-signed certificate")
    except ssl.SSLError as error:
        raise httpx2.ConnectError("certificate verify failed") from error


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda _: httpx2.Response(301, headers={"location": URL + "/"}), "final address"),
        (lambda _: httpx2.Response(200, text="<h1>Welcome</h1>"), "not with the challenge"),
        (lambda _: httpx2.Response(403), "another FACEBOOK_VERIFY_TOKEN"),
        (lambda _: httpx2.Response(404), "Route /webhook"),
        (lambda _: httpx2.Response(502), "502"),
        (lambda request: httpx2.Response(200, text=request.url.params.get("hub.challenge", "")), "wrong verify token"),
        (raises(httpx2.ConnectError("refused")), "No connection"),
        (raises(TimeoutError()), "within 5 s"),
        (bad_certificate, "certificate"),
    ],
)
async def test_a_wrong_answer_of_the_public_address_is_a_failure_with_a_remedy(answer: Answer, word: str) -> None:
    """Facebook accepts no such answer."""
    finding = (await told(answer))["public_url.handshake"]
    assert finding.level == "fail"
    assert word in finding.sentence + finding.remedy


@pytest.mark.parametrize(
    ("url", "level", "asked"),
    [
        ("http://inbox.example.com", "fail", False),
        ("http://192.168.1.20:8000", "warn", False),
        ("http://127.0.0.1:8000", "warn", True),
        ("https://10.0.0.3", "warn", True),
    ],
)
async def test_the_verify_token_is_sent_without_encryption_only_to_this_machine(
    url: str, level: Level, asked: bool
) -> None:
    """Over plain HTTP, the check sends the token only to this machine."""
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        return service(request)

    found = await told(answer, url)
    assert found["public_url"].level == level
    assert any(VERIFY.reveal() in one for one in seen) is asked
    assert ("public_url.handshake" in found) is asked


async def test_public_metrics_are_a_failure() -> None:
    """If the metrics are public, a proxy forwards OPS_PORT to the internet."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/metrics":
            return httpx2.Response(200, text="# HELP page_inbox_build_info\n")
        return service(request)

    assert (await told(answer))["public_url.ops"].level == "fail"


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """The beginning of the answer is enough to see that it does not come from our service."""
    READ.clear()
    finding = (await told(lambda _: httpx2.Response(200, content=b"x" * 10_000_000)))["public_url.handshake"]
    assert finding.level == "fail"
    assert max(READ) <= 2 * 65_536
