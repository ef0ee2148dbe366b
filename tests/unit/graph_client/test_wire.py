"""Calls of Graph as HTTP requests, and HTTP answers as results."""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from domain.secret import Secret
from graph_client.errors import (
    GraphError,
    GraphRedirected,
    GraphUnavailable,
    ParameterRefused,
    Throttled,
    TokenDead,
)
from graph_client.places import next_place, place_params
from graph_client.wire import Ask, GraphAnswer, HttpRequest, build, decipher

TOKEN, SECRET, NOW = Secret("EAATESTTOKEN"), Secret("shop-app-secret-1"), 1_770_000_000
UNTIMED = "c9f58d86e9087848d20654632a1d7901169b3c3cbf4804fb0468dadd3f199742"
TIMED = "1269f28505904052f655c75fdffe152b27594aa46c68c75347a0736ecb59d3ce"
"""Made with `printf 'EAATESTTOKEN' | openssl dgst -sha256 -hmac shop-app-secret-1`, and with `|1770000000` after it."""
LIST = Ask("GET", ("1", "comments"), lists=True)
NODE = Ask("GET", ("1",))


def built(ask: Ask, *, secret: Secret | None = SECRET, at: int | None = NOW, token: Secret = TOKEN) -> HttpRequest:
    """Returns the request as Facebook gets it."""
    return build(ask, base_url="https://graph.facebook.com", version="v26.0", token=token, app_secret=secret, at=at)


def query_of(request: HttpRequest) -> Mapping[str, list[str]]:
    """Returns the parameters in the address."""
    return parse_qs(urlsplit(request.url).query, strict_parsing=True)


def test_a_read_names_the_version_and_has_its_parameters_in_the_address() -> None:
    """Any value is encoded."""
    request = built(Ask("GET", ("1_2", "comments"), {"fields": "id,from{id}", "after": "a+b/c=&x=1 ក"}), secret=None)
    assert request.url.startswith("https://graph.facebook.com/v26.0/1_2/comments?")
    assert query_of(request) == {"fields": ["id,from{id}"], "after": ["a+b/c=&x=1 ក"]}
    assert request.url.isascii()
    assert request.content is None


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_token_is_only_in_the_header(method: Any) -> None:
    """Addresses are written to logs."""
    request = built(Ask(method, ("1", "subscribed_apps"), form={"subscribed_fields": "messages"}))
    assert request.headers["Authorization"] == "Bearer EAATESTTOKEN"
    assert "EAATESTTOKEN" not in request.url
    assert b"EAATESTTOKEN" not in (request.content or b"")


@pytest.mark.parametrize(
    ("at", "proofs"),
    [(NOW, {"appsecret_proof": [TIMED], "appsecret_time": ["1770000000"]}), (None, {"appsecret_proof": [UNTIMED]})],
    ids=["with a time", "without"],
)
def test_a_request_has_the_proof_in_its_address_or_in_its_body(at: int | None, proofs: dict[str, list[str]]) -> None:
    """GET and DELETE have the proof in the address, and POST has it in the body."""
    assert query_of(built(Ask("GET", ("1",), {"fields": "id"}), at=at)) == {"fields": ["id"], **proofs}
    assert query_of(built(Ask("DELETE", ("1",)), at=at)) == proofs
    request = built(Ask("POST", ("1", "subscribed_apps"), form={"subscribed_fields": "messages,feed"}), at=at)
    assert urlsplit(request.url).query == ""
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs((request.content or b"").decode()) == {"subscribed_fields": ["messages,feed"], **proofs}


def test_without_a_secret_there_is_no_proof() -> None:
    """Without parameters the address has no question mark."""
    assert built(NODE, secret=None).url == "https://graph.facebook.com/v26.0/1"


@pytest.mark.parametrize(
    "part", ["", ".", "..", "a/b", "a%2fb", "a?b", "a#b", "a b", "ក", "a\\b", "a\n", "a@b", "x" * 513]
)
def test_an_unsafe_part_of_the_path_is_refused(part: str) -> None:
    """The ids come from callers."""
    with pytest.raises(ParameterRefused) as refused:
        built(Ask("GET", (part, "comments")))
    assert (refused.value.reason, refused.value.kind) == ("parameter_refused", "invalid")


