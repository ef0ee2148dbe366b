"""Nobody reads standard output any more, and the service goes on."""

import json
import os
import subprocess
from pathlib import Path

import httpx2

from tests.callers import Facebook, Operator, Shop
from tests.servers import Server
from tests.service import STOP_SECONDS, Service, environment, page_inbox
from tests.support import wait_until_blocking

REQUESTS = 2500
"""Lines of some 250 bytes: more than the pipe and the buffer hold."""


def test_a_reader_of_the_log_that_stops_stops_nothing_else(valkey: Server, tmp_path: Path) -> None:
    """Deliveries, reads, /livez and SIGTERM all work; a metric counts the lines that are lost."""
    reading, writing = os.pipe()
    command, environ = page_inbox("serve"), environment(valkey.url)
    process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=writing)  # noqa: S603
    os.close(writing)
    try:
        text = b""
        while b'"event":"listening"' not in text:
            text += os.read(reading, 65_536)
        (ports,) = (json.loads(line) for line in text.splitlines() if b'"event":"listening"' in line)
        service = Service(process, tmp_path / "unused", ports["port"], ports["ops_port"])
        wait_until_blocking(lambda: service.answers("/readyz"), within=STOP_SECONDS)
        with Shop(service.url) as shop, Facebook(service.url) as facebook, Operator(service.ops_url) as operator:
            shop.connect()
            with httpx2.Client(base_url=service.url, trust_env=False, timeout=10) as client:
                for _ in range(REQUESTS):
                    assert client.get("/nowhere").status_code == 404
            assert facebook.text("m_1").status_code == 200
            assert shop.ids() == ["m_1"]
            assert service.answers("/livez")
            assert operator.counts("log_lines_lost_total")[()] > 0
        assert service.terminate() == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(reading)
