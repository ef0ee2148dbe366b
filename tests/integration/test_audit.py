"""The audit log of a shop: who did what, how the owner and an operator read it, and that no caller avoids it."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import redis

from cache.keys import shop_keys
from domain.ids import ShopId
from domain.shop import EVERY_SHOP
from tests.callers import CUSTOMER, PAGE, Facebook, Operator, Shop, mint
from tests.servers import Server
from tests.service import Service, environment, run_command, serving
from tests.support import NO_TLS

KEYS = shop_keys(ShopId("shop-1"))


@pytest.fixture
def owner() -> str:
    """A subject for whom the shared service has counted no read in the last minute."""
    return f"owner-{uuid4().hex}"


@pytest.fixture
def shop(service: Service, owner: str) -> Iterator[Shop]:
    """A shop with one connected Page and a token of the new owner."""
    with Shop(service.url, token=mint("shop-1", subject=owner)) as caller:
        caller.connect()
        yield caller


def told(shop: Shop, owner: str) -> list[tuple[str, int]]:
    """Returns what the owner did and how often, oldest first, without reads of the log itself.

    The log can have entries of other subjects, because the service still counts reads of earlier tests.
    """
    entries = sorted((entry for entry in shop.walk_audit() if entry["sub"] == owner), key=lambda entry: entry["at"])
    return [(entry["action"], entry["times"]) for entry in entries if entry["action"] != "listAudit"]


def command(redis_url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command until it ends."""
    return run_command(arguments, environment(redis_url))


def test_every_read_purge_connection_and_change_is_recorded(
    service: Service, shop: Shop, owner: str, facebook: Facebook
) -> None:
    """An entry has the subject, action, time and address. After the first read, equal reads share one entry. Marks
    share one entry in the same way. No entry has a person's id.
    """
    assert facebook.text("m_1").status_code == 200
    shop.ids()
    shop.get("/messages/m_1")
    for done in (True, False):
        shop.client.put(f"/conversations/{PAGE}_{CUSTOMER}/mark", json={"done": done})
    shop.client.patch("", json={"paused": False})
    shop.purge(f"/conversations/{PAGE}_{CUSTOMER}")
    shop.purge("/messages/m_1")
    shop.purge()
    with Shop(service.url, token=mint(EVERY_SHOP, subject=owner)) as back_end:
        back_end.get("/pages")
    assert told(shop, owner) == [
        ("connectPage", 1),
        ("listMessages", 1),
        ("readMessage", 1),
        ("markConversation", 1),
        ("changeShop", 1),
        ("purgeConversation", 1),
        ("purgeMessage", 1),
        ("purgeMessages", 1),
        ("listPages", 1),
    ]
    entries = shop.walk_audit()
    assert {entry["client"] for entry in entries} == {"127.0.0.1"}
    assert [entry["page"] for entry in entries if "page" in entry] == [PAGE]
    assert CUSTOMER not in json.dumps(entries)
    assert "m_1" not in json.dumps(entries)


def test_refused_calls_and_deliveries_are_not_recorded(
    shop: Shop, owner: str, service: Service, facebook: Facebook
) -> None:
    """A stranger cannot fill a shop's log, and a delivery is not an access."""
    with Shop(service.url, token=mint("shop-2")) as stranger:
        assert stranger.client.get("/messages").status_code == 403
    assert shop.client.get("/messages", params={"colour": "red"}).status_code == 400
    assert facebook.text("m_1").status_code == 200
    assert told(shop, owner) == [("connectPage", 1)]


def test_reading_the_log_needs_its_scope(service: Service, valkey_url: str) -> None:
    """A token with the scope to read messages cannot read the audit log."""
    assert valkey_url
    with Shop(service.url, token=mint("shop-1", ["messages:read", "messages:purge", "graph:read"])) as reader:
        assert reader.client.get("/audit").status_code == 403


def test_the_service_writes_counted_reads_when_it_stops(valkey_url: str, tmp_path: Path, owner: str) -> None:
    """Of thirty reads, the first is written at once. The others are counted and written at the stop."""
    token = mint("shop-1", subject=owner)
    with serving(valkey_url, tmp_path / "log") as service:
        with Shop(service.url, token=token) as shop:
            for _ in range(30):
                shop.get("/messages")
        assert service.terminate() == 0
    with serving(valkey_url, tmp_path / "log2") as service, Shop(service.url, token=token) as shop:
        assert told(shop, owner) == [("listMessages", 30)]


def test_a_read_that_cannot_be_recorded_is_refused(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path
) -> None:
    """If Redis can be read but not written, a read is answered 503 and counted. As soon as Redis accepts writes, the
    read is answered.
    """
    with (
        own_server() as valkey,
        serving(valkey.url, tmp_path / "log") as service,
        Shop(service.url) as shop,
        Operator(service.ops_url) as operator,
        redis.Redis.from_url(valkey.url) as client,
    ):
        shop.connect()
        # A log of another type accepts no entry, and does not prevent reading of messages.
        client.set(KEYS.audit_reads, "rubbish", ex=600)
        refused = shop.client.get("/messages")
        assert (refused.status_code, refused.json()["reason"]) == (503, "redis_refused")
        client.delete(KEYS.audit_reads)
        assert shop.client.get("/messages").status_code == 200
        counts = operator.counts("audit_entries_total")
        assert (counts["refused",], counts["written",]) == (1, 2)


@pytest.mark.parametrize(("trusted", "told"), [("", "127.0.0.2"), ("127.0.0.0/8", "203.0.113.9")])
def test_only_a_trusted_proxy_can_give_the_log_the_address_of_its_caller(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path, trusted: str, told: str
) -> None:
    """Only the trusted proxy 127.0.0.2 can give the log the address of its caller. Every other caller is recorded with
    its own address.
    """
    with own_server() as valkey, serving(valkey.url, tmp_path / "log", TRUSTED_PROXIES=trusted) as service:
        headers = {"Authorization": f"Bearer {mint('shop-1')}", "X-Forwarded-For": "203.0.113.9"}
        with httpx2.Client(
            transport=httpx2.HTTPTransport(verify=NO_TLS, local_address="127.0.0.2"), trust_env=False
        ) as proxy:
            assert proxy.get(f"{service.url}/v1/shops/shop-1/messages", headers=headers).status_code == 200
        with Shop(service.url) as shop:
            (entry,) = [one for one in shop.walk_audit() if one["action"] == "listMessages"]
        assert entry["client"] == told


def test_an_operators_commands_are_recorded_in_the_shops_log(shop: Shop, owner: str, valkey_url: str) -> None:
    """A command is recorded as `operator`. `page-inbox audit` reads the store and prints the entries that the shop
    reads.
    """
    for arguments in (("pages", "list"), ("purge", "--yes"), ("audit",)):
        done = command(valkey_url, *arguments, "--shop", "shop-1")
        assert done.returncode == 0, done.stderr
    entries = [entry for entry in shop.walk_audit() if entry["sub"] == "operator"]
    assert [entry["action"] for entry in entries] == ["listAudit", "purgeMessages", "listPages"]
    assert {entry["client"] for entry in entries} == {"local"}
    shown = command(valkey_url, "audit", "--shop", "shop-1", "--limit", "3").stdout.splitlines()
    assert len(shown) == 3
    assert shown[0].split()[1:] == ["operator", "listAudit", "local"]
    whole = command(valkey_url, "audit", "--shop", "shop-1", "--limit", "100").stdout.splitlines()
    assert [owner, "connectPage", PAGE, "127.0.0.1"] in [line.split()[1:] for line in whole]
