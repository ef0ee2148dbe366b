"""The tests compare the results for bodies of every documented shape, and of undocumented shapes, with vectors."""

import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from domain.event import NoticeKind
from domain.ids import PageId
from domain.message import Message
from webhook.errors import PayloadRefused
from webhook.normalize import Delivery, Skipped, normalize
from webhook.values import SkipReason

FOLDER = Path(__file__).parents[2] / "vectors" / "deliveries"
CASES: list[dict[str, Any]] = [
    {**case, "name": f"{path.stem}: {case['case']}"}
    for path in sorted(FOLDER.glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]


def _has_entries(body: dict[str, Any]) -> bool:
    return body.get("object") == "page" and isinstance(body.get("entry"), list)


PAGE, CUSTOMER = "104200000000001", "7000000000000001"
WITH_ENTRIES = [case for case in CASES if isinstance(case["body"], dict) and _has_entries(case["body"])]


def _as_facebook_writes(body: Any) -> bytes:
    r"""Returns pure ASCII JSON without spaces, with `\/` for a slash."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def _as_told(delivery: Delivery) -> dict[str, Any]:
    """Returns the delivery in the form of the vector files, without absent facts."""
    events = []
    for event in delivery.events:
        facts = {name: fact for name, fact in dataclasses.asdict(event).items() if fact is not None}
        if isinstance(event, Message):
            facts = {
                name: fact for name, fact in facts.items() if (name, fact) not in (("standby", False), ("edits", 0))
            }
        events.append({"is": type(event).__name__.lower(), **facts})
    return {
        "events": events,
        "notices": [notice.kind for notice in delivery.notices],
        "skipped": [skipped.reason for skipped in delivery.skipped],
    }


def _told(case: dict[str, Any]) -> dict[str, Any]:
    return {part: case[part] for part in ("events", "notices", "skipped")}


def _one(message: dict[str, Any]) -> bytes:
    event = {"sender": {"id": CUSTOMER}, "recipient": {"id": PAGE}, "timestamp": 1770000000123, "message": message}
    return _as_facebook_writes({"object": "page", "entry": [{"id": PAGE, "messaging": [event]}]})


def test_each_body_gives_the_result_of_its_vector() -> None:
    """The bodies are as Facebook writes them. Events, notices and skipped parts have the order of the body. All fit
    into UTF-8."""
    for case in CASES:
        told = _as_told(normalize(_as_facebook_writes(case["body"])))
        assert (case["name"], told) == (case["name"], _told(case))
        json.dumps(told, ensure_ascii=False, allow_nan=False).encode()


def test_the_exact_parser_gives_the_same_result() -> None:
    """An id of 21 digits makes the standard library read the body. The other entries do not change."""
    neighbour = {"id": 123456789012345678901, "changed_fields": ["feed"]}
    for case in WITH_ENTRIES:
        body = case["body"]
        delivery = normalize(_as_facebook_writes({**body, "entry": [*body["entry"], neighbour]}))
        assert delivery.notices.pop().page == "123456789012345678901"
        assert (case["name"], _as_told(delivery)) == (case["name"], _told(case))


def test_the_vectors_cover_every_notice_and_every_reason() -> None:
    """Each kind and reason needs a body that leads to it. The kind `typing` is left out, because Facebook documents
    no event for it.
    """
    assert set(get_args(SkipReason)) == {reason for case in CASES for reason in case["skipped"]}
    assert set(get_args(NoticeKind)) - {"typing"} == {kind for case in CASES for kind in case["notices"]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"object":"page",}',
        b"object=page",
        b"\xff\xfe",
        b'{"object":"page","entry":[],"x":"\xff"}',
        b'{"object":"page","entry":[],"x":"\xed\xa0\xbd"}',
        b'{"x":NaN}',
        b'{"x":-Infinity}',
        b'{"object":"page","entry":[]}{}',
        '{"object":"page","entry":[]}'.encode("utf-16"),
        b"[" * 200_000,
        b'{"a":' * 200_000,
    ],
    ids=lambda body: repr(body[:32]),
)
def test_a_body_that_is_not_json_is_refused(body: bytes) -> None:
    """The error contains no part of the body, however it is printed."""
    with pytest.raises(PayloadRefused) as refusal:
        normalize(body)
    assert (refusal.value.kind, refusal.value.reason) == ("invalid", "not_json")
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_a_very_long_number_skips_only_its_own_event() -> None:
    """Python refuses to read 5,000 digits. The message beside them is stored."""
    good = _one({"mid": "m_1", "text": "a"})
    absurd = b'{"sender":{"id":' + b"7" * 5000 + b'},"recipient":{"id":"104200000000001"},"message":{"mid":"m_2"}}'
    delivery = normalize(good.replace(b'"messaging":[', b'"messaging":[' + absurd + b","))
    assert _as_told(delivery)["skipped"] == ["bad_id"]
    assert [event.id for event in delivery.events] == ["m_1"]


def test_a_deep_event_beside_half_an_emoji_skips_only_itself() -> None:
    """The repair of half an emoji does not change how the service reads the deep event."""
    good = _one({"mid": "m_1", "text": "a\ud83d"})
    deep = b'{"x":' * 600 + b"1" + b"}" * 600
    delivery = normalize(good.replace(b'"messaging":[', b'"messaging":[' + deep + b","))
    assert _as_told(delivery)["skipped"] == ["unknown_event"]
    assert [event.id for event in delivery.events] == ["m_1"]


def test_a_byte_order_mark_is_ignored() -> None:
    """RFC 8259 allows a reader to ignore it."""
    assert len(normalize(b"\xef\xbb\xbf" + _one({"mid": "m_1", "text": "a"})).events) == 1


def test_a_skipped_event_names_its_page() -> None:
    """If the entry names a Page, the result has this Page, so that an operator sees whose event was skipped."""
    body = {"object": "page", "entry": [{"id": PAGE, "messaging": [7]}, {"messaging": [7]}]}
    assert normalize(_as_facebook_writes(body)).skipped == [
        Skipped("malformed_event", PageId(PAGE)),
        Skipped("malformed_event", None),
    ]


def test_the_same_message_with_another_entry_time_is_the_same_event() -> None:
    """A redelivery differs in `entry.time`. The result does not."""
    body: dict[str, Any] = json.loads(_one({"mid": "m_1", "text": "a"}))
    again = {**body, "entry": [{**body["entry"][0], "time": 1770003600000}]}
    assert normalize(_as_facebook_writes(again)) == normalize(_as_facebook_writes(body))


@pytest.mark.parametrize(
    "other",
    [{"title": "A", "payload": "C"}, {"title": "C"}, {"payload": ["B"]}, {}],
    ids=json.dumps,
)
def test_different_taps_get_different_ids(other: dict[str, Any]) -> None:
    """The service makes an id for each tap. The ids differ if the payloads or titles differ, and also if taps have
    neither.
    """
    event = {"sender": {"id": CUSTOMER}, "recipient": {"id": PAGE}, "timestamp": 1770000000123}
    taps = [{**event, "postback": tap} for tap in ({"title": "A", "payload": "B"}, other)]
    body = {"object": "page", "entry": [{"id": PAGE, "messaging": taps}]}
    first, second = normalize(_as_facebook_writes(body)).events
    assert first.id != second.id


def test_a_thousand_events_are_all_read_in_order() -> None:
    """Facebook sends at most a thousand events in one delivery."""
    entries = [json.loads(_one({"mid": f"m_{number}", "text": "ក"}))["entry"][0] for number in range(1000)]
    delivery = normalize(_as_facebook_writes({"object": "page", "entry": entries}))
    assert [event.id for event in delivery.events] == [f"m_{number}" for number in range(1000)]
