"""The `fields` of a call with some of them left out."""

import pytest

from graph_client.edges import COMMENT_FIELDS, MESSAGE_FIELDS, POST_FIELDS
from graph_client.field_list import ALWAYS, holds, lighter, names_of, without

NESTED = "id,a{id,b,c{b}},b.limit(0).summary(x,y),d{b}"


def test_a_field_is_left_out_at_every_depth() -> None:
    """A part without any field left is removed too. An id always stays."""
    assert without(NESTED, {"b"}) == "id,a{id}"
    assert without(NESTED, {"id", "d"}) == "id,a{id,b,c{b}},b.limit(0).summary(x,y)"
    assert without(NESTED, {"unknown"}) == NESTED
    assert (holds(NESTED, "c"), holds(NESTED, "x"), holds("", "x")) == (True, False, False)


@pytest.mark.parametrize("fields", [POST_FIELDS, COMMENT_FIELDS, MESSAGE_FIELDS])
def test_a_large_item_is_requested_with_fewer_fields_in_two_steps(fields: str) -> None:
    """Each step asks for less."""
    first, second = lighter(fields, 1), lighter(fields, 2)
    assert not set("{(.") & set(first)
    assert set(names_of(second)) <= ALWAYS
    assert set(names_of(second)) < set(names_of(first)) < set(names_of(fields))
    assert "id" in names_of(second)
