"""The page `/docs` for people shows the whole document and loads nothing from elsewhere."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from api.docs_page import curl, render
from api.openapi import describe
from tests.unit.api.fakes import Setup, Store, table

VOID = {"meta", "link", "br"}


class Outline(HTMLParser):
    """Reads the elements, ids and links of a page. Fails on a tag that is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the tag."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the tag closes the tag that was opened last."""
        assert self.open.pop() == tag


@pytest.fixture
def page(setup: Setup) -> str:
    """Returns the page as the service sends it."""
    answer = setup.client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def test_the_page_is_well_formed_and_all_its_links_have_a_target(page: str) -> None:
    """Every id occurs once."""
    outline = Outline(page)
    assert outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)
    assert {link[1:] for link in outline.links if link.startswith("#")} <= set(outline.ids)


def test_the_page_loads_nothing_from_other_servers(setup: Setup, page: str) -> None:
    """The page has no inline style and no address of a third party. The policy names style sheet and script by their
    digests."""
    outline = Outline(page)
    assert [link for link in outline.links if not link.startswith("#")] == ["data:,", "openapi.json"]
    assert not outline.tags & {"iframe", "img", "object"}
    assert not {name for name in outline.attributes if name == "style" or name.startswith("on")}
    digests = []
    for name in ("style", "script"):
        (text,) = re.findall(f"<{name}>(.*?)</{name}>", page, re.DOTALL)
        digests.append(b64encode(sha256(text.encode()).digest()).decode())
        assert "http" not in text
        assert "url(" not in text
    policy = setup.client.get("/docs").headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}';")
    assert "unsafe" not in policy
    assert "connect-src 'self';" in policy


def test_every_example_uses_the_host_of_the_request(setup: Setup) -> None:
    """The page and the document use the address of the request. They do not use a value that cannot be a host."""
    for host, shown in (
        ("inbox.example:8443", "inbox.example:8443"),
        ("[::1]:8000", "[::1]:8000"),
        ('a"<b>', "localhost"),
    ):
        page = setup.client.get("/docs", headers={"Host": host})
        assert f"curl &#x27;http://{shown}/v1/shops/demo-shop" in page.text
        assert "<b>" not in page.text
        document = setup.client.get("/openapi.json", headers={"Host": host}).json()
        assert document["servers"] == [{"url": f"http://{shown}"}]


def test_the_page_is_light_and_dark(page: str) -> None:
    """The reader's system decides between light and dark."""
    assert "color-scheme: light dark" in page


def test_the_page_shows_every_operation_parameter_and_scope(setup: Setup, page: str) -> None:
    """Each operation has a command that a reader can copy."""
    for route in setup.routes:
        card = re.search(f'<article id="{route.name}">(.*?)</article>', page, re.DOTALL)
        assert card is not None
        assert f"<code>{route.path}</code>" in card[1]
        assert f"<code>{route.scope}</code>" in card[1]
        assert "$TOKEN" in card[1]
        for name in re.findall(r"{(\w+)}", route.path) + list(route.query.model_fields if route.query else ()):
            assert f"<code>{name}</code>" in card[1]


def test_the_page_escapes_the_text_of_the_document() -> None:
    """The text is escaped although it comes from our own code."""
    document = describe(table(Store()), version="<1>")
    document["info"]["description"] = "<script>`<b>`"
    page = render(document)
    assert page.count("<script") == 1
    assert "&lt;script&gt;<code>&lt;b&gt;</code>" in page
    assert "&lt;1&gt;" in page


def test_a_curl_line_names_the_public_address_and_sends_an_example() -> None:
    """A reader can copy the command and run it."""
    document = describe(table(Store()), version="1", url="https://inbox.example")
    path = "/v1/shops/{shop}"
    assert curl(document, "patch", path, document["paths"][path]["patch"]).replace(" \\\n ", "") == (
        "curl -X PATCH 'https://inbox.example/v1/shops/demo-shop' -H \"Authorization: Bearer $TOKEN\" "
        "-H 'Content-Type: application/json' -d '{\"paused\":true}'"
    )
