"""The export, a complete copy on request: it has every line, uses little memory, and never looks complete when lines
are missing."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cache.errors import UNREACHED
from domain.ids import PageId
from simulator.payloads import delivery, entry
from tests.callers import PAGE, Facebook, Shop, mint, text_part
from tests.servers import Server
from tests.service import Service, environment, run_command, serving
from tests.support import NO_TLS, wait_until_blocking

OwnServer = Callable[..., AbstractContextManager[Server]]

PATIENT = 40.0
"""Seconds for a whole export on a busy machine."""
LONG = "សួស្តី " * 400
"""About 7 KB, so that few messages make an export larger than every buffer on the way."""


def lines(text: str) -> list[dict[str, Any]]:
    """Returns the object of each line."""
    return [json.loads(line) for line in text.splitlines()]


def of(kind: str, exported: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the objects of one type, without the field of the type."""
    return [{name: value for name, value in one.items() if name != "type"} for one in exported if one["type"] == kind]


@contextmanager
def export(shop: Shop) -> Iterator[httpx2.Response]:
    """An export that is running. The test's end of the connection has a small buffer."""
    narrow = httpx2.HTTPTransport(verify=NO_TLS, socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)])
    with (
        httpx2.Client(
            transport=narrow, timeout=PATIENT, trust_env=False, verify=NO_TLS, base_url=shop.client.base_url
        ) as client,
        client.stream("GET", "/export", headers=shop.client.headers) as answer,
    ):
        assert answer.status_code == 200
        yield answer


def fill(facebook: Facebook, count: int, *, prefix: str = "m", words: str = LONG) -> None:
    """Deliver this number of long texts."""
    for first in range(0, count, 50):
        parts = [text_part(f"{prefix}_{number}", words) for number in range(first, min(first + 50, count))]
        now = int(time.time() * 1000)
        assert facebook.deliver(delivery([entry(PageId(PAGE), now, "messaging", parts)])).status_code == 200