@pytest.mark.parametrize("part", ["104_7", "t_1022", "m_Ab1-x_1", "mid.$cAAB:1", "mid.145:ab", "x" * 512, "a=+b"])
def test_every_known_form_of_id_is_accepted(part: str) -> None:
    """Each id is one part of the path. A decoder reads it back unchanged."""
    assert "/" not in built(Ask("GET", (part,)), secret=None).url.removeprefix("https://graph.facebook.com/v26.0/")


@pytest.mark.parametrize("token", ["", "EAA B", "EAA\r\nX: 1", "EAAក", "x" * 4097])
def test_a_token_that_no_header_can_carry_is_dead(token: str) -> None:
    """Otherwise the HTTP library would raise an error that contains the token."""
    with pytest.raises(TokenDead):
        built(NODE, token=Secret(token))


def test_the_repr_of_requests_and_answers_shows_no_secret() -> None:
    """Requests and answers appear in tracebacks."""
    ask = Ask("GET", ("debug_token",), {"input_token": "EAAOTHER"}, form={"x": "EAAOTHER"})
    shown = repr([ask, built(ask), GraphAnswer({"data": "EAAOTHER"})])
    assert "EAA" not in shown
    assert TIMED not in shown


def test_an_answer_has_rows_a_cursor_and_nodes() -> None:
    """A row that is not an object is left out."""
    body = {"data": [{"id": "1"}, None, "x"], "paging": {"cursors": {"after": "QVFI"}, "next": "https://x/?a=1"}}
    answer = decipher(200, json.dumps(body).encode(), LIST)
    assert (answer.rows(), answer.after()) == ([{"id": "1"}], "QVFI")
    assert decipher(200, b'{"data":{"app_id":"1"}}', NODE).node("data") == {"app_id": "1"}
    with pytest.raises(GraphUnavailable):
        decipher(200, b'{"data":[]}', NODE).node("data")


@pytest.mark.parametrize(
    "paging",
    [
        None,
        [],
        {"cursors": {"after": "QVFI"}},
        {"cursors": {"after": "QVFI"}, "next": None},
        {"cursors": {"after": 7}, "next": "https://x/"},
        {"cursors": {"after": ""}, "next": "https://x/"},
        {"cursors": [], "next": "https://x/"},
        {"next": "https://x/"},
        {"next": "https://["},
        {"next": ["https://x/?after=QVFI"]},
        {"next": "https://x/?until=1770000000"},
    ],
    ids=repr,
)
def test_a_page_without_a_usable_next_is_the_last_page(paging: object) -> None:
    """The last page has a cursor too, and an address may contain no position."""
    assert decipher(200, json.dumps({"data": [], "paging": paging}).encode(), LIST).after() is None


def test_without_a_cursor_the_next_address_gives_the_position() -> None:
    """The address has a cursor, or a time with a paging token. Both become one cursor of the service."""
    body = b'{"data":[],"paging":{"next":"https://x/?access_token=EAA&after=QVFI"}}'
    assert decipher(200, body, LIST).after() == "QVFI"
    address = "https://x/?access_token=EAA&until=1770000000&__paging_token=enc_AdC"
    ours = next_place({"next": address})
    assert ours is not None
    assert "EAA" not in ours
    assert place_params(ours) == {"until": "1770000000", "__paging_token": "enc_AdC"}


@pytest.mark.parametrize("place", ["QVFI", "~", "~QVFI", "~W10", "~eyJ1bnRpbCI6MX0", "~eyJhY2Nlc3NfdG9rZW4iOiJFQUEifQ"])
def test_an_unknown_position_is_sent_to_graph_as_a_cursor(place: str) -> None:
    """Any content can only become the parameter `after`."""
    assert place_params(place) == {"after": place}


