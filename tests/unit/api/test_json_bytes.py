"""What is joined as bytes is what would come of parsing, changing and writing it."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from api.json_bytes import array, member, text_and_quick_reply, with_first, with_last

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(['"', "\\", '","ttl":5}', "}"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4)
NEW = "new name"


@given(OBJECTS, VALUES)
def test_members_are_added_in_front_and_behind(item: dict[str, Any], value: Any) -> None:
    """Whatever the object holds."""
    item.pop(NEW, None)
    if not item:
        return
    added = member(NEW, orjson.dumps(value))
    assert with_last(orjson.dumps(item), added) == orjson.dumps(item | {NEW: value})
    assert with_first(orjson.dumps(item), added) == orjson.dumps({NEW: value} | item)


@given(TEXTS, st.none() | st.dictionaries(TEXTS, TEXTS, max_size=2), st.booleans(), st.booleans())
def test_text_and_quick_reply_are_what_parsing_finds(text: str, reply: Any, has_text: bool, edited: bool) -> None:
    """Also where an edit wrote the text behind the other members, and where the text looks like JSON."""
    message: dict[str, Any] = {"id": '"text":"no"', "kind": "message"}
    if has_text and not edited:
        message["text"] = text
    if reply is not None:
        message["quick_reply"] = reply
    if edited:
        message |= {"edits": 1} | ({"text": text} if has_text else {})
    assert text_and_quick_reply(orjson.dumps(message)) == (message.get("text"), message.get("quick_reply"))


@given(st.lists(VALUES, max_size=4))
def test_items_become_an_array(items: list[Any]) -> None:
    """None of them too."""
    assert array(map(orjson.dumps, items)) == orjson.dumps(items)