def peak_bytes(service: Service) -> int:
    """Returns the largest memory of the process since the last reset."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_an_export_has_all_stored_data_with_the_oldest_message_first(shop: Shop, facebook: Facebook) -> None:
    """The export has the shop, its Pages, receipts, the audit log, the messages as the API answers them, and an end
    line.
    """
    for number in range(1, 8):
        assert facebook.text(f"m_{number}", f"tel 012 345 67{number}").status_code == 200
    receipt = shop.purge("/messages/m_1")
    (conversation,) = shop.get("/conversations")["conversations"]
    marked = shop.client.put(f"/conversations/{conversation['id']}/mark", json={"done": True}).json()
    answer = shop.client.get("/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    exported = lines(answer.text)
    assert [one["type"] for one in exported if one["type"] != "audit"] == [
        *("shop", "page", "receipt"),
        *["message"] * 6,
        *("mark", "end"),
    ]
    (head,) = of("shop", exported)
    assert (head["shop"], head["paused"], head["message_count"]) == ("shop-1", False, 6)
    assert of("page", exported) == shop.get("/pages")["pages"]
    assert of("receipt", exported) == [receipt]
    assert of("message", exported) == shop.walk()[::-1]
    assert of("message", exported)[0]["phone_numbers"] == ["+85512345672"]
    assert of("mark", exported) == [marked]
    assert of("end", exported) == [{"messages": 6}]
    audit = of("audit", exported)
    assert audit == shop.walk_audit()[::-1][: len(audit)]
    assert "exportShop" in {entry["action"] for entry in audit}


def test_an_export_has_no_data_of_another_shop_and_needs_a_token_for_reading(
    service: Service, shop: Shop, facebook: Facebook
) -> None:
    """The export of an empty shop has a head and an end."""
    assert facebook.text("m_1").status_code == 200
    with Shop(service.url, "shop-2") as other:
        exported = lines(other.client.get("/export").text)
        assert {one["type"] for one in exported} <= {"shop", "audit", "end"}
        assert of("end", exported) == [{"messages": 0}]
    with Shop(service.url, token=mint("shop-1", ["messages:purge", "graph:read", "shop:admin"])) as reader:
        assert reader.client.get("/export").status_code == 403
    assert shop.ids() == ["m_1"]


def test_messages_purged_or_received_during_an_export_are_not_in_it(
    service: Service, shop: Shop, facebook: Facebook
) -> None:
    """The caller reads the first messages, then everything is purged and new messages arrive. The rest of the export is
    short and correct.
    """
    fill(facebook, 2000)
    with export(shop) as answer:
        read = answer.iter_text()
        text = ""
        while '"type":"message"' not in text:
            text += next(read)
        with Shop(service.url) as owner:
            owner.client.timeout = httpx2.Timeout(PATIENT)
            owner.purge()
        assert facebook.text("m_new").status_code == 200
        text += "".join(read)
    exported = lines(text)
    (end,) = of("end", exported)
    messages = of("message", exported)
    assert end == {"messages": len(messages)}
    assert 0 < len(messages) < 2000
    assert "m_new" not in {message["id"] for message in messages}


def test_a_large_and_slowly_read_export_uses_little_memory(own_server: OwnServer, tmp_path: Path) -> None:
    """The export has twenty megabytes and the caller reads nothing for some time. The process grows by a small part of
    this size.
    """
    with (
        own_server() as valkey,
        serving(valkey.url, tmp_path / "log") as service,
        Shop(service.url) as shop,
        Facebook(service.url) as facebook,
    ):
        shop.connect()
        fill(facebook, 100, prefix="warm")
        shop.client.get("/export", timeout=PATIENT)
        fill(facebook, 2500)
        Path(f"/proc/{service.process.pid}/clear_refs").write_text("5")  # VmHWM is reset
        before = peak_bytes(service)
        with export(shop) as answer:
            read = answer.iter_bytes()
            size = len(next(read))
            assert shop_is_served(service)
            size += sum(map(len, read))
        assert size > 18_000_000
        assert peak_bytes(service) - before < size / 3


def shop_is_served(service: Service) -> bool:
    """Check that other requests are answered while an export waits for its caller."""
    with Shop(service.url) as other:
        return all(other.client.get("/messages?limit=1").status_code == 200 for _ in range(20))


def test_an_export_is_cut_off_when_redis_stops(own_server: OwnServer, tmp_path: Path) -> None:
    """If Redis stops during an export, the caller's client notices it, there is no end line, and the log has the
    reason. If Redis stops before, the answer is 503.
    """
    with (
        own_server() as valkey,
        serving(valkey.url, tmp_path / "log") as service,
        Shop(service.url) as shop,
        Facebook(service.url) as facebook,
    ):
        shop.connect()
        fill(facebook, 2000)
        with export(shop) as answer:
            read = answer.iter_text()
            received = [next(read)]
            for client in valkey.clients():
                client.shutdown(nosave=True)
            with pytest.raises(httpx2.RemoteProtocolError):
                received.extend(read)
        assert '"type":"end"' not in "".join(received)
        wait_until_blocking(lambda: [line for line in service.lines() if line["event"] == "export_cut_off"])
        (cut,) = [line for line in service.lines() if line["event"] == "export_cut_off"]
        assert cut["reason"] in UNREACHED
        assert shop.client.get("/export").status_code == 503


def test_a_third_export_of_a_shop_at_the_same_time_is_refused(shop: Shop, facebook: Facebook, service: Service) -> None:
    """Each export reads all stored data. When an export ends or its caller leaves, another export can begin."""
    fill(facebook, 2000)
    with export(shop), export(shop):
        refused = shop.client.get("/export")
        assert (refused.status_code, refused.json()["reason"]) == (429, "too_many_exports")
        assert int(refused.headers["retry-after"]) > 0
        with Shop(service.url, "shop-2") as other:
            assert other.client.get("/export").status_code == 200
    for _ in range(2):  # the first may begin when only one of the two has ended
        wait_until_blocking(lambda: shop.client.get("/export").status_code == 200)


def test_an_export_ends_when_its_caller_disconnects(shop: Shop, facebook: Facebook, service: Service) -> None:
    """The service stops reading from Redis when the caller does not read the export any more."""
    fill(facebook, 2000)
    begun = len(service.lines())
    with export(shop) as answer:
        next(answer.iter_bytes())
    wait_until_blocking(lambda: any(line.get("route", "").endswith("/export") for line in service.lines()[begun:]))


@pytest.mark.parametrize("direct", [True, False], ids=["redis", "service"])
def test_the_command_writes_a_whole_copy(
    service: Service, shop: Shop, facebook: Facebook, valkey_url: str, tmp_path: Path, direct: bool
) -> None:
    """The command reads Redis or a running service and writes the same lines. Only the owner can read the file. A bar
    shows the progress.
    """
    fill(facebook, 60, words="hello")
    out = tmp_path / "copy.ndjson"
    source = () if direct else ("--url", service.url)
    done = command(valkey_url if direct else None, "--shop", "shop-1", "--out", str(out), *source, TOKEN=mint("shop-1"))
    assert done.returncode == 0, done.stderr
    assert "60 messages" in done.stdout
    assert "Exporting" in done.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["copy.ndjson"]
    exported = lines(out.read_text())
    assert of("message", exported) == shop.walk()[::-1]
    by = ("operator", "local") if direct else ("owner@shop", "127.0.0.1")
    recorded = [(one["sub"], one["client"]) for one in of("audit", exported) if one["action"] == "exportShop"]
    assert recorded.count(by) == 1  # the service may also write the counts of an earlier test


def test_a_refused_export_command_writes_no_file(service: Service, shop: Shop, tmp_path: Path) -> None:
    """The command reports a refusal in one sentence. An incomplete copy does not get the name of the file."""
    out = tmp_path / "copy.ndjson"
    to = ("--shop", "shop-1", "--out", str(out), "--url")
    refused = command(None, *to, service.url, TOKEN=mint("shop-2"))
    assert (refused.returncode, "another shop" in refused.stderr) == (1, True)
    nobody = command(None, *to, "http://127.0.0.1:1", TOKEN=mint("shop-1"))
    assert (nobody.returncode, "does not answer" in nobody.stderr) == (1, True)
    tokenless = command(None, *to, service.url)
    assert (tokenless.returncode, "TOKEN" in tokenless.stderr) == (2, True)
    assert not out.exists()
    assert shop.get("")["shop"] == "shop-1"


def command(redis_url: str | None, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run `page-inbox export` until it ends."""
    return run_command(["export", *arguments], environment(redis_url, **settings))
