"""`/console` and its files, served with a policy that allows nothing from elsewhere.

The page names its files by their digest. Browsers may cache them for ever, and never mix a new release with an old one.
During a rollout a replica gets requests for another release's files: it answers with its own, which no browser caches.
"""

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

HERE: Final = Path(__file__).parent
KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml"}
"""Endings of the files that are served, with their media types. Other files of this folder are not served."""

FACEBOOK_PICTURES: Final = ("https://*.fbcdn.net", "https://*.fbsbx.com", "https://*.facebook.com")
"""Where Facebook keeps pictures, voices and videos. Not all of https: a customer chooses the links in a message, and a
picture on the customer's own server would report when and where the message is read."""

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_A_DAY: Final = "public, max-age=86400, stale-while-revalidate=604800"
"""Within v1 the client gets additions alone, so that a page may use one of another release for a while."""

_ASK_FIRST: Final = "no-cache"
_KEEP_NOTHING: Final = "no-store"


def policy(pictures: Iterable[str], partners: Iterable[str] = ()) -> str:
    """The Content-Security-Policy: our own files, our own API, pictures from these sources, in frames of partners."""
    sources = " ".join(pictures)
    embedders = " ".join(partners) or "'none'"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            f"img-src 'self' {sources}",
            f"media-src {sources}",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {embedders}",
            # Text becomes HTML nowhere: a browser that knows these refuses every innerHTML.
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


@dataclass(frozen=True, slots=True)
class _File:
    """One file, plain and packed; `etag` is quoted."""

    kind: str
    plain: bytes
    packed: bytes
    etag: str


class Console:
    """The page and its files, and the client of the API on which the page is built.

    `client` is the client's module and `types` its types. `pictures` are sources of pictures beside Facebook's, as a
    policy writes them. `partners` are the origins of pages that may embed or open the console and get orders from it.
    """

    def __init__(
        self, client: Path, types: Iterable[Path], pictures: Sequence[str] = (), partners: Sequence[str] = ()
    ) -> None:
        self._sources = (*FACEBOOK_PICTURES, *pictures)
        self._partners = partners
        self._module = client
        self._types = types
        self._headers = {
            "Content-Security-Policy": policy(self._sources, partners),
            # A page that has opened the console hears from it only in the same group of browsing contexts.
            "Cross-Origin-Opener-Policy": "unsafe-none" if partners else "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }

    # The files take 14 ms and 0.6 MiB, and most processes never serve them. So they are read at the first request.

    @cached_property
    def _files(self) -> dict[str, _File]:
        own = {path.relative_to(HERE).as_posix(): path for path in sorted(HERE.rglob("*")) if path.suffix in KINDS}
        # The client has an address among the page's files too, so that the page always gets the one of its release.
        paths = {**own, f"js/{self._module.name}": self._module}
        return {name: _file(KINDS[path.suffix], path.read_bytes()) for name, path in paths.items()}

    @cached_property
    def _client(self) -> dict[str, _File]:
        types = {path.name: _file("text/plain", path.read_bytes()) for path in self._types}
        return {**types, "v1.js": self._files[f"js/{self._module.name}"]}

    @cached_property
    def version(self) -> str:
        """The digest of all files."""
        return _digest("".join(f"{name}={file.etag}" for name, file in self._files.items()).encode())

    @cached_property
    def _page(self) -> _File:
        return _file("text/html", self._rendered().encode())

    async def begin(self, _: Request) -> Response:
        """GET /: a person who types the host's name comes to the console."""
        return Response(status_code=307, headers={"location": "console", "cache-control": _KEEP_NOTHING})

    async def page(self, request: Request) -> Response:
        """GET /console"""
        return self._answer(request, self._page, _ASK_FIRST)

    async def file(self, request: Request) -> Response:
        """GET /console/{version}/{file}"""
        file = self._files.get(request.path_params["file"])
        if file is None:
            raise HTTPException(404)
        ours = request.path_params["version"] == self.version
        return self._answer(request, file, _FOR_EVER if ours else _KEEP_NOTHING)

    async def client(self, request: Request) -> Response:
        """GET /client/{file}: for pages of any origin."""
        file = self._client.get(request.path_params["file"])
        if file is None:
            raise HTTPException(404)
        answer = self._answer(request, file, _A_DAY)
        answer.headers["Access-Control-Allow-Origin"] = "*"
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer

    def _answer(self, request: Request, file: _File, keeping: str) -> Response:
        headers = {**self._headers, "Cache-Control": keeping, "ETag": file.etag}
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if file.etag in known:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.kind)
        return Response(file.plain, headers=headers, media_type=file.kind)

    def _rendered(self) -> str:
        base = f"/console/{self.version}"
        modules = [name for name in self._files if name.endswith(".js") and name != "js/early.js"]
        # All at once: else a telephone would fetch them one after the other, as each names the next.
        early = "\n".join(f'<link rel="modulepreload" href="{base}/{name}">' for name in modules)
        page = (HERE / "index.html").read_text(encoding="utf-8")
        values = {
            "{base}": base,
            "{modules}": early,
            "{pictures}": escape(" ".join(self._sources)),
            "{partners}": escape(" ".join(self._partners)),
        }
        for name, value in values.items():
            page = page.replace(name, value)
        return page


def _file(kind: str, content: bytes) -> _File:
    return _File(kind, content, gzip.compress(content, mtime=0), f'"{_digest(content)}"')


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]