def test_a_short_or_empty_page_is_not_the_end() -> None:
    """Facebook removes items after it has cut the pages."""
    body = b'{"data":[],"paging":{"cursors":{"after":"QVFI"},"next":"https://x/"}}'
    assert decipher(200, body, LIST).after() == "QVFI"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (301, b"", GraphRedirected),
        (302, b'{"data":[]}', GraphRedirected),
        (304, b"", GraphRedirected),
        (200, b"", GraphUnavailable),
        (200, b"null", GraphUnavailable),
        (200, b"true", GraphUnavailable),
        (200, b"[]", GraphUnavailable),
        (200, b"<html>Sorry, something went wrong.</html>", GraphUnavailable),
        (200, b'{"data":[{"id":"1"', GraphUnavailable),
        (200, b'{"data":[NaN]}', GraphUnavailable),
        (200, b"\xff\xfe", GraphUnavailable),
        (200, b"[" * 200_000, GraphUnavailable),
        (200, b'{"data":null}', GraphUnavailable),
        (200, b'{"data":{}}', GraphUnavailable),
        (200, b"{}", GraphUnavailable),
        (200, b'{"error":false}', GraphUnavailable),
        (200, b'{"error":{"code":190},"data":[]}', TokenDead),
        (400, b'{"error":{"code":100}}', ParameterRefused),
        (503, b"<html></html>", GraphUnavailable),
        (404, b"<html></html>", GraphUnavailable),
        (429, b"<html></html>", Throttled),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_invalid_answer_is_an_error(status: int, body: bytes, expected: type[GraphError]) -> None:
    """The error contains nothing of the body."""
    with pytest.raises(GraphError) as raised:
        decipher(status, body, LIST)
    assert type(raised.value) is expected
    assert raised.value.__context__ is None


def test_an_object_need_not_be_a_list() -> None:
    """A customer without data at Facebook is `{}`."""
    assert decipher(200, b"{}", NODE).body == {}
    assert decipher(200, b'{"id":"1","error":null}', NODE).body == {"id": "1", "error": None}


def test_half_an_emoji_does_not_make_an_answer_unreadable() -> None:
    """Clients that cut texts send half emoji, and the fast parser refuses them. Whole emoji and backslashes stay
    unchanged."""
    body = b'{"data":[{"message":"\\ud83d","\\ud83d":"\\ud83d\\ude4f"}]}'
    assert decipher(200, body, LIST).rows() == [{"message": "\ufffd", "\ufffd": "🙏"}]
    body = rb'{"data":[{"a":"\\ud83d\ude4f","b":"\\\ud83d","c":"\ud83d\ud83d\ude4f"}]}'
    assert decipher(200, body, LIST).rows() == [{"a": "\\ud83d\ufffd", "b": "\\\ufffd", "c": "\ufffd🙏"}]


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**40, 2**64 - 1, -(2**63)])
def test_a_large_integer_keeps_its_value(number: int) -> None:
    """The number may be of any length, also beside half an emoji."""
    assert decipher(200, b'{"data":[{"n":%d}]}' % number, LIST).rows() == [{"n": number}]
    assert decipher(200, b'{"data":[{"n":%d,"t":"\\ude4f"}]}' % number, LIST).rows() == [{"n": number, "t": "\ufffd"}]


def test_half_an_emoji_does_not_make_a_large_answer_slow_to_read() -> None:
    """Half an emoji may make the reading of a megabyte only a few times slower."""
    row = b'{"message":"\\u179f\\u17bd \\ud83d\\ude4f a\\\\b","n":[1,2.5,{"a":null}]},' * 16_000

    def seconds(text: bytes) -> float:
        began = time.process_time()
        decipher(200, b'{"data":[%b{"message":"%b"}]}' % (row, text), LIST)
        return time.process_time() - began

    whole = min(seconds(b"a") for _ in range(3))
    assert min(seconds(b"\\ud83d") for _ in range(3)) < 8 * whole


def test_a_very_long_number_does_not_make_an_answer_unreadable() -> None:
    """Python refuses to read 5,000 digits."""
    assert decipher(200, b'{"data":[{"id":"1"}],"n":' + b"7" * 5000 + b"}", LIST).rows() == [{"id": "1"}]


def test_a_throttle_without_a_named_budget_counts_for_the_budget_of_the_call() -> None:
    """In some answers Facebook names no budget."""
    with pytest.raises(Throttled) as raised:
        decipher(429, b"", Ask("GET", ("1", "messages"), lists=True, limit="messenger"))
    assert raised.value.limit == "messenger"
