"""The command line as an operator uses it, with a real Valkey and a real service."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import click
import httpx2
import pytest
import redis
from click.testing import CliRunner

from app.cli import main
from cache.keys import shop_keys
from domain.ids import ShopId
from graph_client.fields import FIELDS
from simulator.graph_faults import OUTAGE
from simulator.graph_nodes import FakePage
from simulator.graph_world import SCOPES
from tests.callers import CUSTOMER, PAGE, Facebook, Shop, mint
from tests.facebook import GraphShop, everything, graph_settings, new_page, spellings
from tests.graph import APP_ID, FakeGraph
from tests.servers import Server
from tests.service import (
    APP_SECRET,
    SEAL_KEY,
    TOKEN_KEY,
    VERIFY_TOKEN,
    Service,
    environment,
    run_command,
    serving,
)
from tests.support import NO_TLS

SECRETS = [secret.reveal() for secret in (APP_SECRET, VERIFY_TOKEN, TOKEN_KEY, SEAL_KEY)]


def call(
    redis_url: str | None, *arguments: str, typed: str = "", **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command until it ends, with `typed` on its standard input, and check that its output contains no secret."""
    done = run_command(arguments, environment(redis_url, **settings), typed=typed)
    said = done.stdout + done.stderr
    assert not [secret for secret in SECRETS if secret in said]
    assert "Traceback" not in said
    return done


