"""Events as bytes. A reader that follows the standard gets exactly what was sent."""

import orjson
import pytest

from api import sse


def read(stream: bytes) -> list[dict[str, str]]:
    """Returns the events that a reader finds by the exact text of the standard."""
    events: list[dict[str, str]] = []
    name, data, last_id = "", "", ""
    for line in stream.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data:
                events.append({"event": name or "message", "data": data.removesuffix("\n"), "id": last_id})
            name, data = "", ""
        elif field == "event":
            name = value
        elif field == "data":
            data += value + "\n"
        elif field == "id":
            last_id = value
    return events


def test_an_event_is_name_id_and_data() -> None:
    """The bytes are exactly as expected."""
    assert sse.encode("message", b'{"a":1}', "x1") == b'event: message\ndata: {"a":1}\nid: x1\n\n'
    assert sse.encode("live", b"{}") == b"event: live\ndata: {}\n\n"
    assert sse.encode("ready", b"{}", "x", 2000) == b"event: ready\ndata: {}\nid: x\nretry: 2000\n\n"


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n"])
def test_no_data_can_end_its_event_or_begin_another(ending: str) -> None:
    """The data stays data with any kind of line end."""
    hostile = f"a{ending}{ending}event: purge{ending}id: 9{ending}data: b{ending}{ending}"
    (told,) = read(sse.encode("message", hostile.encode(), "1"))
    assert told == {"event": "message", "id": "1", "data": hostile.replace("\r\n", "\n").replace("\r", "\n")}


def test_data_keeps_spaces_and_colons() -> None:
    """The field removes only one space after the colon."""
    for data in (" a", ":", "data: x", "", "ខ្មែរ 🙏"):
        assert read(sse.encode("message", data.encode() + b"!")) == [{"event": "message", "data": data + "!", "id": ""}]


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"])
def test_a_unicode_line_separator_is_escaped(end: str) -> None:
    """Some readers split lines by Unicode's rules, as Python's `splitlines` does. Such a reader would end the event
    at the separator.
    """
    sent = sse.encode("message", orjson.dumps({"text": f"a{end}b"})).decode()
    assert end not in sent
    (event,) = read(sent.encode())
    assert orjson.loads(event["data"]) == {"text": f"a{end}b"}


@pytest.mark.parametrize("word", ["a\nb", "a\rb", "a\r\nb", "a\0b", "a\u2028b", "\ud83d"])
def test_a_name_or_id_with_unprintable_characters_is_refused(word: str) -> None:
    """The service itself makes names and ids, so a wrong one is a mistake in the code."""
    with pytest.raises(ValueError, match="printable"):
        sse.encode(word, b"{}")
    with pytest.raises(ValueError, match="printable"):
        sse.encode("message", b"{}", word)


def test_a_heartbeat_is_no_event() -> None:
    """A heartbeat can come between two events and before the first event."""
    stream = sse.HEARTBEAT + sse.encode("a", b"1") + sse.HEARTBEAT * 2 + sse.encode("b", b"2")
    assert [told["event"] for told in read(stream)] == ["a", "b"]
    assert b"\n\n" not in sse.HEARTBEAT
