"""What is joined as bytes is what would come of parsing, changing and writing it."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from domain.json_bytes import array, named_member, with_first, with_last, with_last_in_last, without_last_number

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
    added = named_member(NEW, orjson.dumps(value))
    assert with_last(orjson.dumps(item), added) == orjson.dumps(item | {NEW: value})
    assert with_first(orjson.dumps(item), added) == orjson.dumps({NEW: value} | item)


@given(OBJECTS, OBJECTS, VALUES)
def test_the_last_object_in_an_object_is_extended(item: dict[str, Any], last: dict[str, Any], value: Any) -> None:
    """The others are left as they are."""
    whole = {name: one for name, one in item.items() if name != "last"} | {"last": last}
    added = named_member(NEW, orjson.dumps(value))
    wanted = whole | {"last": {name: one for name, one in last.items() if name != NEW} | {NEW: value}}
    if NEW not in last:
        assert with_last_in_last(orjson.dumps(whole), added) == orjson.dumps(wanted)


@given(OBJECTS, st.integers(0, 2**53))
def test_a_last_number_is_taken_off(item: dict[str, Any], number: int) -> None:
    """And only a last one of that name."""
    item.pop("ttl", None)
    if not item:
        return
    raw = orjson.dumps(item)
    assert without_last_number(raw, "ttl") == (raw, None)
    assert without_last_number(with_last(raw, named_member("ttl", b"%d" % number)), "ttl") == (raw, number)


@given(st.lists(VALUES, max_size=4))
def test_items_become_an_array(items: list[Any]) -> None:
    """None of them too."""
    assert array(map(orjson.dumps, items)) == orjson.dumps(items)