def done(redis_url: str | None, *arguments: str, typed: str = "", **settings: str) -> str:
    """Returns the output of a command that must succeed."""
    result = call(redis_url, *arguments, typed=typed, **settings)
    assert result.returncode == 0, result.stderr
    return result.stdout


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yields every command and every group as an operator types it."""
    yield path
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", list(commands(main)), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    """`--help` shows how to call the command and what it does."""
    result = CliRunner().invoke(main, [*path, "--help"], prog_name="page-inbox")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: {' '.join(('page-inbox', *path))}")
    assert len(result.output.splitlines()) > 4


def test_the_contracts_commands_are_there() -> None:
    """The command line has every command of this version."""
    paths = {" ".join(path) for path in commands(main)}
    assert paths >= {"run", "serve", "token", "simulate", "purge", "settings", "doctor"}
    assert paths >= {"pages connect", "pages list", "pages disconnect"}


def test_serve_names_every_missing_weak_or_malformed_setting_at_once() -> None:
    """The service reports all wrong settings in one start, and repeats no value."""
    bad = {
        "FACEBOOK_APP_SECRET": "weak-canary",
        "FACEBOOK_VERIFY_TOKEN": "",
        "TOKEN_KEYS": "short-canary",
        "SEAL_KEYS": "",
        "MESSAGE_TTL": "432001",
        "PORT": "99999",
        "LOG_LEVEL": "loud",
        "PUBLIC_URL": "ftp://canary",
    }
    result = call(None, "serve", **bad)
    assert result.returncode == 1
    for name in ("REDIS_URL", *bad):
        assert name in result.stderr, name
    assert "432000" in result.stderr
    assert "canary" not in result.stdout + result.stderr


def test_serve_names_a_port_that_is_in_use(service: Service, valkey_url: str) -> None:
    """The error also names the setting to change."""
    result = call(valkey_url, "serve", PORT=str(service.port))
    assert result.returncode == 1
    assert f"127.0.0.1:{service.port}" in result.stderr
    assert "PORT" in result.stderr


def test_settings_shows_every_setting_and_no_secret(valkey_url: str) -> None:
    """Each setting has its value and its meaning. A password in an address is masked."""
    said = done("redis://user:canary-password@localhost:6379/0", "settings", PORT="8123")
    assert "PORT = 8123" in said
    assert "FACEBOOK_APP_SECRET = set" in said
    assert "PUBLIC_URL = not set" in said
    assert "canary" not in said


def test_a_minted_token_allows_only_its_shop_and_its_scopes(service: Service) -> None:
    """The token has exactly the requested scopes and the requested shop."""
    token = done(None, "token", "--shop", "shop-1", "--scope", "messages:read", "--ttl", "5m", "--sub", "dara").strip()

    def status(method: str, path: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.request(
            method, f"{service.url}/v1/shops{path}", headers=headers, trust_env=False, verify=NO_TLS
        ).status_code

    assert status("GET", "/shop-1/messages") == 200
    assert status("DELETE", "/shop-1/messages") == 403
    assert status("GET", "/shop-2/messages") == 403


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--shop", "s", "--scope", "messages:write"), "messages:write"),
        (("--shop", "s", "--scope", "messages:read", "--ttl", "soon"), "soon"),
        (("--shop", "", "--scope", "messages:read"), "shop"),
        (("--scope", "messages:read"), "--shop"),
    ],
)
def test_an_unusable_token_is_not_minted(options: tuple[str, ...], named: str) -> None:
    """The error names the mistake."""
    result = call(None, "token", *options)
    assert result.returncode != 0
    assert result.stdout == ""
    assert named in result.stderr


def test_a_command_names_its_missing_setting() -> None:
    """The command prints one sentence and ends with exit code 1."""
    for arguments, name in (
        (("token", "--shop", "s", "--scope", "messages:read"), "TOKEN_KEYS"),
        (("pages", "list", "--shop", "s"), "REDIS_URL"),
        (("simulate", "--url", "http://127.0.0.1:1/webhook"), "FACEBOOK_APP_SECRET"),
    ):
        result = call(None, *arguments, TOKEN_KEYS="", FACEBOOK_APP_SECRET="")
        assert result.returncode == 1
        assert name in result.stderr


def test_commands_connect_list_and_disconnect_a_page(service: Service, valkey_url: str, facebook: Facebook) -> None:
    """Each change is valid for the running service at once. Another shop's Page is refused, and a disconnect deletes
    the Page's messages.
    """
    assert PAGE in done(valkey_url, "pages", "connect", "--shop", "shop-1", PAGE)
    facebook.text("m_1")
    with Shop(service.url) as shop:
        assert shop.ids() == ["m_1"]
        assert PAGE in done(valkey_url, "pages", "list", "--shop", "shop-1")
        taken = call(valkey_url, "pages", "connect", "--shop", "shop-2", PAGE)
        assert (taken.returncode, "another shop" in taken.stderr) == (1, True)
        assert call(valkey_url, "pages", "disconnect", "--shop", "shop-1", PAGE).returncode == 1, "it asks first"
        assert shop.ids() == ["m_1"]
        assert "1 message deleted" in done(valkey_url, "pages", "disconnect", "--shop", "shop-1", "--yes", PAGE)
        assert shop.ids() == []
    assert PAGE not in done(valkey_url, "pages", "list", "--shop", "shop-1")


def test_the_connect_command_connects_a_page_with_its_token(
    graph: FakeGraph, graph_store: Server, graph_shop: GraphShop, tmp_path: Path
) -> None:
    """The token comes from a file or standard input. The command checks the token and subscribes the Page. The running
    service reads with this token at once.
    """
    settings, url = graph_settings(graph), graph_store.url
    connect = ("pages", "connect", "--shop", "shop-1", "--token-file")
    first, second = new_page(graph.world), new_page(graph.world)
    file = tmp_path / "token"
    file.write_text(f"{first.token.reveal()}\n")
    said = done(url, *connect, str(file), first.id, **settings)
    said += done(url, *connect, "-", second.id, typed=second.token.reveal(), **settings)
    assert said.count("with a token") == 2
    for found in (first, second):
        assert found.subscriptions == {APP_ID: list(FIELDS)}
        assert graph_shop.fetch(found.id, "posts")["items"] == []
        assert found.token.reveal() not in said
    assert not any(spelled in everything(graph_store) for spelled in spellings(first.token))


def test_the_list_of_pages_shows_the_state_of_each_page(
    graph: FakeGraph, graph_store: Server, graph_shop: GraphShop
) -> None:
    """The list shows a Page for webhooks alone, a Page with a token, a missing permission, and a dead token with its
    reason.
    """
    alone, whole, lacking, dead = (
        new_page(graph.world, scopes=scopes) for scopes in (SCOPES, SCOPES, SCOPES[:4], SCOPES)
    )
    graph_shop.connect(alone.id)
    for found in (whole, lacking, dead):
        graph_shop.bring(found)
    graph.world.revoke(dead.token, 458)
    graph_shop.ask(dead.id, "posts")
    lines = done(graph_store.url, "pages", "list", "--shop", "shop-1", **graph_settings(graph)).splitlines()
    told = {line.split()[0]: line for line in lines[1:]}
    assert lines[0].startswith("shop-1 has 4 Pages")
    assert "for webhooks alone" in told[alone.id]
    assert told[whole.id].endswith("with a token.")
    assert "pages_read_user_content" in told[lacking.id]
    assert "app_not_authorised" in told[dead.id]


def test_the_connect_command_refuses_an_unusable_token(graph: FakeGraph, graph_store: Server) -> None:
    """For another Page's token, no token, or no key to encrypt it, the command prints one sentence, ends with exit code
    1 and connects nothing.
    """
    url, settings = graph_store.url, graph_settings(graph)
    mine, other = new_page(graph.world), new_page(graph.world)
    connect = ("pages", "connect", "--shop", "shop-1", "--token-file", "-", mine.id)
    wrong = call(url, *connect, typed=other.token.reveal(), **settings)
    assert (wrong.returncode, "another Page" in wrong.stderr) == (1, True)
    assert other.token.reveal() not in wrong.stdout + wrong.stderr
    assert "--token-file" in call(url, *connect, typed="\n", **settings).stderr
    keyless = call(url, *connect, typed=mine.token.reveal(), **{**settings, "SEAL_KEYS": ""})
    assert (keyless.returncode, "SEAL_KEYS" in keyless.stderr) == (1, True)
    assert mine.id not in done(url, "pages", "list", "--shop", "shop-1", **settings)
    assert mine.subscriptions == {}


def test_the_disconnect_command_ends_the_subscription(
    graph: FakeGraph, graph_store: Server, graph_service: Service, graph_shop: GraphShop, page: FakePage
) -> None:
    """The token and messages are deleted too, even if Facebook does not answer."""
    stays = new_page(graph.world)
    graph_shop.bring(stays)
    disconnect = ("pages", "disconnect", "--shop", "shop-1", "--yes")
    with Facebook(graph_service.url) as facebook:
        for found in (page, stays):
            facebook.text(f"m_{found.id}", page=found.id)
    assert "1 message deleted" in done(graph_store.url, *disconnect, page.id, **graph_settings(graph))
    assert page.subscriptions == {}
    graph.faults.script(stays.id, OUTAGE, times=None)
    assert "1 message deleted" in done(graph_store.url, *disconnect, stays.id, **graph_settings(graph))
    assert graph_shop.get("/pages") == {"pages": []}
    assert graph_shop.ids() == []


def test_the_purge_command_deletes_a_message_a_conversation_or_everything(
    valkey_url: str, facebook: Facebook, shop: Shop
) -> None:
    """The command asks first, except with `--yes`. The messages are unreadable in the service at once."""
    for n, customer in enumerate([CUSTOMER, CUSTOMER, "22", "33"]):
        facebook.text(f"m_{n}", customer=customer)
    purge = ("purge", "--shop", "shop-1")
    assert call(valkey_url, *purge).returncode == 1, "it asks first"
    assert len(shop.ids()) == 4
    assert "1 message deleted" in done(valkey_url, *purge, "--yes", "--message", "m_0")
    assert shop.ids() == ["m_3", "m_2", "m_1"]
    assert "1 message deleted" in done(valkey_url, *purge, "--yes", "--conversation", f"{PAGE}_22")
    assert shop.ids() == ["m_3", "m_1"]
    said = done(valkey_url, *purge, "--yes")
    assert shop.ids() == []
    (purge_id,) = re.findall(r"Purge (\w+): 2 messages deleted", said)
    receipt = shop.get(f"/purges/{purge_id}")
    assert (receipt["status"], receipt["requested_by"]) == ("complete", "operator")


def test_simulated_messages_are_stored_and_forged_ones_are_refused(service: Service, shop: Shop) -> None:
    """The command ends with exit code 0 and a summary, and the messages can be read."""
    options = ("--count", "60", "--duplicates", "0.1", "--disorder", "0.1", "--forged", "0.2")
    said = done(None, "simulate", "--url", f"{service.url}/webhook", *options)
    assert re.search(r"deliveries +60 of 60", said)
    assert "WARNING" not in said
    (readable,) = re.findall(r"readable +(\d+) messages", said)
    assert len(shop.ids()) >= int(readable) > 0


@pytest.mark.parametrize(
    ("path", "secret", "named"),
    [
        ("/webhook", "another-secret-than-the-services", "FACEBOOK_APP_SECRET is another one"),
        ("/nothing", APP_SECRET.reveal(), "answers 404"),
        ("http://127.0.0.1:9/webhook", APP_SECRET.reveal(), "does not answer"),
    ],
    ids=["another secret", "no webhook", "no server"],
)
def test_simulate_reports_an_error_before_it_sends(service: Service, path: str, secret: str, named: str) -> None:
    """The command prints one sentence. Without this check the command would try for more than a minute."""
    url = path if path.startswith("http") else f"{service.url}{path}"
    result = call(None, "simulate", "--url", url, "--count", "200", FACEBOOK_APP_SECRET=secret)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert named in result.stderr


def test_listed_customers_are_deleted_in_every_shop(service: Service, valkey_url: str, tmp_path: Path) -> None:
    """The command reads a file in the form of Facebook's notices."""
    other_page = "104200000000002"
    customers = [f"70000000000000{n}" for n in (21, 22, 23)]
    with Facebook(service.url) as facebook, Shop(service.url) as shop, Shop(service.url, "shop-2") as other:
        shop.connect()
        other.connect(other_page)
        for n, customer in enumerate(customers):
            facebook.text(f"m_{n}", customer=customer)
            facebook.text(f"m_{n}", customer=customer, page=other_page)
        notice = tmp_path / "notice.csv"
        unknown = "".join(f"{7_000_000_000_200_000 + n}\n" for n in range(10_000))
        notice.write_text(f'\ufeff"id"\n"{customers[0]}"\n{customers[1]},\n{unknown}')
        purge = ("purge", "--customers", str(notice))
        assert call(valkey_url, *purge).returncode == 1, "it asks first"
        assert len(shop.ids()) == 3
        result = call(valkey_url, *purge, "--yes", "--shop", "shop-2")
        assert (result.returncode, other.ids(), len(shop.ids())) == (0, ["m_2"], 3)
        said = done(valkey_url, *purge, "--yes")
        # There may be more shops: a read of an earlier test is still written into the log of its shop.
        assert re.search(r"10002 customers looked for in \d+ shops: 2 messages deleted\.", said)
        assert (shop.ids(), other.ids()) == (["m_2"], ["m_2"])
        assert "shops: 0 messages deleted." in done(valkey_url, *purge, "--yes")
        (purge_id,) = re.findall(r"Purge (\w+): 2 messages of shop-1 deleted", said)
        assert shop.get(f"/purges/{purge_id}")["what"] == "customer"


