"""Two services on one Redis: a change at one service is valid at the other at once."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.callers import PAGE, Facebook, Operator, Shop
from tests.service import SEAL_KEY, Service, serving


@pytest.fixture
def other(service: Service, valkey_url: str, tmp_path: Path) -> Iterator[Service]:
    """A second service on the Redis of the first."""
    with serving(valkey_url, tmp_path / "log") as second:
        assert second.port != service.port
        yield second


def test_a_page_connected_at_one_replica_is_known_to_another_at_once(service: Service, other: Service) -> None:
    """The other service knows the Page even if it has just counted it as unknown."""
    with Shop(service.url) as shop, Facebook(other.url) as facebook:
        assert facebook.text("m_early").status_code == 200
        shop.connect()
        assert facebook.text("m_1").status_code == 200
        assert shop.ids() == ["m_1"]


def test_a_pause_at_one_replica_is_valid_at_another_at_once(service: Service, other: Service) -> None:
    """The end of the pause is valid at once too. Messages that came meanwhile are counted and not stored."""
    with Shop(service.url) as shop, Facebook(other.url) as facebook, Operator(other.ops_url) as operator:
        shop.connect()
        facebook.text("m_before")
        hour = {"paused": True, "until": "2999-01-01T07:00:00+07:00"}
        state = shop.client.patch("", json=hour).json()
        assert (state["paused"], state["until"]) == (True, "2999-01-01T00:00:00.000Z")
        before = operator.counts("events_total")
        assert facebook.text("m_paused").status_code == 200
        assert operator.counts("events_total") - before == {("message", "paused"): 1}
        state = shop.client.patch("/", json={"paused": False}).json()
        assert (state["paused"], "until" in state) == (False, False)
        facebook.text("m_after")
        assert shop.ids() == ["m_after", "m_before"]


def test_new_messages_of_a_moved_page_go_to_the_new_shop(service: Service, other: Service) -> None:
    """The Page is disconnected at one service and connected to another shop at the other. The message arrives at the
    service that remembers the old shop.
    """
    with Shop(service.url, "old") as old, Shop(other.url, "new") as new, Facebook(service.url) as facebook:
        old.connect()
        facebook.text("m_old")
        assert new.client.put(f"/pages/{PAGE}", json={}).status_code == 409
        assert old.purge(f"/pages/{PAGE}")["what"] == "page"
        assert old.ids() == []
        assert facebook.text("m_between").status_code == 200
        new.connect()
        assert facebook.text("m_new").status_code == 200
        assert (old.ids(), new.ids()) == ([], ["m_new"])
        assert [page["page_id"] for page in new.get("/pages")["pages"]] == [PAGE]
        assert old.get("/pages") == {"pages": []}


def test_a_message_delivered_to_two_replicas_is_stored_once(service: Service, other: Service) -> None:
    """Facebook's repetition can arrive at any replica."""
    with Shop(service.url) as shop, Facebook(service.url) as here, Facebook(other.url) as there:
        shop.connect()
        for n in range(10):
            assert here.text(f"m_{n}").status_code == there.text(f"m_{n}").status_code == 200
        assert shop.ids() == [f"m_{n}" for n in reversed(range(10))]


@pytest.mark.parametrize("path", ["/messages", f"/conversations/{PAGE}_7000000000000001", "/messages/m_1"])
def test_messages_purged_at_one_replica_are_unreadable_at_another_and_stay_purged(
    service: Service, other: Service, path: str
) -> None:
    """A shop, a conversation and a message are purged. The other service shows nothing at the moment of the 200, and
    nothing after a redelivery.
    """
    with Shop(service.url) as shop, Shop(other.url) as reader, Facebook(other.url) as facebook:
        shop.connect()
        facebook.text("m_1", "purge me")
        assert reader.ids() == ["m_1"]
        shop.purge(path)
        assert reader.ids() == []
        assert reader.client.get("/messages/m_1").status_code == 404
        facebook.text("m_1", "purge me")
        assert reader.ids() == shop.ids() == []
        facebook.text("m_2", "a new one")
        assert reader.ids() == shop.ids() == ["m_2"]


@pytest.mark.timeout(120)
def test_seal_keys_are_changed_while_two_replicas_take_and_read_messages(valkey_url: str, tmp_path: Path) -> None:
    """The keys are first the old key, then the old and the new, then the new and the old, then the new key. Each step
    changes one replica after the other. No request is refused at any time.
    """
    old, new = SEAL_KEY.reveal(), base64.b64encode(b"another-seal-key-of-test-service").decode()
    sent: list[str] = []

    def take(services: list[Service]) -> None:
        for service in services:
            with Facebook(service.url) as facebook, Shop(service.url) as shop:
                shop.connect()
                sent.append(f"m_{len(sent)}")
                assert facebook.text(sent[-1]).status_code == 200
                assert shop.ids() == sent[::-1]

    steps = [((old,), (old, new)), ((old, new), (new, old)), ((new, old), (new, old)), ((new,), (new, old))]
    with ExitStack() as stack:
        running: list[tuple[tuple[str, ...], ExitStack, Service]] = []
        for step in steps:
            for number, keys in enumerate(step):
                if number < len(running):
                    if running[number][0] == keys:
                        continue
                    running[number][1].close()
                replica = stack.enter_context(ExitStack())
                service = replica.enter_context(
                    serving(valkey_url, tmp_path / f"log{len(sent)}{number}", SEAL_KEYS=",".join(keys))
                )
                running[number : number + 1] = [(keys, replica, service)]
            take([service for _, _, service in running] * 2)
