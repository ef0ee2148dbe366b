"""The console has complete texts in English and Khmer. All texts are in their files."""

import json
import re
from typing import Any, Final, get_args

from api.errors import STATUS
from console.routes import HERE
from domain.purge import PurgeTarget
from domain.shop import PageStatus
from graph_client.errors import Reason as GraphReason

WORDS: Final[dict[str, dict[str, Any]]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((HERE / "words").glob("*.json"))
}
ENGLISH, KHMER = WORDS["en"], WORDS["km"]
SCRIPTS: Final = {path.name: path.read_text(encoding="utf-8") for path in sorted((HERE / "js").glob("*.js"))}
SAME: Final = {"date.both", "date.clock", "date.short", "kind.reel", "message.in", "number"}
"""Texts that are equal in both languages: patterns, and a name of Facebook's."""
_NAMED: Final = re.compile(r"\{(\w+)\}")


def texts(words: dict[str, Any], key: str) -> list[str]:
    """Returns the text of a key, or all its plural forms."""
    found = words[key]
    return list(found.values()) if isinstance(found, dict) else [found]


def test_both_languages_have_the_same_keys() -> None:
    """The keys are in alphabetical order, so that people can find a line."""
    assert list(ENGLISH) == sorted(ENGLISH)
    assert list(ENGLISH) == list(KHMER)


def test_a_key_uses_the_same_values_in_both_languages() -> None:
    """The translation has every number and name. Khmer has one form for all numbers, and English has two."""
    for key in ENGLISH:
        used = [{name for text in texts(words, key) for name in _NAMED.findall(text)} for words in (ENGLISH, KHMER)]
        assert (key, used[0]) == (key, used[1])
        if isinstance(ENGLISH[key], dict):
            assert (key, set(ENGLISH[key])) == (key, {"one", "other"})
            assert (key, set(KHMER[key])) == (key, {"other"})
        assert all(text.strip() for words in (ENGLISH, KHMER) for text in texts(words, key)), key


def test_every_khmer_text_is_in_khmer_script() -> None:
    """No text is still in English."""
    khmer = re.compile("[\u1780-\u17ff]")
    left = [key for key in KHMER if key not in SAME and not all(khmer.search(text) for text in texts(KHMER, key))]
    assert left == ["language.other"]


def keys_in_code() -> tuple[set[str], set[str]]:
    """Returns the full keys in scripts, and the first parts of keys that scripts put together."""
    whole, begun = set(), set()
    for source in SCRIPTS.values():
        whole |= set(re.findall(r'"([a-z_]+(?:\.[a-z_0-9A-Z]+)*)"', source))
        begun |= set(re.findall(r"`([a-z_.]+\.)\$\{", source))
        begun |= {f"{word}." for word in ("comments", "replies") if f'"{word}"' in source}
    return whole, begun


def test_every_word_is_used() -> None:
    """A script has the whole key, or puts the key together."""
    whole, begun = keys_in_code()
    unused = [key for key in ENGLISH if key not in whole and not any(key.startswith(start) for start in begun)]
    assert unused == []


def test_every_word_that_is_used_is_there() -> None:
    """For an unknown key, `t("...")` would show the key itself."""
    asked = {key for source in SCRIPTS.values() for key in re.findall(r'\bt\("([^"]+)"', source)}
    assert asked - set(ENGLISH) == set()


def test_no_script_contains_visible_text() -> None:
    """A text between tags would have only one language. The name of the product is allowed."""
    spoken = re.compile(r'h\("\w+", \{[^}]*\}, "([^"]*[A-Za-z]{2}[^"]*)"')
    said = {text for source in SCRIPTS.values() for text in spoken.findall(source)}
    assert said == {"Page Inbox"}


def test_every_refusal_of_facebook_has_a_sentence() -> None:
    """There is a sentence for every status of the service, alone or with its reason, for every kind of receipt and
    for every state of a Page.
    """
    assert [reason for reason in get_args(GraphReason) if f"problem.{reason}" not in ENGLISH] == []
    ours = {"unauthenticated", "forbidden", "not_found", "throttled", "internal", "upstream_failed", "unavailable"}
    assert [kind for kind in STATUS if kind in ours and f"problem.status_{STATUS[kind]}" not in ENGLISH] == []
    assert [what for what in get_args(PurgeTarget) if f"receipt.{what}" not in ENGLISH] == []
    assert [status for status in get_args(PageStatus) if f"pages.{status}" not in ENGLISH] == []
