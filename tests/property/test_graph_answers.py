"""Properties of every answer of Graph, documented or not."""

import json
from contextlib import suppress
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from domain.graph import EDGES, GraphQuery
from domain.ids import PageId
from graph_client.errors import GraphError, Throttled
from graph_client.history import NotReadable, message_of
from graph_client.parse import fetched
from graph_client.retry import RetryPolicy
from graph_client.usage import DAY_SECONDS, advice, read_usage, wait_after
from graph_client.verdicts import error_of
from graph_client.wire import Ask, decipher

PAGE, CUSTOMER = PageId("104200000000001"), "7000000000000001"
ADDRESS = "https://graph.facebook.com/v26.0/1?access_token=EAACANARY&after=b"
KEYS = [
    *("id", "data", "paging", "next", "cursors", "after", "error", "code", "error_subcode", "message", "is_transient"),
    *(
        "fbtrace_id",
        "from",
        "to",
        "attachments",
        "subattachments",
        "media",
        "media_type",
        "target",
        "comments",
        "email",
    ),
    *(
        "summary",
        "total_count",
        "shares",
        "count",
        "created_time",
        "image_data",
        "file_url",
        "url",
        "mime_type",
        "link",
    ),
    *("sticker", "reply_to", "mid", "generic_template", "type", "email", "link", "start_time"),
]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()), max_size=8)  # lone surrogates too
    | st.sampled_from([PAGE, CUSTOMER, ADDRESS, "video", "2026-02-02T02:41:10+0000", "m_1", 1, 4, 100, 190, 613, 80006])
)
keys = st.sampled_from(KEYS) | st.text(st.characters(exclude_categories=()), max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6), max_leaves=25
)
objects = st.dictionaries(keys, values, max_size=6)
answers = st.fixed_dictionaries({"data": st.lists(objects | values, max_size=4)}, optional={"paging": values}) | objects
statuses = st.sampled_from([200, 302, 400, 403, 404, 429, 500, 503])


@given(answers | values, statuses, st.sampled_from(EDGES), st.sampled_from([None, "v", "va", "p", "pa"]))
@example({"data": [{"id": "1", "message": "\ud83d"}]}, 200, "comments", None)
@example({"data": [{"paging": True}, {"paging": "next", "a": {"email": False}}]}, 200, "posts", None)
def test_an_answer_becomes_a_graph_error_or_items_without_secrets(
    value: Any, status: int, edge: Any, after: str | None
) -> None:
    """No address with a token, no e-mail and no `paging` is left. No other error is raised."""
    ask = Ask("GET", ("1",), lists=edge != "customer")
    query = GraphQuery(edge, PAGE, "7", after=after)
    with suppress(GraphError):
        found = fetched(query, decipher(status, json.dumps(value).encode(), ask))
        sent = orjson.dumps([found.items, found.after])
        assert b"CANARY" not in sent.replace(orjson.dumps(found.after), b"")
        assert not {"paging", "email"} & _keys(found.items)
        assert all(isinstance(item, dict) for item in found.items)


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set[str]().union(*map(_keys, value)) if isinstance(value, list) else set()


@given(st.binary(max_size=200), statuses)
def test_any_bytes_become_an_answer_or_a_graph_error(body: bytes, status: int) -> None:
    """During an outage Facebook may send anything."""
    with suppress(GraphError):
        decipher(status, body, Ask("GET", ("1",)))


@given(statuses, values | st.fixed_dictionaries({"error": objects}), st.floats(0, 1))
def test_every_error_answer_becomes_a_graph_error_with_a_limited_number_of_tries(
    status: int, body: Any, draw: float
) -> None:
    """After some number of repetitions there is no further try."""
    error = error_of(status, body)
    assert isinstance(error, GraphError)
    items, tries = 100, 0
    while (again := RetryPolicy().next_step(error, tries + 1, items, 12.0, draw)) is not None:
        items, tries = again.items, tries + 1
        assert tries <= 7
        assert 1 <= items <= 100


@given(
    st.dictionaries(keys, values).map(json.dumps) | values.map(json.dumps) | st.text(max_size=30), st.text(max_size=8)
)
def test_any_headers_give_a_wait_of_at_most_one_day(header: str, seconds: str) -> None:
    """The shares are numbers."""
    names = ("x-app-usage", "x-page-usage", "x-business-use-case-usage")
    usage = read_usage({**dict.fromkeys(names, header), "retry-after": seconds}, PAGE)
    for limit, share in usage.share.items():
        told = advice(share, usage.regain.get(limit, 0), limit)
        assert 0 <= told.hold <= DAY_SECONDS
        assert 0 <= told.spacing <= 5
        assert 1 <= wait_after(Throttled(limit), usage) <= DAY_SECONDS


senders = st.fixed_dictionaries({"id": st.sampled_from([PAGE, CUSTOMER]) | values})
messages = st.fixed_dictionaries(
    {"id": st.just("m_1") | values, "from": senders | values},
    optional={"to": values, "message": values, "attachments": values, "shares": values, "sticker": values}
    | {"reply_to": values, "created_time": values},
)


@given(messages | objects)
def test_a_message_has_the_page_and_a_customer_or_is_refused_with_a_reason(raw: dict[str, Any]) -> None:
    """The message has text or attachments, and no address with a token."""
    with suppress(NotReadable):
        message = message_of(PAGE, raw)
        assert message.page == PAGE
        assert message.customer not in ("", str(PAGE))
        assert message.text or message.attachments
        assert all(type(fact["type"]) is str for fact in message.attachments or ())
        assert "CANARY" not in str([fact.get("url") for fact in message.attachments or ()])