def test_a_list_with_an_invalid_id_deletes_nothing(service: Service, valkey_url: str, tmp_path: Path) -> None:
    """The command ends with exit code 1, names the wrong lines by number, says that it deleted nothing, and repeats no
    name.
    """
    notice = tmp_path / "notice.csv"
    notice.write_text("id\n7000000000000022\nSok Canary\n\n7000000000000021, canary\n")
    with Facebook(service.url) as facebook, Shop(service.url) as shop:
        shop.connect()
        facebook.text("m_1", customer="7000000000000022")
        result = call(valkey_url, "purge", "--customers", str(notice), "--yes")
        assert result.returncode == 1
        assert "lines 3, 5" in result.stderr
        assert "Nothing was deleted" in result.stderr
        assert "anary" not in result.stdout + result.stderr
        assert shop.ids() == ["m_1"]


def test_an_interrupted_deletion_reports_its_progress(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path
) -> None:
    """The output names the finished shops, and says that the same command finishes the others."""
    notice = tmp_path / "notice.csv"
    notice.write_text(f"{CUSTOMER}\n")
    with own_server() as store, serving(store.url, tmp_path / "log") as service, Facebook(service.url) as facebook:
        for number in (1, 2):
            with Shop(service.url, f"shop-{number}") as shop:
                shop.connect(f"10420000000000{number}")
            facebook.text(f"m_{number}", page=f"10420000000000{number}")
        with redis.Redis.from_url(store.url) as client:
            client.set(shop_keys(ShopId("shop-2")).audit, "no list of entries")
        result = call(store.url, "purge", "--customers", str(notice), "--yes")
        assert result.returncode == 1
        assert re.search(r"Stopped after \d of \d shops", result.stderr), result.stderr
        assert "Run the same command again" in result.stderr
        with redis.Redis.from_url(store.url) as client:
            client.delete(shop_keys(ShopId("shop-2")).audit)
        assert "1 customer looked for" in done(store.url, "purge", "--customers", str(notice), "--yes")
        for number in (1, 2):
            with Shop(service.url, f"shop-{number}") as shop:
                assert shop.ids() == []


