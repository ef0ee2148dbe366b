"""Redis comes back with data from before a purge. The purged messages cannot be read at any moment."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.breakable import Breakable
from tests.callers import CUSTOMER, PAGE, Facebook, Operator, Shop
from tests.fault.conftest import EndsWith
from tests.fault.rows import Sent
from tests.fault.test_redis_went_back import wait_for_beat
from tests.service import Service, serving
from tests.support import wait_until_blocking

OTHER = "7000000000000002"
PURGED = {"m_conversation", "m_message"}


class Reader:
    """Reads all the time, and keeps what was shown."""

    def __init__(self, shop: Shop) -> None:
        self.shown: set[str] = set()
        self.answered = 0
        self._shop = shop
        self._ended = threading.Event()

    def run(self) -> None:
        """Read until the end."""
        while not self._ended.is_set():
            try:
                answer = self._shop.client.get("/messages", params={"limit": 100})
            except httpx2.HTTPError:
                continue
            if answer.status_code == 200:
                self.shown |= {message["id"] for message in answer.json()["messages"]}
                self.answered += 1

    def end(self) -> None:
        """Stop reading."""
        self._ended.set()


@contextmanager
def reading(service: Service) -> Iterator[Reader]:
    """Yields a reader that runs beside the test."""
    with Shop(service.url) as shop:
        reader = Reader(shop)
        thread = threading.Thread(target=reader.run)
        thread.start()
        try:
            yield reader
        finally:
            reader.end()
            thread.join()


def keep_and_purge(service: Service, breakable: Breakable) -> list[str]:
    """Store three messages, take a snapshot, and make two purges. Returns the ids of the purges."""
    with Facebook(service.url) as facebook, Shop(service.url) as shop:
        shop.connect()
        assert facebook.text("m_kept", customer=OTHER).status_code == 200
        assert facebook.text("m_message", customer=OTHER).status_code == 200
        assert facebook.text("m_conversation").status_code == 200
        breakable.snapshot()
        purges = [shop.purge(f"/conversations/{PAGE}_{CUSTOMER}"), shop.purge("/messages/m_message")]
        assert shop.ids() == ["m_kept"]
        return [purge["purge_id"] for purge in purges]


def look_after(service: Service, purges: list[str]) -> None:
    """Check what is unchanged, and what came back from the journal."""
    with Facebook(service.url) as facebook, Shop(service.url) as shop:
        assert shop.ids() == ["m_kept"]
        conversation, message = (shop.get(f"/purges/{purge}") for purge in purges)
        assert (conversation["what"], message["what"]) == ("conversation", "message")
        assert message["messages_deleted"] == 1
        wait_until_blocking(lambda: shop.get(f"/purges/{purges[0]}")["status"] == "complete", within=60)
        # A purged message is not stored again, and a new message is stored.
        assert facebook.text("m_message", customer=OTHER).status_code == 200
        assert facebook.text("m_new").status_code == 200
        assert shop.ids() == ["m_new", "m_kept"]


@pytest.mark.timeout(240)
def test_a_running_service_shows_no_purged_message_after_redis_goes_back(breakable: Breakable, tmp_path: Path) -> None:
    """A reader reads all the time."""
    with (
        serving(breakable.url, tmp_path / "log", PURGE_JOURNAL=str(tmp_path / "journal")) as service,
        Operator(service.ops_url) as operator,
    ):
        purges = keep_and_purge(service, breakable)
        wait_for_beat(breakable)
        with reading(service) as reader:
            wait_until_blocking(lambda: reader.answered > 5, within=30)
            breakable.go_back()
            wait_until_blocking(lambda: operator.counts("redis_went_back_total") == {(): 1}, within=60)
            before = reader.answered
            wait_until_blocking(lambda: reader.answered > before + 20, within=60)
        assert reader.shown == {"m_kept"}
        look_after(service, purges)


@pytest.mark.timeout(240)
@pytest.mark.fault("Redis and service back with data from before purges, with PURGE_JOURNAL")
def test_a_starting_service_shows_no_purged_message_after_redis_goes_back(
    breakable: Breakable, tmp_path: Path, row: EndsWith
) -> None:
    """Another process has answered the purge, and both have ended. The first answer of the new process is already
    right."""
    settings = {"PURGE_JOURNAL": str(tmp_path / "journal")}
    with serving(breakable.url, tmp_path / "log", **settings) as service:
        purges = keep_and_purge(service, breakable)
    breakable.go_back()
    with serving(breakable.url, tmp_path / "next", ready="/livez", **settings) as service:
        with reading(service) as reader:
            wait_until_blocking(lambda: reader.answered > 20, within=60)
        assert reader.shown == {"m_kept"}
        look_after(service, purges)
        with Operator(service.ops_url) as operator:
            assert operator.counts("purges_replayed_timestamp_seconds")[()] > 0
        with Shop(service.url) as shop:
            row(Sent({"m_kept", "m_new"}), shop.ids())
    for file in (tmp_path / "journal").iterdir():
        assert b"shop-1" not in file.read_bytes()


@pytest.mark.timeout(240)
def test_a_purge_that_cannot_be_written_to_the_journal_is_answered_503(breakable: Breakable, tmp_path: Path) -> None:
    """The shop tries again, and nothing is readable until then."""
    journal = tmp_path / "journal"
    with (
        serving(breakable.url, tmp_path / "log", PURGE_JOURNAL=str(journal)) as service,
        Facebook(service.url) as facebook,
        Shop(service.url) as shop,
    ):
        shop.connect()
        assert facebook.text("m_1").status_code == 200
        journal.write_text("a file in the directory's place")
        answer = shop.client.delete("/messages")
        assert (answer.status_code, answer.json()["reason"]) == (503, "purge_journal_failed")
        assert shop.ids() == []
        journal.unlink()
        shop.purge()
