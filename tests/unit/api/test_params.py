"""Parameters and bodies of callers: each becomes a typed value, or is refused with an error that does not repeat it."""

import pytest

from api.bodies import PageConnect, Pause
from api.params import (
    LONGEST_CURSOR,
    LONGEST_ID,
    ConversationsQuery,
    InvalidRequest,
    MessagesQuery,
    checked_id,
    parse_body,
    parse_query,
)
from domain.query import MessageQuery


def test_an_empty_query_asks_for_the_newest_fifty() -> None:
    """The contract defines these defaults. An empty parameter has the same effect as no parameter."""
    for pairs in ([], [("cursor", ""), ("limit", ""), ("since", "")]):
        query = parse_query(MessagesQuery, pairs)
        assert query is not None
        assert query.query() == MessageQuery(limit=50)


def test_every_filter_reaches_the_store() -> None:
    """Times arrive in milliseconds, for every spelling."""
    query = parse_query(
        MessagesQuery,
        [
            ("limit", "100"),
            ("cursor", "abc"),
            ("conversation", "1_2"),
            ("page", "1"),
            ("direction", "out"),
            ("since", "2026-02-02T09:40:00.123+07:00"),
            ("until", "1770000001"),
        ],
    )
    assert query is not None
    assert query.query() == MessageQuery(
        limit=100,
        cursor="abc",
        conversation="1_2",  # type: ignore[arg-type]
        page="1",  # type: ignore[arg-type]
        direction="out",
        since=1_770_000_000_123,
        until=1_770_000_001_000,
    )


def test_a_range_that_ends_before_it_begins_is_accepted() -> None:
    """The answer is empty."""
    assert parse_query(MessagesQuery, [("since", "20"), ("until", "10")]) is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("limit", value) for value in ("0", "101", "-1", "1.0", "5_0", " 5", "+5", "0x10", "٥", "1000", "abc")],
        *[("cursor", value) for value in ("x" * (LONGEST_CURSOR + 1), "a\x00b", "a\nb")],
        *[("conversation", value) for value in ("x" * (LONGEST_ID + 1), "\x7f")],
        ("page", "\x00"),
        *[("direction", value) for value in ("IN", "both")],
        *[("since", value) for value in ("yesterday", "2026-02-02", "2026-02-02T00:00:00", "-1", "1e9", "9" * 30)],
        ("until", "1969-12-31T23:59:59Z"),
    ],
)
def test_a_value_out_of_range_is_named_but_not_repeated(name: str, value: str) -> None:
    """The value may contain something that a log must not contain."""
    with pytest.raises(InvalidRequest, match=f"^{name}: ") as refused:
        parse_query(MessagesQuery, [(name, value)])
    assert refused.value.reason == "invalid_parameter"
    assert len(value) < 4 or value not in str(refused.value)


@pytest.mark.parametrize("model", [MessagesQuery, ConversationsQuery, None])
def test_an_unknown_parameter_is_refused(model: type[MessagesQuery] | None) -> None:
    """A misspelt filter must not widen the request."""
    with pytest.raises(InvalidRequest, match="Unknown query parameter conversations") as refused:
        parse_query(model, [("conversations", "1_2")])
    assert refused.value.reason == "unknown_parameter"


def test_a_name_that_looks_like_a_value_is_not_repeated() -> None:
    """If a caller forgets the `=`, the value is sent as a name."""
    with pytest.raises(InvalidRequest) as refused:
        parse_query(MessagesQuery, [("+855 12 345 678", "")])
    assert str(refused.value) == "Unknown query parameter."


def test_a_repeated_parameter_is_refused() -> None:
    """The caller's choice between the two values is not clear."""
    with pytest.raises(InvalidRequest) as refused:
        parse_query(MessagesQuery, [("page", "1"), ("page", "1")])
    assert refused.value.reason == "repeated_parameter"


@pytest.mark.parametrize("media", ["", "application/json", "Application/JSON; charset=utf-8", "application/x+json"])
def test_a_json_body_is_read_with_or_without_its_media_type(media: str) -> None:
    """Without `Content-Type`, the service may look at the content (RFC 9110, 8.3)."""
    assert parse_body(Pause, media, b' {"paused":true} ').paused is True
    assert parse_body(PageConnect, media, b"{}").token() is None


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "json", "text/x+json"])
def test_another_media_type_is_refused(media: str) -> None:
    """The error says which media type to send."""
    with pytest.raises(InvalidRequest, match="application/json") as refused:
        parse_body(Pause, media, b'{"paused":true}')
    assert refused.value.reason == "content_type_unsupported"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "body_malformed"),
        (b"{", "body_malformed"),
        (b"\xff", "body_malformed"),
        (b"null", "body_malformed"),
        (b"[]", "body_malformed"),
        (b"true", "body_malformed"),
        (b"[" * 60_000, "body_malformed"),
        (b'{"paused":true}x', "body_malformed"),
        (b"{}", "invalid_field"),
        (b'{"paused":1}', "invalid_field"),
        (b'{"paused":"true"}', "invalid_field"),
        (b'{"paused":null}', "invalid_field"),
        (b'{"paused":true,"shop":"other"}', "unknown_field"),
    ],
)
def test_a_body_of_another_shape_is_refused(body: bytes, reason: str) -> None:
    """The check is strict: 1 is not true."""
    with pytest.raises(InvalidRequest) as refused:
        parse_body(Pause, "", body)
    assert refused.value.reason == reason


@pytest.mark.parametrize("text", ["m_1", "mid.$cAAB:1.-_", "ឈ្មោះ\u200bហាង", "x" * LONGEST_ID])
def test_ids_are_opaque(text: str) -> None:
    """An id may use any script and any character that Facebook uses."""
    assert checked_id("id", text) == text


@pytest.mark.parametrize("text", ["", "x" * (LONGEST_ID + 1), "a\x00", "a\nb", "\x85", "\ud800"])
def test_ids_that_are_unsafe_in_a_log_line_are_refused(text: str) -> None:
    """The service refuses ids with control characters or lone surrogates, and very long ids."""
    with pytest.raises(InvalidRequest, match=r"^id: ") as refused:
        checked_id("id", text)
    assert refused.value.reason == "invalid_parameter"
    assert text == "" or text not in str(refused.value)
