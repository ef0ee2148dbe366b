"""The findings of `page-inbox doctor` about what stops a service: lost Pages, another seal key, few open files, wrong
addresses.
"""

import base64
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.callers import Facebook, Shop
from tests.servers import Server
from tests.service import environment, run_command, serving

OTHER_KEY = base64.b64encode(b"another-key-of-the-service-32byt").decode()

OwnServer = Callable[..., AbstractContextManager[Server]]


def findings(redis_url: str | None, files: int = 0, **settings: str) -> dict[str, list[dict[str, Any]]]:
    """Returns the sentences by the name of the finding. `files` is the limit of open files."""
    done = run_command(["doctor", "--json"], environment(redis_url, **settings), within=100, open_files=files)
    assert done.stderr == ""
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        found.setdefault(finding["name"], []).append(finding)
    return found


@pytest.mark.timeout(180)
def test_the_doctor_reports_a_store_that_would_cause_503_answers(own_server: OwnServer, tmp_path: Path) -> None:
    """The test has four stores: an empty one, a complete one, one with another seal key, and one that has lost
    Pages."""
    with own_server() as valkey:
        (empty,) = findings(valkey.url)["registry"]
        assert (empty["level"], "503" in empty["sentence"]) == ("warn", True)
        with (
            serving(valkey.url, tmp_path / "log") as service,
            Shop(service.url) as shop,
            Facebook(service.url) as facebook,
        ):
            shop.connect()
            assert facebook.text("m_1").status_code == 200
        whole = findings(valkey.url)
        assert [one["level"] for one in whole["registry"]] == ["ok"]
        assert not any("open nothing" in one["sentence"] for one in whole["keys"])
        sealed = findings(valkey.url, SEAL_KEYS=OTHER_KEY)
        assert [one["level"] for one in sealed["keys"] if "open nothing" in one["sentence"]] == ["fail"]
        with redis.Redis.from_url(valkey.url) as client:
            (mark,) = client.scan_iter(match="mark:*")
            client.set(mark, b"lost:" + client.get(mark))  # as a process of the service does that misses a Page
        (lost,) = findings(valkey.url)["registry"]
        assert (lost["level"], "lost" in lost["sentence"]) == ("fail", True)


@pytest.mark.parametrize(("files", "level"), [(256, "fail"), (2048, "warn")])
def test_the_doctor_reports_a_low_limit_of_open_files(files: int, level: str) -> None:
    """With the lowest limit `serve` would not start. With the next limit it would serve only few connections."""
    assert [one["level"] for one in findings(None, files=files)["files"]] == [level]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "https://inbox.example:99999"),
        ("PUBLIC_URL", "https://inbox example"),
        ("GRAPH_URL", "https://graph.example:abc"),
        ("REDIS_URL", "redis://127.0.0.1:abc/0"),
        ("REDIS_URL", "redis://[::1"),
    ],
)
def test_an_address_with_a_typing_mistake_is_a_finding(name: str, value: str) -> None:
    """The output contains no traceback."""
    found = findings(value) if name == "REDIS_URL" else findings(None, 0, FACEBOOK_APP_ID="1", **{name: value})
    assert [one["level"] for one in found["settings"] if one["about"] == name] == ["fail"]
