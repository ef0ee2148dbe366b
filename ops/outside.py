"""Checks the public address as Facebook sees it: the handshake must work, and no route for operators may be reachable.

This machine resolves and calls the address like any caller, through every proxy before the service. But it is not
outside its own network. So an address that works from here may still be closed to Facebook.
https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import httpx2

from domain.finding import Finding
from domain.secret import Secret
from ops import values

WEBHOOK: Final = "/webhook"

TRY_SECONDS: Final = 5.0
"""Seconds that Facebook waits for a webhook."""

_MOST_BYTES: Final = 65_536
"""Bytes of an answer after which reading stops. A challenge has a few dozen bytes. Of /metrics the beginning is
enough."""

_OURS: Final = b"page_inbox_"

NewWord = Callable[[], str]
"""Returns a random word of letters and digits. Each call returns a new word."""


class _Unanswered(Exception):
    """No answer arrived. `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def examine_public_url(
    public_url: str,
    verify_token: Secret | None,
    new_word: NewWord,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> AsyncIterator[Finding]:
    """Yields the findings about PUBLIC_URL. `transport` replaces the network in tests.

    The verify token is sent only over HTTPS, or to this machine itself.
    """
    address = _address(public_url)
    yield address
    if address.level == "fail":
        return
    # As Facebook does: certificates are checked, redirects are not followed, and the machine's proxy settings are
    # ignored.
    async with httpx2.AsyncClient(
        headers={"Accept-Encoding": "identity"},  # the challenge is compared byte for byte
        follow_redirects=False,
        timeout=None,
        transport=transport,
        trust_env=False,
    ) as client:
        if verify_token is not None and (public_url.startswith("https:") or _this_machine(public_url)):
            yield await _handshake(client, public_url, verify_token, new_word)
        yield await _nothing_of_the_operators(client, public_url)


def _this_machine(public_url: str) -> bool:
    return values.is_loopback(urlsplit(public_url).hostname or "")


def _address(public_url: str) -> Finding:
    """Returns a finding that says whether Facebook would accept the address."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if not _everybodys(host):
        sentence = "PUBLIC_URL is an address of this machine or of a private network: Facebook cannot reach it."
        return Finding("public_url", "warn", sentence, "Set it to the address that Facebook is to call, with https.")
    if parts.scheme != "https":
        sentence = "PUBLIC_URL is not https: Facebook delivers to nothing else."
        return Finding("public_url", "fail", sentence, "Put a TLS certificate before the service; set it to https://.")
    return Finding("public_url", "ok", "PUBLIC_URL is an https address.")


def _everybodys(host: str) -> bool:
    if values.is_loopback(host):
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return True


async def _handshake(client: httpx2.AsyncClient, public_url: str, verify_token: Secret, new_word: NewWord) -> Finding:
    challenge, wrong = new_word(), new_word()

    def query(token: str) -> Mapping[str, str]:
        return {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}

    try:
        status, body = await _get(client, public_url + WEBHOOK, query(verify_token.reveal()))
        if status != 200 or body != challenge.encode():
            return _wrong(status)
        refused, _ = await _get(client, public_url + WEBHOOK, query(wrong))
    except _Unanswered as error:
        return _unanswered(error.reason)
    if refused != 403:
        sentence = f"The webhook takes a wrong verify token too (it answers {refused} and not 403)."
        return Finding("public_url.handshake", "fail", sentence, "Is something else answering at PUBLIC_URL?")
    return Finding("public_url.handshake", "ok", "The webhook answers Facebook's handshake.")


def _wrong(status: int) -> Finding:
    """Returns the finding for a wrong answer."""
    sentence, remedy = f"The webhook answers {status} instead of the challenge.", "Does PUBLIC_URL lead to the service?"
    if 300 <= status < 400:
        remedy = "Facebook follows no redirect: set PUBLIC_URL to the final address, here and in the app's dashboard."
    elif status == 200:
        sentence = "Something answers 200 at the webhook, but not with the challenge."
    elif status == 403:
        remedy = "The service there has another FACEBOOK_VERIFY_TOKEN than this; or a firewall answers in its place."
    elif status == 404:
        remedy = f"Route {WEBHOOK} to the service's PORT."
    elif status >= 500:
        remedy = "Is the service up (/livez on OPS_PORT), and does what stands before it find it?"
    return Finding("public_url.handshake", "fail", sentence, remedy)


def _unanswered(reason: str) -> Finding:
    sentence, remedy = {
        "certificate": (
            "The certificate at PUBLIC_URL is not one that is trusted for its name.",
            "Renew it, or serve the whole chain; Facebook takes no self-signed one.",
        ),
        "timeout": (
            f"Nothing answered at PUBLIC_URL within {TRY_SECONDS:.0f} s.",
            "Does a firewall drop what comes in? Does this machine reach its own public address?",
        ),
    }.get(
        reason,
        ("No connection to PUBLIC_URL.", "Does its name resolve, and does something listen there for everybody?"),
    )
    return Finding("public_url.handshake", "fail", sentence, remedy)


async def _nothing_of_the_operators(client: httpx2.AsyncClient, public_url: str) -> Finding:
    """Checks that /metrics is not reachable from outside: it is for OPS_PORT only."""
    try:
        status, body = await _get(client, public_url + "/metrics", {})
    except _Unanswered:
        status, body = 0, b""
    if status == 200 and _OURS in body:
        sentence = "The operators' /metrics can be read at PUBLIC_URL by everybody."
        return Finding("public_url.ops", "fail", sentence, "Route PORT to the public, and OPS_PORT never.")
    return Finding("public_url.ops", "ok", "The operators' /metrics is not there for everybody.")


async def _get(client: httpx2.AsyncClient, url: str, query: Mapping[str, str]) -> tuple[int, bytes]:
    """Returns the status and the beginning of the body. Raises _Unanswered."""
    try:
        async with asyncio.timeout(TRY_SECONDS), client.stream("GET", url, params=query) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _MOST_BYTES:
                    break
            return response.status_code, bytes(body)
    except TimeoutError:
        raise _Unanswered("timeout") from None
    except httpx2.RequestError as error:
        raise _Unanswered("certificate" if _of_certificate(error) else "unreachable") from None


def _of_certificate(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None
