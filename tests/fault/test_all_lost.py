"""A rehearsal of losing everything except a backup file and the secrets."""

import time
from itertools import count
from pathlib import Path

import pytest

from domain.ids import MessageId, Psid
from tests.callers import Facebook, text_part
from tests.facebook import GraphShop, graph_settings, new_page, running_facebook, serving_graph
from tests.graph import now
from tests.servers import Server
from tests.service import environment, run_command
from tests.support import wait_until_blocking

CUSTOMERS = tuple(Psid(f"700000000000010{n}") for n in range(3))
BACK_SECONDS = 30.0
"""Seconds from an empty Redis and the start of a service to the first 200. An idle machine needs a few seconds."""


@pytest.mark.timeout(300)
def test_the_service_works_after_a_restore_and_keeps_purges_from_before_the_backup(
    lost: Server, empty: Server, tmp_path: Path
) -> None:
    """The service fetches again what Facebook still has. A purge from before the backup stays valid. A purge from after
    the backup needs the journal, which is lost too: the messages of this purge come back, as docs/backup.md says."""
    backup, mids = tmp_path / "backup", count()
    with running_facebook() as graph:
        settings = graph_settings(graph)
        page = new_page(graph.world)

        def said(facebook: Facebook, customer: Psid) -> str:
            mid, at = MessageId(f"m_{next(mids)}"), now()
            graph.world.say(page, customer, "1 dress", at=at, mid=mid)
            part = text_part(mid, "1 dress", page=page.id, customer=customer, at=at)
            assert facebook.part(part, page=page.id).status_code == 200
            return mid

        with (
            serving_graph(lost.url, tmp_path / "log", graph) as service,
            GraphShop(service.url) as shop,
            Facebook(service.url) as facebook,
        ):
            shop.bring(page)
            kept, single, conversation, later = (said(facebook, CUSTOMERS[n]) for n in (0, 0, 1, 2))
            shop.purge(f"/messages/{single}")
            shop.purge(f"/conversations/{page.id}_{CUSTOMERS[1]}")
            _typed(lost.url, settings, "backup", "--out", str(backup))
            shop.purge(f"/conversations/{page.id}_{CUSTOMERS[2]}")
            assert shop.ids() == [kept]
        for client in lost.clients():
            client.flushall()

        began = time.monotonic()
        with (
            serving_graph(empty.url, tmp_path / "next", graph, ready="/livez") as service,
            GraphShop(service.url) as shop,
            Facebook(service.url) as facebook,
        ):
            _typed(empty.url, settings, "restore", str(backup))
            first = said(facebook, CUSTOMERS[0])
            back = time.monotonic() - began
            wait_until_blocking(lambda: {first, kept, later} <= set(shop.ids()), within=120)
            fetched = time.monotonic() - began
            assert single not in shop.ids()
            assert conversation not in shop.ids()
    print(f"deliveries are stored after {back:.1f} s, messages fetched after {fetched:.1f} s")  # noqa: T201
    assert back < BACK_SECONDS


def _typed(url: str, settings: dict[str, str], *words: str) -> None:
    done = run_command(words, environment(url, **settings), within=60)
    assert done.returncode == 0, done.stdout + done.stderr
