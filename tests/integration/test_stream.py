"""The stream of a shop, read from a running service."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from cache.cursors import Cursors
from domain.ids import ShopId
from simulator.payloads import from_customer
from tests.callers import CUSTOMER, PAGE, Facebook, Operator, Shop, mint, texts
from tests.servers import Server
from tests.service import SEAL_KEY, Service, serving
from tests.support import NO_TLS, wait_until_blocking
from tests.viewer import Viewer

OLD = Cursors([SEAL_KEY]).write(ShopId("shop-1"), "s", 1)
"""The id of an event from 1970."""


@pytest.fixture
def other(service: Service, valkey_url: str, tmp_path: Path) -> Iterator[Service]:
    """A second service on the Redis of the first."""
    assert service.port
    with serving(valkey_url, tmp_path / "log") as second:
        yield second


def test_a_message_reaches_a_viewer_as_the_api_answers_it(service: Service, shop: Shop, facebook: Facebook) -> None:
    """The message comes at once, has an event id, and must not be cached."""
    with Viewer(service.url).ready() as viewer:
        assert (viewer.status, viewer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert viewer.headers["cache-control"] == "no-store"
        assert viewer.reader.retry == 2000
        facebook.text("m_1", "បង\r\nអាវ\nមានទេ 012 345 678")
        (told,) = viewer.wait_for("message")
        assert told.data == shop.get("/messages/m_1")
        assert told.data["phone_numbers"] == ["+85512345678"]
        assert told.id
        assert told.id != viewer.named("ready")[0].id


def test_a_message_stored_by_one_replica_reaches_a_viewer_of_another_replica(
    service: Service, other: Service, shop: Shop
) -> None:
    """The message also reaches a viewer of the first replica if the second replica stores it."""
    assert shop.name == "shop-1"
    with (
        Viewer(service.url).ready() as here,
        Viewer(other.url).ready() as there,
        Facebook(service.url) as first,
        Facebook(other.url) as second,
    ):
        first.text("m_1")
        second.text("m_2")
        for viewer in (here, there):
            viewer.wait_for("message", 2)
            assert viewer.ids == ["m_1", "m_2"]


def test_a_stream_continues_after_the_last_seen_id(service: Service, shop: Shop, facebook: Facebook) -> None:
    """The test cuts the stream after each event, and at its very beginning. The viewer sends the last id in the header
    or in the query."""
    assert shop.name == "shop-1"
    with Viewer(service.url).ready() as viewer:
        ids = [viewer.named("ready")[0].id]
        facebook.deliver(texts(f"m_{n}" for n in range(5)))
        ids += [told.id for told in viewer.wait_for("message", 5)]
    facebook.text("m_5")
    everything = [f"m_{n}" for n in range(6)]
    for at, last in enumerate(ids):
        with Viewer(service.url, after=last).ready() as again:
            assert again.ids == everything[at:]
            assert again.events[-1].name == "ready"
    with Viewer(service.url, query=f"?last_event_id={ids[3]}").ready() as again:
        assert again.ids == everything[3:]


def test_a_stream_can_begin_with_the_messages_since_a_time(service: Service, shop: Shop, facebook: Facebook) -> None:
    """The time is exact to the millisecond and is included. If the request also names an event, the event decides."""
    facebook.text("m_1")
    stored = time.monotonic()
    wait_until_blocking(lambda: time.monotonic() > stored + 0.01)
    facebook.text("m_2")
    since = shop.get("/messages/m_2")["received_at"]
    with Viewer(service.url, query=f"?since={since}").ready() as viewer:
        assert viewer.ids == ["m_2"]
    with Viewer(service.url, query="?since=0").ready() as viewer:
        assert viewer.ids == ["m_1", "m_2"]
        last = viewer.reader.last_id
    with Viewer(service.url, query="?since=0", after=last).ready() as viewer:
        assert viewer.ids == []


@pytest.mark.parametrize(("last", "reason"), [("nonsense", "unknown"), ("cwAAAAAAAAAB", "unknown"), (OLD, "expired")])
def test_a_stream_that_cannot_continue_reports_a_gap_and_begins_now(
    service: Service, shop: Shop, facebook: Facebook, last: str, reason: str
) -> None:
    """The id was not written by the service, has no signature, or is older than the stored events."""
    assert shop.name == "shop-1"
    facebook.text("m_1")
    with Viewer(service.url, after=last).ready() as viewer:
        (gap,) = viewer.named("gap")
        assert (viewer.events[0], gap.data) == (gap, {"reason": reason})
        facebook.text("m_2")
        viewer.wait_for("message")
        assert viewer.ids == ["m_2"]
    with Viewer(service.url, after=gap.id).ready() as again:
        assert again.ids == ["m_2"]


def test_events_that_are_not_stored_reach_only_connected_viewers(
    service: Service, other: Service, shop: Shop, facebook: Facebook
) -> None:
    """Viewers on every replica get such an event without an event id. A viewer who comes back later does not get it."""
    reaction = {"mid": "m_1", "action": "react", "reaction": "love", "emoji": "❤️"}
    comment = {"item": "comment", "verb": "add", "comment_id": "7_8", "message": "ថ្លៃប៉ុន្មាន?", "from": {"id": CUSTOMER}}
    with Viewer(service.url).ready() as viewer, Viewer(other.url).ready() as there:
        begin = viewer.reader.last_id
        facebook.part(from_customer(PAGE, CUSTOMER, 1_770_000_000_123, reaction=reaction))
        facebook.part({"field": "feed", "value": comment}, container="changes")
        for one in (viewer, there):
            told, commented = one.wait_for("live", 2)
            assert told.data == {
                "kind": "reaction",
                "page_id": PAGE,
                "conversation_id": f"{PAGE}_{CUSTOMER}",
                "sent_at": "2026-02-02T02:40:00.123Z",
                "message_id": "m_1",
                "action": "react",
                "reaction": "love",
                "emoji": "❤️",
            }
            assert (commented.data["kind"], commented.data["message"]) == ("feed", "ថ្លៃប៉ុន្មាន?")
        assert viewer.reader.last_id == begin
    assert shop.ids() == []
    with Viewer(service.url, after=begin).ready() as again:
        assert [told.name for told in again.events] == ["ready"]


def test_changes_of_messages_reach_connected_and_returning_viewers(
    service: Service, shop: Shop, facebook: Facebook
) -> None:
    """Both viewers get the same events with the same ids, for edits, unsent messages and purges. A removed message is
    only an id."""
    with Viewer(service.url).ready() as viewer:
        begin = viewer.reader.last_id
        for n in range(5):
            facebook.text(f"m_{n}", f"words-{n}")
        viewer.wait_for("message", 5)  # a message that is removed before it is read makes no event
        facebook.edit("m_1", "edited")
        facebook.unsend("m_2")
        receipt = shop.purge("/messages/m_3")
        viewer.wait_for("purge")
        edited, erased, purge = (viewer.named(name)[-1] for name in ("edited", "erased", "purge"))
        assert edited.data == shop.get("/messages/m_1")
        assert (edited.data["text"], edited.data["edits"]) == ("edited", 1)
        assert erased.data == {"id": "m_2", "page_id": PAGE}
        assert purge.data == {"what": "message", "purge_id": receipt["purge_id"]}
        facebook.text("m_5")
        viewer.wait_for("message", 6)
        seen = viewer.events[-1].id
    with Viewer(service.url, after=begin).ready() as again:
        names = [told.name for told in again.events]
        assert names == [*["message"] * 3, "edited", "erased", "purge", "message", "ready"]
        assert again.ids == ["m_0", "m_1", "m_4", "m_5"]
        assert again.events[3:6] == [edited, erased, purge]
        assert "words-2" not in str(again.events)
        assert "words-3" not in str(again.events)
    with Viewer(service.url, after=seen).ready() as later:
        assert [told.name for told in later.events] == ["ready"]


def test_a_purge_of_the_shop_ends_the_stream_with_its_event(
    service: Service, other: Service, shop: Shop, facebook: Facebook
) -> None:
    """The stream ends on every replica, and viewers who come back get the event too. The next stream continues behind
    the purge."""
    with Viewer(service.url).ready() as viewer, Viewer(other.url).ready() as there:
        begin = viewer.reader.last_id
        facebook.text("m_1")
        for one in (viewer, there):
            one.wait_for("message")
        receipt = shop.purge()
        for one in (viewer, there):
            purge, end = one.ended()[-2:]
            assert (purge.name, purge.data) == ("purge", {"what": "shop", "purge_id": receipt["purge_id"]})
            assert (end.name, end.data) == ("end", {"reason": "purge"})
            assert one.whole
    facebook.text("m_2")
    with Viewer(service.url, after=begin) as again:
        assert [told.name for told in again.ended()] == ["purge", "message", "end"]
    with Viewer(service.url, after=purge.id).ready() as again:
        assert again.ids == ["m_2"]


def test_a_viewer_gets_only_messages_of_its_shop(service: Service, shop: Shop, facebook: Facebook) -> None:
    """A viewer of one shop gets no message of the other shop."""
    assert shop.name == "shop-1"
    with Shop(service.url, "shop-2") as second, Viewer(service.url, "shop-2").ready() as viewer:
        second.connect("104200000000002")
        facebook.text("m_1")
        facebook.text("m_2", page="104200000000002")
        viewer.wait_for("message")
        assert viewer.ids == ["m_2"]


def test_a_lost_announcement_is_noticed(service: Service, shop: Shop, valkey: Server) -> None:
    """The test cuts the connection for announcements again and again. No event is missing and no event comes twice."""
    assert shop.name == "shop-1"
    with Viewer(service.url).ready() as viewer, Facebook(service.url) as facebook:
        for n in range(5):
            for client in valkey.clients():
                client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call]
            facebook.text(f"m_{n}")
        viewer.wait_for("message", 5)
        assert viewer.ids == [f"m_{n}" for n in range(5)]


def test_a_stream_ends_with_its_token(service: Service, shop: Shop) -> None:
    """The last event says why. A stream that was opened with a ticket ends with the token of the ticket."""
    token = mint(shop.name, ["messages:read"], ttl=6)
    with Shop(service.url, token=token) as short:
        query = f"?ticket={give_ticket(short)}"
    with (
        Viewer(service.url, token=token).ready() as viewer,
        Viewer(service.url, token="", query=query).ready() as other,
    ):
        for one in (viewer, other):
            assert one.ended()[-1].data == {"reason": "token_expired"}
            assert one.whole


def test_a_ticket_opens_one_stream_of_its_shop(service: Service, shop: Shop, facebook: Facebook) -> None:
    """A ticket works once and for no other route, and is in no log."""
    begun = len(service.lines())
    ticket = give_ticket(shop)
    query = f"?ticket={ticket}"
    assert (
        httpx2.get(f"{service.url}/v1/shops/shop-1/messages{query}", trust_env=False, verify=NO_TLS).status_code == 401
    )
    assert refused(Viewer(service.url, "shop-2", token="", query=query)) == (401, "ticket_invalid")
    with Viewer(service.url, token="", query=query).ready() as viewer:
        facebook.text("m_1")
        viewer.wait_for("message")
        assert refused(Viewer(service.url, token="", query=query)) == (401, "ticket_invalid")
        assert refused(Viewer(service.url, token="", query="?ticket=nonsense")) == (401, "ticket_invalid")
        assert refused(Viewer(service.url, token="", query="?ticket=")) == (401, "token_missing")
        last = viewer.reader.last_id
    facebook.text("m_2")
    query = f"?ticket={give_ticket(shop)}&last_event_id={last}"
    with Viewer(service.url, token="", query=query).ready() as again:
        assert again.ids == ["m_2"]
    assert ticket not in service.log.read_text()

    def subjects() -> set[str]:
        lines = service.lines()[begun:]
        return {line.get("subject", "") for line in lines if line.get("route") == "/v1/shops/{shop}/stream"}

    wait_until_blocking(lambda: subjects() == {"", "owner@shop"})


def test_a_ticket_is_kept_as_its_hash_for_thirty_seconds(shop: Shop, valkey: Server) -> None:
    """The service reads and deletes the ticket in one step, so two callers cannot use it."""
    ticket = give_ticket(shop)
    (client,) = valkey.clients()
    (key,) = [key for key in client.scan_iter() if key.startswith(b"t:")]
    left, kept = client.ttl(key), client.get(key)
    assert isinstance(left, int)
    assert isinstance(kept, bytes)
    assert 0 < left <= 30
    assert ticket.encode() not in key + kept
    url = f"{shop.client.base_url}/stream?ticket={ticket}".replace("//stream", "/stream")
    with ThreadPoolExecutor(8) as several:
        answers = list(several.map(lambda _: httpx2.head(url, trust_env=False, verify=NO_TLS).status_code, range(8)))
    assert sorted(answers) == [200, *[401] * 7]


def give_ticket(shop: Shop) -> str:
    """Returns a new ticket."""
    answer = shop.client.post("/stream-ticket")
    assert answer.status_code == 200, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


def refused(viewer: Viewer) -> tuple[int, str]:
    """Returns the reason for which a stream was not opened."""
    with viewer:
        return viewer.status, viewer.problem["reason"]


def test_sigterm_ends_every_stream_at_once(valkey_url: str, tmp_path: Path) -> None:
    """The service does not wait for viewers. A viewer continues at another replica with its last event id."""
    with serving(valkey_url, tmp_path / "log") as service, Shop(service.url) as shop:
        shop.connect()
        with Viewer(service.url).ready() as viewer, Viewer(service.url).ready() as second:
            with Facebook(service.url) as facebook:
                facebook.text("m_1")
            viewer.wait_for("message")
            began = time.monotonic()
            assert service.terminate() == 0
            assert time.monotonic() - began < 15, "its own grace is fifteen seconds"
            for one in (viewer, second):
                assert one.ended()[-1].data == {"reason": "closing"}
                assert one.whole
    errors = [line for line in service.lines() if line["level"] in {"error", "critical"}]
    assert errors == []


def test_viewers_are_counted(service: Service, shop: Shop, facebook: Facebook, operator: Operator) -> None:
    """The metrics count connected viewers, their events, the delays and the reasons of ends."""
    assert shop.name == "shop-1"
    wait_until_blocking(lambda: operator.counts("viewers") == {(): 0})  # the viewers of earlier tests have left
    sent, ended = operator.counts("stream_events_total"), operator.counts("streams_ended_total")
    with Viewer(service.url).ready() as viewer, Viewer(service.url).ready() as second:
        facebook.text("m_1")
        viewer.wait_for("message")
        second.wait_for("message")
        wait_until_blocking(lambda: operator.counts("stream_events_total") - sent == {("message",): 2})
        scrape = operator.client.get("/metrics").text
        assert "page_inbox_viewers 2.0" in scrape
    wait_until_blocking(lambda: operator.counts("streams_ended_total") - ended == {("left",): 2})
    wait_until_blocking(lambda: operator.counts("viewers") == {(): 0})
    assert "page_inbox_stream_lag_seconds_count" in scrape


def test_a_head_request_does_not_open_the_stream(service: Service, shop: Shop) -> None:
    """The answer comes at once and has only headers."""
    answer = shop.client.head("/stream")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert httpx2.head(f"{service.url}/v1/shops/shop-1/stream", trust_env=False, verify=NO_TLS).status_code == 401
