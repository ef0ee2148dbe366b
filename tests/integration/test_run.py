"""`page-inbox run`: everything on one machine, as a person uses it."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from tests.callers import Facebook, Shop
from tests.documents import ROOT, commands
from tests.service import (
    APP_SECRET,
    START_SECONDS,
    STOP_SECONDS,
    TOKEN_KEY,
    Process,
    environment,
    forked,
    page_inbox,
    run_command,
    started,
)
from tests.support import NO_TLS, wait_until_blocking

NOTHING_SET = dict.fromkeys(("FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN", "TOKEN_KEYS", "SEAL_KEYS", "HOST"), "")


class Running:
    """A `page-inbox run` whose banner has been printed."""

    def __init__(self, process: Process, said: Path, data: Path) -> None:
        self.process = process
        self.data = data
        self._said = said
        wait_until_blocking(lambda: "Ctrl-C" in self.said, within=START_SECONDS)

    @property
    def said(self) -> str:
        """Returns the text on the terminal."""
        assert self.process.poll() is None, f"it ended and said:\n{self._said.read_text()}"
        return self._said.read_text()

    @property
    def address(self) -> str:
        """Returns the public port as the banner names it."""
        (docs,) = re.findall(r"(http://\S+)/docs", self.said)
        return str(docs)

    def curl(self, path: str, instead: str | None = None) -> httpx2.Response:
        """Returns the output of the printed `curl` line with this path, read by a shell after the printed export.
        `instead` replaces the path.
        """
        (export,) = re.findall(r"^ +export TOKEN=(\S+)$", self.said, re.MULTILINE)
        lines = [shlex.split(line) for line in self.said.splitlines() if line.strip().startswith("curl ")]
        (words,) = [words for words in lines if path in words[-1] and "-X" not in words]
        assert words[:3] == ["curl", "-s", "-H"]
        name, _, value = words[3].replace("$TOKEN", export).partition(": ")
        address = words[-1] if instead is None else words[-1].partition(path)[0] + instead
        return httpx2.get(address, headers={name: value}, trust_env=False, verify=NO_TLS)

    def messages(self) -> list[dict[str, Any]]:
        """Returns the demo shop's newest messages, and none while Redis is too slow or not there."""
        answer = self.curl("/messages")
        if answer.status_code == 503:
            return []
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    def valkey_listens(self) -> bool:
        """Returns True if its embedded Valkey accepts connections."""
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(str(self.data / "valkey" / "valkey.sock")) == 0


@contextmanager
def running(data: Path, *options: str, **settings: str) -> Iterator[Running]:
    """Run it with its data in this directory. The test sets only free ports."""
    said = data.parent / "said"
    said.write_text("")
    environ = environment(None, **{**NOTHING_SET, "DATA_DIR": str(data), **settings})
    with forked(["run", *options], said, environ) as process:
        yield Running(process, said, data)


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory with a path short enough for the socket in it."""
    with tempfile.TemporaryDirectory(prefix="inbox-") as directory:
        yield Path(directory) / "data"


def called(data: Path, *arguments: str, typed: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as a person does who has set only DATA_DIR."""
    environ = environment(None, **{**NOTHING_SET, "DATA_DIR": str(data), **settings})
    return run_command(arguments, environ, typed=typed, within=60)


