"""The page of a deletion request: both languages, no script, and a policy that allows only its own style."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from domain.purge import Deletion
from webhook.deletion_page import POLICY, later_page, status_page, unknown_page

AT = 1_795_683_383_572
"""2026-11-26, 08:56 UTC."""
CODE = "abcdefghijklmnopqrstuvwxyz"
DONE, BUSY = status_page(CODE, Deletion(AT, complete=True)), status_page(CODE, Deletion(AT, complete=False))
PAGES = [DONE, BUSY, unknown_page(), later_page()]


class Outline(HTMLParser):
    """Reads the elements, and the languages of the sections."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.languages: list[str | None] = []
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)
        if tag == "section":
            self.languages.append(dict(attrs).get("lang"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_whole_and_in_both_languages(page: str) -> None:
    """Every element is closed. The page loads nothing, runs nothing and sends nothing."""
    outline = Outline(page)
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert outline.open == []
    assert outline.languages == ["en", "km"]
    assert outline.tags.count("h1") == 2
    assert not {"script", "link", "img", "form", "iframe", "a", "object"} & set(outline.tags)
    assert not {"style", "src", "href", "action"} & outline.attributes
    assert not [name for name in outline.attributes if name.startswith("on")]
    assert "http" not in page
    assert "{" not in page.partition("</style>")[2]
    assert re.search("[\u1780-\u17ff]{10}", page)
    assert 'content="width=device-width' in page
    assert "prefers-color-scheme: dark" in page


@pytest.mark.parametrize("page", PAGES)
def test_the_policy_allows_only_the_style_of_the_page(page: str) -> None:
    """The policy names the style by its hash."""
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in POLICY
    assert POLICY.startswith("default-src 'none'; ")
    assert "unsafe" not in POLICY


def test_the_page_shows_the_time_and_the_state_of_the_request() -> None:
    """The time is in UTC and to the minute, in words and digits of the language."""
    for told in ("26 November 2026, 08:56 UTC", "ថ្ងៃទី២៦ ខែវិច្ឆិកា ឆ្នាំ២០២៦ ម៉ោង ០៨:៥៦", 'datetime="2026-11-26T08:56:23Z"'):
        assert told in DONE
        assert told in BUSY
    assert DONE.count(CODE) == BUSY.count(CODE) == 2
    assert ">Deleted<" in DONE
    assert ">បានលុបរួចរាល់<" in DONE
    assert "Being deleted" in BUSY
    assert "កំពុងលុប" in BUSY


def test_a_code_is_escaped_in_the_page() -> None:
    """The service's own codes have only letters and digits, but the page does not rely on it."""
    assert "<b>" not in status_page("<b>", Deletion(AT, complete=True))
