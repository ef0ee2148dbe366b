"""A message expires exactly five days after its first receipt, to the millisecond, because Redis
has its expiry time.
"""

import time
from datetime import datetime
from pathlib import Path

import redis

from cache.keys import MAX_TTL_SECONDS, shop_keys
from domain.ids import MessageId, PageId, ShopId
from simulator.payloads import delivery, entry
from simulator.serialize import Document
from tests.callers import PAGE, Facebook, Shop, text_part
from tests.servers import Server
from tests.service import serving

HOUR = 3_600_000
COUNT = 20


def redelivered(hours: int, sent_at: int) -> Document:
    """Returns the same messages, delivered this number of hours after they were sent, as Facebook's repetitions are."""
    parts = [text_part(f"m_{n}", at=sent_at + hours) for n in range(COUNT)]
    return delivery([entry(PageId(PAGE), sent_at + hours * HOUR, "messaging", parts)])


def deadlines(client: redis.Redis) -> dict[str, int]:
    """Returns the Unix milliseconds at which Redis deletes each message."""
    keys = shop_keys(ShopId("shop-1"))
    names = {f"m_{n}": keys.message(keys.message_id(PAGE, MessageId(f"m_{n}"))) for n in range(COUNT)}
    # redis-py's stubs know keys as text only.
    return {mid: int(client.execute_command("PEXPIRETIME", name)) for mid, name in names.items()}  # type: ignore[no-untyped-call]


def milliseconds(rfc3339: str) -> int:
    """Returns the time by the clock of Redis."""
    return round(datetime.fromisoformat(rfc3339).timestamp() * 1000)


def test_the_expiry_time_is_always_five_days_after_the_first_receipt(valkey: Server, tmp_path: Path) -> None:
    """Three redeliveries do not change the expiry time. Redis deletes the messages even if the service is stopped."""
    with redis.Redis.from_url(valkey.url) as client:
        with serving(valkey.url, tmp_path / "log") as service, Facebook(service.url) as facebook:
            with Shop(service.url) as shop:
                shop.connect()
                sent_at = int(time.time() * 1000) - 4 * HOUR
                assert facebook.deliver(redelivered(0, sent_at)).status_code == 200
                first = deadlines(client)
                messages = shop.walk()
                assert len(messages) == COUNT
                for message in messages:
                    received = milliseconds(message["received_at"])
                    assert first[message["id"]] == received + MAX_TTL_SECONDS * 1000
                    assert milliseconds(message["expires_at"]) == first[message["id"]]
                    assert received > sent_at + 4 * HOUR - 1, "counted from the receipt, not from Facebook's time"
                for hours in (1, 2, 4):
                    assert facebook.deliver(redelivered(hours, sent_at)).status_code == 200
                    assert deadlines(client) == first
                assert shop.walk() == messages
            assert service.terminate() == 0
        assert deadlines(client) == first
        assert all(client.pttl(name) > 0 for name in client.scan_iter(b"m:*"))


def test_no_part_of_a_shop_outlives_its_newest_message(valkey: Server, facebook: Facebook, shop: Shop) -> None:
    """Indexes, conversations and their marks expire too, and not later than the last received message."""
    for n in range(COUNT):
        facebook.text(f"m_{n}", customer=str(n % 3))
    newest = milliseconds(shop.walk()[0]["expires_at"])
    assert shop.client.put(f"/conversations/{PAGE}_1/mark", json={"done": True}).status_code == 200
    with redis.Redis.from_url(valkey.url) as client:
        names = [name for name in client.scan_iter() if name[:2] in {b"m:", b"s:", b"c:", b"v:", b"e:", b"n:"}]
        assert len(names) == COUNT + 1 + 3 + 1 + 1
        assert all(0 < int(client.pexpiretime(name)) <= newest for name in names)


def test_a_shorter_message_ttl_is_exact_too(valkey: Server, tmp_path: Path) -> None:
    """With a MESSAGE_TTL of one minute, the expiry time in Redis and in the answer is exact too."""
    with (
        serving(valkey.url, tmp_path / "log", MESSAGE_TTL="60") as service,
        Facebook(service.url) as facebook,
        Shop(service.url) as shop,
        redis.Redis.from_url(valkey.url) as client,
    ):
        shop.connect()
        assert facebook.text("m_0").status_code == 200
        (message,) = shop.walk()
        received = milliseconds(message["received_at"])
        assert deadlines(client)["m_0"] == milliseconds(message["expires_at"]) == received + 60_000


def test_a_message_with_a_date_older_than_five_days_is_not_stored(facebook: Facebook, shop: Shop) -> None:
    """Such a message was received before, or its five days are over."""
    old = int(time.time() * 1000) - MAX_TTL_SECONDS * 1000 - 1
    parts = [text_part("m_old", at=old), text_part("m_new", at=old + HOUR)]
    assert facebook.deliver(delivery([entry(PageId(PAGE), old, "messaging", parts)])).status_code == 200
    assert shop.ids() == ["m_new"]