def test_commands_find_the_run_by_its_data_dir(data: Path) -> None:
    """The person exports no setting. After the run has ended, a command says which setting is missing."""
    with running(data, "--quiet-shop") as inbox:
        done = called(data, "pages", "list", "--shop", "demo-shop")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("demo-shop has 1 Page.\n104200000000001  connected ")
        token = called(data, "token", "--shop", "demo-shop", "--scope", "messages:read").stdout.strip()
        answer = httpx2.get(
            f"{inbox.address}/v1/shops/demo-shop/messages",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            verify=NO_TLS,
        )
        assert answer.json() == {"messages": [], "next_cursor": None}
        assert called(data, "doctor").returncode in {0, 1}
        done = called(data, "simulate", "--url", f"{inbox.address}/webhook", "--count", "20")
        assert (done.returncode, "WARNING" in done.stdout) == (0, False), done.stderr
        other = called(data, "pages", "list", "--shop", "demo-shop", REDIS_URL="redis://127.0.0.1:1")
        assert other.returncode == 1, "a command that is about another store does not use this one"
        assert (data / "running.json").stat().st_mode & 0o777 == 0o600
    done = called(data, "pages", "list", "--shop", "demo-shop")
    assert (done.returncode, "REDIS_URL is not set" in done.stderr) == (1, True)
    assert "DATA_DIR" in done.stderr, "the folder of a running one is enough"
    assert not (data / "running.json").exists()


def test_env_prints_the_settings_for_other_programs(data: Path) -> None:
    """A shell can read the output, and then a command works without DATA_DIR."""
    done = called(data, "env")
    assert (done.returncode, str(data) in done.stderr) == (1, True)
    with running(data, "--quiet-shop"):
        done = called(data, "env")
        assert done.returncode == 0
        exported = dict(line.removeprefix("export ").split("=", 1) for line in done.stdout.splitlines())
        settings = {name: shlex.split(value)[0] for name, value in exported.items()}
        elsewhere = called(data.parent / "nothing-here", "pages", "list", "--shop", "demo-shop", **settings)
        assert (elsewhere.returncode, "1 Page" in elsewhere.stdout) == (0, True), elsewhere.stderr


def test_the_address_without_a_path_leads_to_the_console(data: Path) -> None:
    """A person can type the address without a path."""
    with running(data, "--quiet-shop") as inbox:
        answer = httpx2.get(f"{inbox.address}/", follow_redirects=True, trust_env=False, verify=NO_TLS)
        assert (answer.status_code, answer.url.path) == (200, "/console")


def test_a_second_run_does_not_wipe_the_log_of_the_first(data: Path) -> None:
    """The second run is refused because the data directory is in use. The first log stays."""
    with running(data, "--quiet-shop"):
        before = (data / "page-inbox.log").read_bytes()
        assert before
        second = called(data, "run", "--quiet-shop")
        assert second.returncode == 1
        assert (data / "page-inbox.log").read_bytes().startswith(before)
        assert (data / "running.json").exists()


def test_a_second_run_in_the_same_data_dir_is_refused_and_changes_no_settings_file(data: Path, valkey_url: str) -> None:
    """The data directory belongs to the first run, even if the two runs use different Redis servers."""
    with running(data, "--quiet-shop", REDIS_URL=valkey_url):
        noted = (data / "running.json").read_bytes()
        second = called(data, "run", "--quiet-shop", REDIS_URL=valkey_url)
        assert (second.returncode, "is in use by process" in second.stderr) == (1, True), second.stderr
        assert (data / "running.json").read_bytes() == noted


def test_a_killed_valkey_of_the_run_is_started_again(data: Path) -> None:
    """The new Valkey has the messages from the disk."""
    own = {"FACEBOOK_APP_SECRET": APP_SECRET.reveal(), "TOKEN_KEYS": TOKEN_KEY.reveal()}
    with running(data, "--quiet-shop", **own) as inbox, Facebook(inbox.address) as facebook:
        wait_until_blocking(lambda: facebook.text("m_0").status_code == 200 and inbox.messages())
        with redis.Redis.from_url(f"unix://{data}/valkey/valkey.sock") as client:
            found: Any = client.info("server")
        os.kill(found["process_id"], signal.SIGKILL)
        wait_until_blocking(lambda: facebook.text("m_1").status_code == 200, within=30)
        wait_until_blocking(lambda: {message["id"] for message in inbox.messages()} == {"m_0", "m_1"})


