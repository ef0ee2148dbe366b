"""`/docs` and `/openapi.json`: the same document for people and for programs.

The page is one file, which also works without its script. Its Content-Security-Policy allows three things only: its own
style sheet, its own script (both identified by their digests), and calls to this service. The usual renderers (Swagger
UI, Redoc, Scalar) are one to four megabytes of scripts that set their own styles. They would need a policy that allows
inline styles on the origin that serves the console. They would also need a copy in every image, because the page must
work without the internet.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.route import Route

HERE: Final = Path(__file__).parent

_HERE: Final = "https://address-of-this-service.invalid"
"""A placeholder in the document for the address of the service. A request's address replaces it."""

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


def policy(style: str, script: str) -> str:
    """Returns the Content-Security-Policy of the page."""
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def description_routes(routes: Sequence[Route], *, version: str, public_url: str | None = None) -> list[Route]:
    """Returns the two public routes that describe `routes`. The description leaves these two out. Without a
    `public_url`, it names the address to which the request was sent.
    """
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("docs.css", "docs.js"))

    @cache
    def document_and_page() -> tuple[bytes, bytes]:
        # The page is made at the first request. This takes 0.1 s and 5 MiB, and most processes never need the page.
        from api.docs_page import render
        from api.openapi import describe

        document = describe(routes, version=version, url=public_url.rstrip("/") if public_url else _HERE)
        return orjson.dumps(document), render(document, style, script).encode()

    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": policy(style, script),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }

    async def openapi(request: Request) -> Response:
        document, _ = await asyncio.to_thread(document_and_page)  # in a thread, so that deliveries do not wait
        return Response(_with_address(document, request), headers=headers, media_type="application/json")

    async def docs(request: Request) -> Response:
        _, page = await asyncio.to_thread(document_and_page)
        return Response(_with_address(page, request), headers=headers, media_type="text/html")

    return [
        Route("GET", "/openapi.json", openapi, "openapi", None, "This document.", described=False),
        Route("GET", "/docs", docs, "docs", None, "The same for people.", described=False),
    ]


def _with_address(body: bytes, request: Request) -> bytes:
    host = request.headers.get("host", "")
    # A stranger's text in the header must not become a part of the page.
    address = f"{request.url.scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"
    return body.replace(_HERE.encode(), address.encode())
