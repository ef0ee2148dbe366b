"""The language of the parameter `fields`."""

import pytest

from simulator.graph_fields import choose
from simulator.graph_refusals import GraphErrorAnswer


def test_names_modifiers_and_nested_fields_are_parsed() -> None:
    """The test uses the spellings of our own requests and of other clients."""
    message, comments, attachments = choose(
        "PagePost", "message,comments.limit(0).summary(true),attachments{media, target{id}}"
    )
    assert (message.name, message.form, message.inner) == ("message", "plain", ())
    assert (comments.form, comments.summary) == ("tally", True)
    assert [(one.name, [inner.name for inner in one.inner]) for one in attachments.inner] == [
        ("media", []),
        ("target", ["id"]),
    ]


def test_a_summary_may_name_its_fields() -> None:
    """`summary(total_count)` asks for the summary too."""
    assert choose("PagePost", "reactions.limit(0).summary(total_count)")[0].summary
    assert not choose("PagePost", "reactions.limit(0).summary(false)")[0].summary


def test_a_call_without_fields_gets_a_small_default() -> None:
    """A client must therefore always name its fields."""
    assert [one.name for one in choose("PagePost", None)] == ["created_time", "message", "id"]
    assert [one.name for one in choose("Message", "shares")[0].inner] == ["id"]


@pytest.mark.parametrize(
    ("node_type", "fields", "named"),
    [
        ("PagePost", "id,nonsense", "(nonsense) on node type (PagePost)"),
        ("PagePost", "source", "(source) on node type (PagePost)"),
        ("PagePost", "attachments{media{nonsense}}", "(nonsense) on node type (StoryAttachmentMedia)"),
        ("PagePost", "message{id}", "(id) on node type (message)"),
        ("Message", "attachments{image_data{nonsense}}", "(nonsense) on node type (ImageData)"),
    ],
)
def test_one_unknown_field_refuses_the_whole_call(node_type: str, fields: str, named: str) -> None:
    """The field may be at any depth. Fields that v3.3 removed from posts are unknown too."""
    with pytest.raises(GraphErrorAnswer) as refused:
        choose(node_type, fields)
    assert refused.value.code == 100
    assert named in refused.value.message


@pytest.mark.parametrize(
    "fields", ["", ",", "id,", "id}", "from{id", "from{}", "{id}", "id name", "id;name", "a" + "{a" * 20]
)
def test_malformed_fields_are_refused(fields: str) -> None:
    """The error has Graph's code for a malformed query or for an unknown field."""
    with pytest.raises(GraphErrorAnswer) as refused:
        choose("PagePost", fields)
    assert refused.value.code in (2500, 100)


@pytest.mark.parametrize(
    "fields", ["message.limit(1)", "comments.limit(x)", "comments.limit(5)", "comments", "comments.nonsense(1)"]
)
def test_a_modifier_in_the_wrong_place_is_refused(fields: str) -> None:
    """Only edges accept modifiers, and only the count of an edge is simulated."""
    with pytest.raises(GraphErrorAnswer) as refused:
        choose("PagePost", fields)
    assert refused.value.code == 100