def test_pages_and_purge_work_on_a_running_service_too(
    graph: FakeGraph, graph_service: Service, graph_shop: GraphShop, tmp_path: Path
) -> None:
    """With a token instead of REDIS_URL and the secrets, the same commands give the same answers."""
    where = ("--url", f"{graph_service.url}/", "--shop", "shop-1")
    token = {"TOKEN": mint("shop-1")}
    found, file = new_page(graph.world), tmp_path / "token"
    file.write_text(found.token.reveal())
    said = done(None, "pages", "connect", *where, "--token-file", str(file), found.id, **token)
    assert said.endswith("with a token.\n")
    assert graph_shop.fetch(found.id, "posts")["items"] == []
    assert graph_shop.client.patch("", json={"paused": True, "until": "2999-01-01T07:00:00+07:00"}).status_code == 200
    shop, page = done(None, "pages", "list", *where, **token).splitlines()
    assert shop.endswith(" is paused until 2999-01-01T00:00:00.000Z.")
    assert page.endswith("with a token.")
    assert graph_shop.client.patch("", json={"paused": False}).status_code == 200
    with Facebook(graph_service.url) as facebook:
        for n, customer in enumerate([CUSTOMER, "22", "33"]):
            facebook.text(f"m_{n}", page=found.id, customer=customer)
    assert call(None, "purge", *where, **token).returncode == 1, "it asks first"
    assert "1 message deleted" in done(None, "purge", *where, "--yes", "--message", "m_0", **token)
    assert "1 message deleted" in done(None, "purge", *where, "--yes", "--conversation", f"{found.id}_22", **token)
    assert graph_shop.ids() == ["m_2"]
    assert "1 message deleted" in done(None, "pages", "disconnect", *where, "--yes", found.id, **token)
    assert graph_shop.get("/pages") == {"pages": []}
    assert done(None, "purge", *where, "--yes", "--token", token["TOKEN"]).startswith("Purge ")
    assert (found.token.reveal() in said, found.subscriptions) == (False, {})


