"""A real Prometheus fires the alert of each fault that would lose acknowledged messages or bring purged messages back.
Each fault has an installation of its own, which is a job of the same Prometheus."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Final

import pytest
import redis

from domain.ids import MessageId
from simulator.payloads import one_message
from tests.breakable import Breakable
from tests.callers import CUSTOMER, PAGE, Facebook, Shop
from tests.debian import Absent, library
from tests.fault.test_redis_went_back import wait_for_beat
from tests.ops.rules import read_rules
from tests.ops.test_live import hurried
from tests.prometheus import promtool, running
from tests.servers import Server, admin
from tests.service import Service, serving, serving_program
from tests.support import wait_until_blocking

ALERTS: Final = {
    "evicting": "PageInboxRedisMayLoseMessages",
    "clock": "PageInboxClockOff",
    "old": "PageInboxClockOff",
    "empty": "PageInboxRegistryLost",
    "flushed": "PageInboxRegistryLost",
    "back": "PageInboxRedisWentBack",
}
"""The job of each fault, and the alert that must fire for it."""
TOO_OLD: Final = timedelta(days=5, hours=1)
WITHIN: Final = 120.0
"""Seconds. The service checks its Redis once a minute, and the machine may be busy."""

OwnServer = Callable[..., AbstractContextManager[Server]]


@pytest.mark.timeout(400)
def test_a_fault_that_loses_messages_fires_its_alert_for_its_installation_only(
    own_server: OwnServer, breakable: Breakable, tmp_path: Path
) -> None:
    """The faults are: Redis may evict, its clock is wrong, a message is too old, no Page was ever connected, the Pages
    are lost, and Redis comes back with data from before a purge."""
    try:
        promtool("--version")
        faketime = library("libfaketime.so.1", package="libfaketime")
    except Absent as absent:
        pytest.skip(str(absent))
    ahead = {
        "LD_PRELOAD": str(faketime),
        "FAKETIME": f"-{TOO_OLD // timedelta(seconds=1)}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    urls: dict[str, str] = {}
    services: dict[str, Service] = {}
    senders: dict[str, Facebook] = {}
    mids = count()
    with ExitStack() as stack:
        for job in (*ALERTS, "well"):
            urls[job] = breakable.url if job == "back" else stack.enter_context(own_server(job)).url
            settings = {"clock": ahead, "back": {"PURGE_JOURNAL": str(tmp_path / "journal")}}.get(job, {})
            start = serving_program if job == "clock" else serving  # a preloaded library needs a program that starts
            services[job] = stack.enter_context(start(urls[job], tmp_path / f"{job}.log", **settings))
            senders[job] = stack.enter_context(Facebook(services[job].url))
            if job != "empty":
                with Shop(services[job].url) as shop:
                    shop.connect()
        ports = {job: service.ops_port for job, service in services.items()}
        rules = hurried(read_rules(), sorted(set(ALERTS.values())))
        prometheus = stack.enter_context(running(tmp_path, ports, rules))
        wait_until_blocking(lambda: len(prometheus.query("count_over_time(up[1m]) > 1")) == len(ports), within=WITHIN)

        with redis.Redis.from_url(urls["evicting"]) as client:
            admin(client, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        with redis.Redis.from_url(urls["flushed"]) as client:
            client.flushall()
        returning = stack.enter_context(Shop(services["back"].url))
        assert senders["back"].text("m_purged").status_code == 200
        breakable.snapshot()
        returning.purge()
        wait_for_beat(breakable)
        breakable.go_back()
        sent = int((time.time() - TOO_OLD.total_seconds()) * 1000)

        fired: set[tuple[str, str]] = set()

        def all_have_fired() -> bool:
            old = one_message(PAGE, CUSTOMER, "hello", MessageId(f"m_old{next(mids)}"), sent)
            assert senders["old"].deliver(old).status_code == 200
            assert senders["empty"].text(f"m_{next(mids)}").status_code == 503
            senders["flushed"].text(f"m_{next(mids)}")
            assert senders["well"].text(f"m_{next(mids)}").status_code == 200
            prometheus.wait_for_scrape()
            fired.update(prometheus.firing())
            return fired >= set(ALERTS.items())

        wait_until_blocking(all_have_fired, within=WITHIN, told=lambda: str(sorted(fired)))
        assert "well" not in {job for job, _ in fired}
        assert returning.ids() == []
