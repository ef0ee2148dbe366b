"""Marked texts, people and telephone numbers, and what Redis and its files have of them before and after a purge."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import redis

from cache.keys import PURGES, shop_keys
from cache.messages.vault import SECRET_FIELD
from domain.ids import PageId, ShopId
from simulator.payloads import delivery, entry
from simulator.serialize import Document, serialize
from simulator.signing import signed
from tests.callers import CUSTOMER, PAGE, Facebook, Shop, mint, text_part
from tests.sealed import opened
from tests.servers import running
from tests.service import APP_SECRET, SEAL_KEY, TOKEN_KEY, VERIFY_TOKEN, serving
from tests.support import wait_until_blocking

SHOP: Final = ShopId("shop-1")
CANARY: Final = "canary-កាណារី"
PSID: Final = "7011122233344455"
PHONES: Final = ("012 345 678", "012345678", "+85512345678", "០១២៣៤៥៦៧៨")
MID: Final = "m_canary-mid"
PAGE_TOKEN: Final = "EAAcanaryPageTokenOfFacebook"

WHO = {"sender": {"id": PSID}, "recipient": {"id": PAGE}}


def parts() -> list[Document]:
    """Returns messages with the canary in every place that a customer can write to, or that names the customer."""
    at = int(time.time() * 1000)
    who = {**WHO, "timestamp": at}
    words = f"{CANARY} {' '.join(PHONES)}"
    address = f"https://cdn.example/{CANARY}.jpg?token={CANARY}"
    photo = {"type": "image", "payload": {"url": address, "title": CANARY}}
    return [
        text_part(MID, words, customer=PSID),
        {**who, "message": {"mid": f"{MID}-2", "text": words, "quick_reply": {"payload": CANARY}}},
        {**who, "message": {"mid": f"{MID}-3", "attachments": [photo]}},
        {**who, "postback": {"mid": f"{MID}-4", "title": CANARY, "payload": CANARY, "referral": {"ref": CANARY}}},
        {**who, "message_edit": {"mid": f"{MID}-2", "text": f"{words} edited", "num_edit": 1}},
        {**who, "message_edit": {"mid": f"{MID}-early", "text": words, "num_edit": 1}},
        {**who, "reaction": {"mid": MID, "emoji": CANARY, "reaction": CANARY}},
        {**who, "message": {"mid": [CANARY], "text": words}},
        {**who, CANARY: {"text": words}},
        {"sender": {"id": f"{PSID}\n{CANARY}"}, "recipient": {"id": PAGE}, "message": {"mid": MID, "text": words}},
    ]


def whole() -> Document:
    """Returns one delivery with all these parts and with an unknown Page."""
    now = int(time.time() * 1000)
    unknown = entry(PageId("104200000000009"), now, "messaging", parts()[:1])
    return delivery([entry(PAGE, now, "messaging", parts()), unknown, {"id": CANARY, "time": now, CANARY: [CANARY]}])


def needles() -> list[str]:
    """Returns the marked texts in three forms: as they are, as JSON escapes them, and as an address escapes them."""
    body = serialize(whole())
    plain = [
        *(CANARY, "canary", PSID, MID, PAGE_TOKEN, *PHONES, CUSTOMER),
        *(APP_SECRET.reveal(), VERIFY_TOKEN.reveal(), TOKEN_KEY.reveal(), SEAL_KEY.reveal()),
        *(value.decode() for _, value in signed(body, APP_SECRET)),
        *(mint("shop-1").split(".")[0], mint("shop-1").split(".")[1][:40]),
    ]
    return sorted(
        {
            spelled
            for one in plain
            for spelled in (one, json.dumps(one)[1:-1], str(httpx2.URL("/", params={"": one}))[3:])
        }
    )


def found_in(text: str) -> list[str]:
    """Returns the needles that are in the content."""
    return [needle for needle in needles() if needle in text]


def values(client: redis.Redis) -> Iterator[tuple[bytes, Any]]:
    """Yields every key with its whole value, for keys of every type."""
    for key in client.scan_iter():
        match client.type(key):
            case b"string":
                yield key, client.get(key)
            case b"hash":
                yield key, client.hgetall(key)
            case b"zset":
                yield key, client.zrange(key, 0, -1)
            case b"stream":
                yield key, client.xrange(key)
            case other:
                raise AssertionError(f"a type that nobody looks into: {other!r}")


def kept(client: redis.Redis) -> dict[bytes, bytes]:
    """Returns the values of messages and waiting edits, by id."""
    head = shop_keys(SHOP).message(b"")
    return {key.removeprefix(head): value for key, value in values(client) if key.startswith(b"m:") and value}


def bodies(kept_values: dict[bytes, bytes], field: bytes) -> list[str]:
    """Returns the texts that a person with the keys and the shop's secret can decrypt."""
    return [json.dumps(opened(SEAL_KEY, SHOP, field, *one), ensure_ascii=False) for one in kept_values.items()]


def test_after_a_purge_the_canary_is_in_no_redis_value_and_not_in_the_file(tmp_path: Path) -> None:
    """While a message is stored, only a person with the keys can find the canary. After the purge, not even the keys
    show it.
    """
    files = tmp_path / "valkey" / "appendonlydir"
    with (
        running("own", tmp_path / "valkey", persistent=True, extra=["--rdbcompression", "no"]) as valkey,
        serving(valkey.url, tmp_path / "log") as service,
        Facebook(service.url) as facebook,
        Shop(service.url) as shop,
        redis.Redis.from_url(valkey.url) as client,
    ):
        shop.connect()
        assert facebook.deliver(whole()).status_code == 200
        raw = kept(client)
        assert len(raw) == 5, "four messages and the edit that came early"
        field = client.hget(shop_keys(SHOP).registry, SECRET_FIELD)
        assert all(CANARY in body for body in bodies(raw, field))
        assert all(_in_files(files, value) for value in (field, *raw.values()))
        assert found_in(str([(key.decode("latin-1"), value) for key, value in values(client)])) == []
        assert not any(_in_files(files, needle.encode()) for needle in needles())

        shop.purge()
        wait_until_blocking(lambda: client.zcard(PURGES) == 0)
        assert kept(client) == {}
        assert client.hget(shop_keys(SHOP).registry, SECRET_FIELD).startswith(b"-")
        assert found_in(str([(key.decode("latin-1"), value) for key, value in values(client)])) == []
        client.bgrewriteaof()
        wait_until_blocking(lambda: _rewritten(client), within=20)
        assert not any(_in_files(files, value) for value in (field, *raw.values()))
        assert not any(_in_files(files, needle.encode()) for needle in needles())
        assert valkey.unbounded_keys() == []


def _rewritten(client: redis.Redis) -> bool:
    state = client.info("persistence")
    assert state["aof_last_bgrewrite_status"] == "ok"
    return not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"] and state["aof_rewrites"] > 0


def _in_files(directory: Path, needle: bytes) -> bool:
    # A file that a rewrite has just replaced may vanish between listing and reading.
    contents = []
    for path in directory.iterdir():
        try:
            contents.append(path.read_bytes())
        except FileNotFoundError:
            continue
    return any(needle in content for content in contents)
