"""Answers and events have the shape of their models and leave out absent facts."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.answers import audit_entry_answer, conversation_json, event_json, message_json
from api.call import slice_body
from api.models import STREAM_EVENTS, AuditEntryModel, ConversationModel, MessageModel
from api.openapi import describe
from api.route import Route
from api.sse import MEDIA
from domain.audit import Access, Entry
from domain.event import Notice
from domain.ids import MessageId, Psid, PurgeId, conversation_of
from domain.kept import KeptConversation, KeptMessage
from domain.message import Unsend
from domain.stream import PurgeEvent, StreamEvent
from tests.unit.api.fakes import CONVERSATION, KEPT, MESSAGE, NOW, PAGE

NUMBERS = ["+85512000123"]


def test_a_message_gets_its_times_and_numbers() -> None:
    """`phone_numbers` is absent if the text has no number."""
    assert orjson.loads(message_json(KEPT)) == MESSAGE
    assert orjson.loads(message_json(KEPT, NUMBERS)) == MESSAGE | {"phone_numbers": NUMBERS}
    MessageModel.model_validate_json(message_json(KEPT, NUMBERS))


def test_a_conversation_has_the_numbers_in_its_last_message() -> None:
    kept = KeptConversation(conversation_of(PAGE, Psid("7")), PAGE, Psid("7"), 1, NOW * 1000, KEPT)
    assert orjson.loads(conversation_json(kept)) == CONVERSATION
    found = conversation_json(kept, NUMBERS)
    assert orjson.loads(found) == CONVERSATION | {"last_message": MESSAGE | {"phone_numbers": NUMBERS}}
    ConversationModel.model_validate_json(found)


@pytest.mark.parametrize(
    ("event", "answered"),
    [
        (StreamEvent("message", KEPT, 1), MESSAGE),
        (StreamEvent("edited", KEPT, 1), MESSAGE),
        (StreamEvent("erased", Unsend(MessageId("m_1"), PAGE, None), 1), {"id": "m_1", "page_id": PAGE}),
        (StreamEvent("purge", PurgeEvent(PurgeId("p-1"), "page"), 1), {"purge_id": "p-1", "what": "page"}),
        (StreamEvent("live", Notice("typing", PAGE)), {"kind": "typing", "page_id": PAGE}),
        (
            StreamEvent("live", Notice("feed", PAGE, None, NOW * 1000, {"from": {"id": "7"}, "kind": "post"})),
            {"kind": "feed", "page_id": PAGE, "sent_at": "2026-02-02T02:40:00.000Z", "from": {"id": "7"}},
        ),
    ],
    ids=lambda one: one.name if isinstance(one, StreamEvent) else "",
)
def test_each_event_of_a_stream_has_the_shape_of_its_model(event: StreamEvent, answered: object) -> None:
    """A fact of a notice never replaces its kind, Page or time."""
    assert orjson.loads(event_json(event)) == answered
    STREAM_EVENTS[event.name].model_validate_json(event_json(event))


def test_an_entry_of_the_audit_log_leaves_out_absent_fields() -> None:
    """The test has two entries: a read, and a change that was requested twice."""
    one = Entry(NOW * 1000, NOW * 1000, 1, Access("listMessages", "dara", "192.0.2.7"))
    two = Entry(NOW * 1000, NOW * 1000 - 1, 2, Access("connectPage", "dara", "192.0.2.7", PAGE))
    first, second = (audit_entry_answer(entry).model_dump() for entry in (one, two))
    assert second == first | {
        "since": "2026-02-02T02:39:59.999Z",
        "action": "connectPage",
        "page": PAGE,
        "times": 2,
    }
    AuditEntryModel.model_validate_json(audit_entry_answer(two).model_dump_json())


def test_the_description_of_a_stream_names_the_model_of_each_event() -> None:
    """The models are in `x-events` beside the media type, because the media type has no schema."""

    async def handler(_request: object) -> None: ...

    route = Route("GET", "/v1/shops/{shop}/stream", handler, "stream", "messages:read", "Stream", media=MEDIA)  # type: ignore[arg-type]
    document = describe([route], version="1.0")
    (path,) = document["paths"].values()
    events = path["get"]["responses"]["200"]["content"][MEDIA]["x-events"]
    assert set(events) == set(STREAM_EVENTS)
    assert {one["$ref"].rpartition("/")[2] for one in events.values()} <= set(document["components"]["schemas"])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(['"', "\\", '","ttl":5}', "}"])
OBJECTS = st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS, max_size=2) | st.integers(0, 9), min_size=1, max_size=4)


@given(OBJECTS, st.lists(st.sampled_from(["+85512000123", "+14155550100"]), max_size=2))
def test_fields_added_to_the_bytes_give_the_same_json_as_parsing(content: dict[str, Any], numbers: list[str]) -> None:
    """The bytes equal the result of parsing, for any content, in the answer of one message and of a list."""
    times = {"received_at": "1970-01-01T00:00:00.000Z", "expires_at": "1970-01-06T00:00:00.000Z"}
    expected = content | times | ({"phone_numbers": numbers} if numbers else {})
    found = message_json(KeptMessage(orjson.dumps(content), 0, 432_000_000), numbers)
    assert found == orjson.dumps(expected)
    assert slice_body("messages", [found] * 2, None, 7) == orjson.dumps(
        {"messages": [expected] * 2, "next_cursor": None, "looked_at": 7}
    )
