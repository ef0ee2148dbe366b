"""The service serves the console's files with a policy and with caching, and it serves no other files."""

import gzip
import re
from collections.abc import Iterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from client.files import MODULE, TYPES
from console.routes import HERE, KINDS, Console, policy


@pytest.fixture
def client() -> Iterator[TestClient]:
    """Yields a client of the two routes."""
    console = Console(MODULE, TYPES)
    routes = [Route("/console", console.page), Route("/console/{version}/{file:path}", console.file)]
    found = TestClient(Starlette(routes=routes), headers={"Accept-Encoding": "identity"})
    yield found
    found.close()


def base(client: TestClient) -> str:
    """Returns the address of the page's own files."""
    found = re.search(r'name="page-inbox-base" content="([^"]+)"', client.get("/console").text)
    assert found is not None
    return found.group(1)


def directives(answer: httpx2.Response) -> dict[str, str]:
    """Returns the policy by directive."""
    parts = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_the_policy_allows_only_our_own_files_and_facebooks_media(client: TestClient) -> None:
    """The policy allows nothing inline, nothing from other servers and no frame, and text never becomes HTML. Every
    answer has the policy."""
    for path in ("/console", f"{base(client)}/js/main.js", f"{base(client)}/icons.svg"):
        answer = client.get(path)
        told = directives(answer)
        assert told["default-src"] == told["base-uri"] == told["form-action"] == told["frame-ancestors"] == "'none'"
        assert told["script-src"] == told["style-src"] == told["connect-src"] == "'self'"
        assert told["img-src"] == "'self' https://*.fbcdn.net https://*.fbsbx.com https://*.facebook.com"
        assert told["media-src"] == "https://*.fbcdn.net https://*.fbsbx.com https://*.facebook.com"
        assert (told["require-trusted-types-for"], told["trusted-types"]) == ("'script'", "'none'")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"


def test_pages_of_the_listed_origins_may_embed_the_console_and_open_it() -> None:
    """Pages of other origins may not embed it. Windows of the listed origins can receive messages from the console."""
    console = Console(MODULE, TYPES, (), ("https://pos.example",))
    with TestClient(Starlette(routes=[Route("/console", console.page)])) as page:
        answer = page.get("/console")
    assert directives(answer)["frame-ancestors"] == "https://pos.example"
    assert answer.headers["cross-origin-opener-policy"] == "unsafe-none"
    assert '<meta name="page-inbox-partners" content="https://pos.example">' in answer.text


def test_the_policy_also_allows_the_pictures_of_the_demo() -> None:
    """These pictures come from the address of the demo's Graph API."""
    assert "img-src 'self' http://127.0.0.1:1;" in policy(["http://127.0.0.1:1"])


def test_the_browser_revalidates_the_page_and_caches_its_files(client: TestClient) -> None:
    """A browser that has the page and a file gets 304 for both. Files under the address of another release are
    served, but may not be cached.
    """
    page = client.get("/console")
    assert page.headers["cache-control"] == "no-cache"
    assert client.get("/console", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    file = client.get(f"{base(client)}/theme.css")
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = client.get(f"{base(client)}/theme.css", headers={"If-None-Match": f'W/{file.headers["etag"]}, "x"'})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/console/an-older-release/theme.css")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-store")


def test_files_are_compressed_for_callers_that_accept_gzip(client: TestClient) -> None:
    """Other callers get the files uncompressed. `Vary` makes caches store the two forms separately."""
    plain = client.get(f"{base(client)}/words/km.json")
    with client.stream("GET", f"{base(client)}/words/km.json", headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    assert plain.headers["vary"] == answer.headers["vary"] == "Accept-Encoding"


def test_every_file_that_the_page_names_is_there_and_has_its_type(client: TestClient) -> None:
    """Every file for browsers in the folder is named, because the page fetches each module early."""
    named = set(re.findall(r'(?:href|src)="/console/[0-9a-f]{16}/([^"]+)"', client.get("/console").text))
    for name in named:
        answer = client.get(f"{base(client)}/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == KINDS[f".{name.rpartition('.')[2]}"]
    assert "js/page-inbox.js" in named
    modules = {path.relative_to(HERE).as_posix() for path in HERE.rglob("*") if path.suffix in {".js", ".css"}}
    assert modules <= named


@pytest.mark.parametrize(
    "name", ["routes.py", "__init__.py", "index.html", "../api/auth.py", "js", "", "js/../routes.py", "nothing.js"]
)
def test_no_other_file_is_served(client: TestClient, name: str) -> None:
    """The service serves no source code, no folder and nothing outside the folder."""
    assert client.get(f"/console/x/{name.replace('..', '%2e%2e')}").status_code == 404


def test_a_page_of_any_origin_may_load_the_client_and_keeps_it_for_a_day() -> None:
    """The console uses the same module. Only the module's types are served beside it."""
    console = Console(MODULE, TYPES)
    routes = [Route("/client/{file}", console.client), Route("/console/{version}/{file:path}", console.file)]
    client = TestClient(Starlette(routes=routes))
    answer = client.get("/client/v1.js", headers={"Origin": "https://composer.example"})
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"].startswith("public, max-age=86400")
    assert answer.content == MODULE.read_bytes() == client.get("/console/x/js/page-inbox.js").content
    assert [client.get(f"/client/{path.name}").text for path in TYPES] == [path.read_text("utf-8") for path in TYPES]
    assert client.get("/client/files.py").status_code == 404
    client.close()


def test_the_page_has_no_inline_script_or_style(client: TestClient) -> None:
    """The policy would refuse a style, a handler, or a script with a body."""
    page = client.get("/console").text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == ["", ""]


def test_no_script_turns_text_into_html_or_code() -> None:
    """The scripts have one function that sets attributes, and it refuses HTML and code too."""
    banned = re.compile(r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser")
    found = {path.name for path in (HERE / "js").glob("*.js") if banned.search(path.read_text(encoding="utf-8"))}
    assert found == set()


def test_lines_of_scripts_and_styles_have_at_most_120_characters() -> None:
    """A line has at most 120 characters."""
    sources = [path for path in HERE.rglob("*") if path.suffix in {".js", ".css"}]
    wide = [path.name for path in sources for line in path.read_text(encoding="utf-8").splitlines() if len(line) > 120]
    assert wide == []