@pytest.mark.parametrize(
    ("token", "named"),
    [
        ("", "TOKEN"),
        ("eyJ.no.token", "TOKEN"),
        (mint("shop-2"), "shop:admin"),
        (mint("shop-1", ("messages:read",)), "shop:admin"),
    ],
)
def test_a_command_explains_a_refusal_of_the_running_service(service: Service, token: str, named: str) -> None:
    """The command prints one sentence that says what to change. It never prints the token."""
    result = call(None, "pages", "list", "--url", service.url, "--shop", "shop-1", TOKEN=token)
    assert result.returncode != 0
    assert named in result.stderr
    assert not token or token not in result.stdout + result.stderr


def test_a_command_names_an_address_without_a_service(service: Service) -> None:
    """The error covers a closed port, another program, an invalid address, and a command that needs
    the server itself.
    """
    purge = ("purge", "--shop", "shop-1", "--yes", "--url")
    for url, named in (
        ("http://127.0.0.1:9", "http://127.0.0.1:9 does not answer"),
        (service.ops_url, "404"),
        ("inbox.example", "https://"),
        (f"{service.url}/not-here", "404"),
    ):
        result = call(None, *purge, url, TOKEN=mint("shop-1"))
        assert (result.returncode, named in result.stderr) == (1, True), result.stderr
    result = call(None, "purge", "--customers", "-", "--url", service.url, typed="22\n", TOKEN=mint("shop-1"))
    assert (result.returncode, "--customers" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ("pages", "list", "--shop"),
        ("pages", "disconnect", PAGE, "--yes", "--shop"),
        ("purge", "--yes", "--shop"),
        ("purge", "--yes", "--message", "m_1", "--shop"),
        ("audit", "--shop"),
        ("export", "--out", "x.ndjson", "--shop"),
    ],
    ids=" ".join,
)
def test_a_misspelt_shop_is_refused_and_gets_no_audit_log(
    service: Service, valkey: Server, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints one sentence, ends with exit code 1 and writes nothing."""
    monkeypatch.chdir(tmp_path)
    with Shop(service.url) as shop:
        shop.connect()
    result = call(valkey.url, *command, "shpo-1")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.strip() == "Error: There is no shop shpo-1 in this Redis."
    assert b"shpo-1" not in everything(valkey)
    assert list(tmp_path.iterdir()) == []


def test_an_export_into_a_missing_folder_prints_one_sentence(service: Service, valkey_url: str) -> None:
    """The command prints one sentence before it reads anything."""
    result = call(valkey_url, "export", "--shop", "shop-1", "--out", "/nonexistent/x.ndjson")
    assert result.returncode == 1
    assert result.stderr.strip() == "Error: There is no folder /nonexistent. Make it first, then export again."


@pytest.mark.parametrize(
    "command",
    [("purge", "--shop", "shop-1"), ("pages", "disconnect", "--shop", "shop-1", PAGE), ("pages", "accept-loss")],
    ids=" ".join,
)
def test_a_command_names_a_missing_setting_before_it_asks_for_confirmation(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    """The command does not ask for confirmation if a setting is missing."""
    result = call(None, *command, typed="y\n", DATA_DIR=str(tmp_path))
    assert result.returncode == 1
    assert "REDIS_URL is not set" in result.stderr
    assert "[y/N]" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--yes",), "--shop"),
        (("--customers", "-", "--yes"), "no id"),
        (("--customers", "-", "--message", "m_1", "--yes"), "--customers"),
        (("--customers", "/nonexistent", "--yes"), "nonexistent"),
    ],
)
def test_a_purge_without_a_valid_target_is_refused(valkey_url: str, options: tuple[str, ...], named: str) -> None:
    """A wrong choice of what to delete is refused. It never means "delete everything"."""
    result = call(valkey_url, "purge", *options, typed="nobody\n")
    assert result.returncode != 0
    assert named in result.stderr
