"""A running service that an operator's command uses over HTTP, with a token."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import httpx2
import orjson

from domain.errors import PageInboxError
from domain.ids import PageId, ShopId
from domain.secret import Secret

ANSWER_SECONDS: Final = 20.0
"""Seconds to wait for an answer. The service itself gives up after 15 seconds, also when it calls Facebook."""
ERASING_SECONDS: Final = 600.0
"""Seconds to wait for the end of a purge. A purge of a million messages takes less than a minute. If the command stops
waiting, the service still continues the purge."""
LOOK_SECONDS: Final = 0.2
EXPORT_SECONDS: Final = 60.0
"""Seconds without a byte after which an export is given up."""

_REMEDIES: Final[Mapping[int, str]] = {
    401: "Give a token of this service: --token, or TOKEN in the environment; `page-inbox token` mints one.",
    403: "It needs a token for this shop with the scope shop:admin for Pages, messages:purge for deleting.",
}
_WHERE: Final = "Is --url the public address of a service?"


class ServiceRefused(PageInboxError):
    """Raised when the running service refuses the request. The sentence gives the reason."""


class Remote:
    """A running service. Redirects are not followed, so the token is sent only to the given address."""

    def __init__(self, client: httpx2.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def shop(self, shop: ShopId) -> dict[str, Any]:
        """GET ."""
        return await self._ask("GET", shop)

    async def page(self, shop: ShopId, page: PageId) -> dict[str, Any]:
        """GET pages/{page}"""
        return await self._ask("GET", shop, "pages", page)

    async def heal(self, shop: ShopId, page: PageId) -> dict[str, Any]:
        """POST pages/{page}/heal"""
        return await self._ask("POST", shop, "pages", page, "heal")

    async def connect(self, shop: ShopId, page: PageId, token: Secret | None, history: bool) -> dict[str, Any]:
        """PUT pages/{page}"""
        body: dict[str, Any] = {} if token is None else {"access_token": token.reveal()}
        if not history:
            body["history"] = False
        return await self._ask("PUT", shop, "pages", page, body=body)

    async def disconnect(self, shop: ShopId, page: PageId) -> dict[str, Any]:
        """DELETE pages/{page}"""
        return await self._ask("DELETE", shop, "pages", page)

    async def purge(self, shop: ShopId, conversation: str | None, message: str | None) -> dict[str, Any]:
        """DELETE messages, messages/{id} or conversations/{id}"""
        if conversation:
            return await self._ask("DELETE", shop, "conversations", conversation)
        return await self._ask("DELETE", shop, "messages", *([message] if message else []))

    async def erased(self, shop: ShopId, receipt: dict[str, Any]) -> dict[str, Any]:
        """GET purges/{purge_id} until the purge is complete. A Page's receipt needs the scope messages:purge too."""
        try:
            async with asyncio.timeout(ERASING_SECONDS):
                while receipt["status"] != "complete":
                    await asyncio.sleep(LOOK_SECONDS)
                    receipt = await self._ask("GET", shop, "purges", receipt["purge_id"])
        except TimeoutError:
            pass  # the messages are already unreadable, and the service erases the rest
        return receipt

    @asynccontextmanager
    async def export(self, shop: ShopId) -> AsyncIterator[AsyncIterator[bytes]]:
        """GET export. Yields the body, part by part."""
        try:
            async with self._client.stream("GET", self._address(shop, "export"), timeout=EXPORT_SECONDS) as answer:
                if answer.status_code != httpx2.codes.OK:
                    raise self._refusal(answer.status_code, _object(await answer.aread()))
                yield answer.aiter_bytes()
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            sentence = (
                f"{self._url} does not answer, or not to the end ({type(error).__name__}). The copy is not complete."
            )
            raise ServiceRefused("export_cut_off", sentence) from None

    def _address(self, shop: ShopId, *path: str) -> str:
        return "/".join((self._url, "v1/shops", *(quote(part, safe="") for part in (shop, *path))))

    async def _ask(self, method: str, shop: ShopId, *path: str, body: Any = None) -> dict[str, Any]:
        content = None if body is None else orjson.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            answer = await self._client.request(method, self._address(shop, *path), content=content, headers=headers)
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            sentence = f"{self._url} does not answer ({type(error).__name__}). {_WHERE}"
            raise ServiceRefused("service_unreachable", sentence) from None
        found = _object(answer.content)
        if answer.status_code in {httpx2.codes.OK, httpx2.codes.ACCEPTED} and found:
            return found
        raise self._refusal(answer.status_code, found)

    def _refusal(self, status: int, found: Mapping[str, Any]) -> ServiceRefused:
        if "request_id" not in found:
            sentence = f"{self._url} answers {status}, and not as Page Inbox does. {_WHERE}"
            return ServiceRefused("no_answer_of_ours", sentence)
        sentence = f"{found['detail']} ({status} {found['reason']}, request {found['request_id']})"
        return ServiceRefused(found["reason"], f"{sentence} {_REMEDIES.get(status, '')}".rstrip())


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


@asynccontextmanager
async def remote(url: str, token: Secret) -> AsyncIterator[Remote]:
    """Yields the service at this address.

    Raises:
        ServiceRefused: `url` is not an address.
    """
    if not url.startswith(("http://", "https://")):
        raise ServiceRefused("url_refused", "--url must begin with https://, or http:// on this machine.")
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    async with httpx2.AsyncClient(headers=headers, timeout=ANSWER_SECONDS, trust_env=False) as client:
        yield Remote(client, url)