@pytest.mark.parametrize("wrong", ["file/data", "file", "data"])
def test_an_unusable_folder_causes_an_error_of_one_sentence(tmp_path: Path, wrong: str) -> None:
    """A file is in the place of the folder, or a folder is in the place of the log."""
    (tmp_path / "file").touch()
    (tmp_path / "data/page-inbox.log").mkdir(parents=True)
    told = called(tmp_path / wrong, "run", "--quiet-shop")
    assert (told.returncode, told.stderr.count("\n")) == (1, 1), told.stderr
    assert str(tmp_path) in told.stderr


@pytest.mark.parametrize("output", ["1>&-", "1>/dev/full"])
def test_a_closed_or_full_output_causes_an_error_of_one_sentence(data: Path, output: str) -> None:
    """The output is closed or full."""
    environ = environment(None, **{**NOTHING_SET, "DATA_DIR": str(data)})
    command = ["sh", "-c", f'exec "$@" {output}', "sh", *page_inbox("run", "--quiet-shop")]
    told = subprocess.run(command, env=environ, stderr=subprocess.PIPE, text=True, timeout=60, check=False)  # noqa: S603
    assert (told.returncode, told.stderr.count("\n")) == (1, 1), told.stderr


def test_the_printed_lines_show_the_demo_shops_messages(data: Path) -> None:
    """With no setting and no other program, the run prints a banner, working lines to copy, and the operators' port."""
    said = data.parent / "said"
    with started(page_inbox("run"), said, environment(None, **{**NOTHING_SET, "DATA_DIR": str(data)})) as process:
        inbox = Running(process, said, data)
        wait_until_blocking(lambda: len(inbox.messages()) == 5)
        message = inbox.messages()[0]
        assert message["page_id"] in inbox.said
        assert {"id", "direction", "received_at", "expires_at"} <= message.keys()
        assert inbox.curl("/conversations").json()["conversations"]
        (ops,) = re.findall(r"http://\S+/metrics", inbox.said)
        assert "page_inbox_deliveries_total" in httpx2.get(ops, trust_env=False, verify=NO_TLS).text
        assert httpx2.get(f"{inbox.address}/docs", trust_env=False, verify=NO_TLS).status_code == 200
        assert all(address.startswith("http://127.0.0.1:") for address in re.findall(r"http://\S+", inbox.said))


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("make") is None, reason="needs curl and make")
def test_the_commands_of_the_readme_give_the_answer_of_its_example(data: Path) -> None:
    """`make run` starts this program. The `curl` line with the printed token returns the fields of the example."""
    run, read = commands("README.md", "## Try it")
    assert run == "make run\n"
    command = ["make", "--no-print-directory", "-n", "run"]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert recipe.stdout.rstrip().endswith("page-inbox run")
    (example,) = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    shown = json.loads(example)
    with running(data) as inbox:
        wait_until_blocking(lambda: len(inbox.messages()) == 5)
        (token,) = re.findall(r"export TOKEN=(\S+)", inbox.said)
        typed = read.replace("http://127.0.0.1:8000", inbox.address)
        told = subprocess.run(  # noqa: S603 - README's own words
            ["/bin/sh", "-eu", "-c", typed],
            env={**os.environ, "TOKEN": token},
            capture_output=True,
            text=True,
            check=True,
        )
        answer = json.loads(told.stdout)
    assert answer.keys() == shown.keys()
    assert len(answer["messages"]) == 1
    assert shown["messages"][0].keys() - {"text"} <= answer["messages"][0].keys(), "only a picture has no text"


def test_the_printed_console_can_show_customers_of_the_local_facebook(data: Path) -> None:
    """The console shows their names, and pictures from an address that the page's policy allows."""
    with running(data) as inbox:
        wait_until_blocking(lambda: len(inbox.messages()) == 5)
        (console,) = re.findall(r"(http://\S+/console)#token=eyJ", inbox.said)
        policy = httpx2.get(console, trust_env=False, verify=NO_TLS).headers["content-security-policy"]
        customer = inbox.messages()[0]["conversation_id"].partition("_")[2]
        (told,) = inbox.curl("/posts", f"/customers/{customer}").json()["items"]
        assert told["name"]
        place, _, _ = told["profile_pic"].partition("/p/")
        assert f"img-src 'self' https://*.fbcdn.net https://*.fbsbx.com https://*.facebook.com {place};" in policy
        assert (
            httpx2.get(told["profile_pic"], trust_env=False, verify=NO_TLS).headers["content-type"] == "image/svg+xml"
        )


