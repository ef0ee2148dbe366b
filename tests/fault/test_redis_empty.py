"""Redis comes back without its Pages. No process answers 200 and drops a message."""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.breakable import Breakable
from tests.callers import PAGE, Facebook, Operator, Shop
from tests.fault.conftest import EndsWith
from tests.fault.load import loading
from tests.fault.rows import REFUSED_SECONDS
from tests.service import environment, run_command, serving
from tests.support import wait_until, wait_until_blocking

REFUSED = 100
"""Refused deliveries of each process to wait for before the data come back."""


@pytest.mark.fault("Redis back empty, its data restored later")
async def test_deliveries_for_a_lost_page_are_refused_until_the_page_is_restored(
    breakable: Breakable, tmp_path: Path, row: EndsWith
) -> None:
    """One process remembers the Page. The other process was started after the loss and remembers nothing."""
    with ExitStack() as stack:
        client = stack.enter_context(breakable.client())
        old = stack.enter_context(serving(breakable.url, tmp_path / "old"))
        with Shop(old.url) as shop:
            shop.connect()
        with Facebook(old.url) as facebook:
            assert facebook.text("m_before").status_code == 200
        kept = {key: client.dump(key) for key in client.keys("*")}
        client.flushall()
        async with loading(old.url) as load:
            await wait_until(lambda: load.statuses[503] >= REFUSED, within=30)
            starting = serving(breakable.url, tmp_path / "new")
            load.url = (await asyncio.to_thread(stack.enter_context, starting)).url
            await wait_until(lambda: load.statuses[503] >= 3 * REFUSED, within=30)
            assert load.acknowledged == set()
            restored = time.monotonic()
            with client.pipeline(transaction=True) as pipeline:  # one step, as if Redis loaded its file
                for key, value in kept.items():
                    pipeline.restore(key, 0, value, replace=True)
                pipeline.execute()
            recovery = await load.recovered(restored)
            load.url = old.url
            await load.recovered(time.monotonic())
        assert load.slowest_refusal < REFUSED_SECONDS
        with Shop(old.url) as shop:
            found = shop.ids()
    row(load, found, recovery=recovery)


def test_the_service_reports_lost_pages_and_an_operator_can_accept_the_loss(
    breakable: Breakable, tmp_path: Path
) -> None:
    """A Page that is connected again is served at once. Deliveries for the other Pages are refused until the operator
    accepts the loss. Reads of a lost shop are refused with the reason, because an empty answer would be wrong."""
    other = "104200000000002"
    with (
        serving(breakable.url, tmp_path / "log") as service,
        Facebook(service.url) as facebook,
        Shop(service.url) as shop,
        Operator(service.ops_url) as operator,
    ):
        shop.connect()
        shop.connect(other)
        assert facebook.text("m_1").status_code == 200
        with breakable.client() as client:
            client.flushall()
        for path in ("/messages", "/conversations", "/messages/m_1", "/pages", f"/pages/{PAGE}"):
            answer = shop.client.get(path)
            assert (answer.status_code, answer.json()["reason"]) == (503, "registry_lost")
        answer = facebook.text("m_2")
        assert (answer.status_code, answer.json()["reason"]) == (503, "registry_lost")
        told = operator.client.get("/readyz")
        assert told.status_code == 200
        (check,) = [check for check in told.json()["checks"] if not check["ok"]]
        assert check["name"] == "registry"
        assert "accept-loss" in check["hint"]

        shop.connect()
        assert facebook.text("m_2").status_code == 200
        assert shop.ids() == ["m_2"]
        assert facebook.text("m_3", page=other).status_code == 503
        accepted = run_command(["pages", "accept-loss", "--yes"], environment(breakable.url))
        assert (accepted.returncode, "1 Page" in accepted.stdout) == (0, True), accepted.stderr
        assert facebook.text("m_3", page=other).status_code == 200
        wait_until_blocking(lambda: operator.checks()["registry"])
        assert shop.ids() == ["m_2"]
