"""Telephone numbers in the answers of a running service."""

import redis

from tests.callers import CUSTOMER, PAGE, Facebook, Shop
from tests.integration.test_canary import values
from tests.servers import Server
from tests.service import Service

WRITTEN = "លេខខ្ញុំ ០១២\u200b០០០\u200b១២៣ ឬ 096 000 1234"
NUMBERS = ["+85512000123", "+855960001234"]


def messages(server: Server) -> dict[bytes, bytes]:
    """Returns the key and value of every message, as Redis dumps them."""
    with redis.Redis.from_url(server.url) as client:
        return {key: client.dump(key) or b"" for key in client.scan_iter("m:*")}


def test_every_answer_has_the_phone_numbers_and_they_are_not_stored(
    facebook: Facebook, shop: Shop, valkey: Server, service: Service
) -> None:
    """The service finds the numbers at each reading. Messages do not change, and the numbers are not in other stored
    data or in the log.
    """
    facebook.text("m_without", "តម្លៃប៉ុន្មាន? 12000៛")
    facebook.text("m_with", WRITTEN)
    before = messages(valkey)

    newest, older = shop.get("/messages")["messages"]
    assert (newest["phone_numbers"], newest["text"]) == (NUMBERS, WRITTEN)
    assert "phone_numbers" not in older
    assert shop.get("/messages/m_with") == newest
    (conversation,) = shop.get("/conversations")["conversations"]
    assert conversation["last_message"] == newest
    assert conversation["id"] == f"{PAGE}_{CUSTOMER}"

    assert messages(valkey) == before
    with redis.Redis.from_url(valkey.url) as client:
        kept = [(key, value) for key, value in values(client) if not key.startswith(b"m:")]
    assert kept
    assert not [key for key, value in kept if any(number[4:] in repr(value) for number in NUMBERS)]
    log = service.log.read_text(encoding="utf-8")
    assert not any(number[4:] in log for number in NUMBERS)