def test_ctrl_c_stops_everything_and_the_next_run_has_the_same_messages(data: Path) -> None:
    """The exit code is 0 and the Valkey ends too. Messages and secrets are stored, and only the owner can read them.
    The addresses of the messages' pictures still point to the local Facebook.
    """
    with running(data) as inbox:
        wait_until_blocking(lambda: len(inbox.messages()) == 5)
        graph = json.loads((data / "running.json").read_text())["settings"]["GRAPH_URL"]
        inbox.process.send_signal(signal.SIGINT)
        assert inbox.process.wait(STOP_SECONDS) == 0
        wait_until_blocking(lambda: not inbox.valkey_listens())
        assert (data.parent / "said").read_text().rstrip().endswith("Stopped.")
    assert "Traceback" not in (data.parent / "said").read_text()
    assert data.stat().st_mode & 0o077 == 0
    assert (data / "secrets.json").stat().st_mode & 0o077 == 0
    secrets = (data / "secrets.json").read_text()
    with running(data, "--quiet-shop") as inbox:
        wait_until_blocking(lambda: len(inbox.messages()) == 5)
        assert "No customers" in inbox.said
        assert (data / "secrets.json").read_text() == secrets
        assert httpx2.get(f"{graph}/v/one.png", trust_env=False, verify=NO_TLS).status_code == 200


def test_a_sigkill_of_the_run_ends_its_valkey_and_loses_no_message(data: Path) -> None:
    """Even without time to clean up, the next run has every delivery that was answered 200."""
    own = {"FACEBOOK_APP_SECRET": APP_SECRET.reveal(), "TOKEN_KEYS": TOKEN_KEY.reveal()}
    with running(data, "--quiet-shop", **own) as inbox, Facebook(inbox.address) as facebook:
        # The banner comes before the demo Page is connected. Earlier messages are not stored.
        wait_until_blocking(lambda: facebook.text("m_0").status_code == 200 and inbox.messages())
        assert all(facebook.text(f"m_{n}").status_code == 200 for n in range(1, 20))
        assert inbox.valkey_listens()
        inbox.process.kill()
        inbox.process.wait()
        wait_until_blocking(lambda: not inbox.valkey_listens(), within=15)
    with running(data, "--quiet-shop", **own) as inbox, Shop(inbox.address, "demo-shop") as shop:
        assert shop.ids() == [f"m_{n}" for n in reversed(range(20))]


def test_the_log_of_the_run_goes_to_a_file_and_contains_no_secret(data: Path) -> None:
    """The terminal shows only the banner."""
    with running(data) as inbox:
        wait_until_blocking(lambda: len(inbox.messages()) == 5)
        said = inbox.said
    log = (data / "page-inbox.log").read_text()
    assert '"event":"listening"' in log
    assert '"event":"request"' not in said
    (token,) = re.findall(r"export TOKEN=(\S+)", said)
    assert token not in log
    for secret in re.findall(r'": "([0-9a-f]{64})"', (data / "secrets.json").read_text()):
        assert secret not in log
        assert secret not in said


def test_the_run_refuses_a_host_that_is_not_loopback(data: Path) -> None:
    """The run listens only on loopback, because it prints the demo's tokens on a terminal."""
    environ = environment(None, **{**NOTHING_SET, "DATA_DIR": str(data), "HOST": "0.0.0.0"})  # noqa: S104
    done = run_command(["run"], environ)
    assert done.returncode == 1
    assert "HOST must be a loopback address" in done.stderr
    assert not data.exists()
