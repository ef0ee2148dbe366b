"""Which settings there are, and which values are refused."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cache.keys import MAX_TTL_SECONDS
from domain.secret import Secret
from ops.settings import MESSAGE_TTL_MAX, SETTINGS, Settings, SettingsRefused, read_settings

GOOD = {
    "FACEBOOK_APP_SECRET": "shop-app-secret-1",
    "FACEBOOK_VERIFY_TOKEN": "verify-me",
    "REDIS_URL": "redis://:hunter2hunter2@cache:6379/0",
    "TOKEN_KEYS": "k" * 32,
    "SEAL_KEYS": base64.b64encode(b"s" * 32).decode(),
}
SEAL_KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (251, 255)]
"""Keys with the characters + and /. The URL-safe alphabet of base64 has other characters for these two."""
PUBLIC_KEY = {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def serve(**changes: str) -> Settings:
    """Returns settings of `serve` with some changes; "" means not set."""
    return read_settings({**GOOD, **changes}, command="serve", read_file=files())


def files(**held: str) -> Callable[[str], str]:
    """Returns a file system with these files: `run_key` is /run/key."""
    paths = {"/" + name.replace("_", "/"): text for name, text in held.items()}

    def read(path: str) -> str:
        if path not in paths:
            raise FileNotFoundError(path)
        return paths[path]

    return read


def problems(**changes: str) -> dict[str, str]:
    """Returns the settings that `serve` refuses, each with its sentence."""
    with pytest.raises(SettingsRefused) as refused:
        serve(**changes)
    return dict(refused.value.problems)


def test_the_defaults_of_serve_match_the_contract() -> None:
    """Only five settings are needed."""
    settings = serve()
    assert (settings.host, settings.port, settings.ops_port) == ("0.0.0.0", 8000, 9000)  # noqa: S104
    assert (settings.message_ttl, settings.max_body_bytes) == (432_000, 18 * 1024 * 1024)
    assert (settings.log_level, settings.data_dir) == ("info", Path(".data"))
    assert (settings.app_id, settings.public_url, settings.cors_origins) == (None, None, ())
    assert (settings.graph_url, settings.graph_version) == ("https://graph.facebook.com", "v26.0")


def test_run_needs_nothing_and_listens_on_loopback() -> None:
    """The run command makes the missing settings."""
    settings = read_settings({}, command="run")
    assert settings.host == "127.0.0.1"
    assert (settings.app_secrets, settings.verify_token, settings.token_keys, settings.redis_url) == (
        (),
        None,
        (),
        None,
    )


def test_a_tool_needs_nothing_and_takes_the_settings_of_serve() -> None:
    """`page-inbox token` therefore works in the container of the service, with the same settings."""
    settings = read_settings({"TOKEN_KEYS": "k" * 32, "HOST": "0.0.0.0"}, command="tool")  # noqa: S104
    assert settings.token_keys == (Secret("k" * 32),)


def test_everything_missing_weak_or_malformed_is_named_at_once() -> None:
    """The error of one start lists all mistakes."""
    with pytest.raises(SettingsRefused) as refused:
        read_settings({"PORT": "http", "MESSAGE_TTL": "432001", "FACEBOOK_VERIFY_TOKEN": "short"}, command="serve")
    named = [name for name, _ in refused.value.problems]
    assert sorted(named) == [
        "FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN", "MESSAGE_TTL", "PORT", "REDIS_URL", "SEAL_KEYS", "TOKEN_KEYS"
    ]  # fmt: skip
    for name in named:
        assert name in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FACEBOOK_APP_ID", "0123abc"),
        ("FACEBOOK_APP_SECRET", "fifteen-letters"),
        ("FACEBOOK_APP_SECRET", "shop-app-secret-1,,shop-app-secret-2"),
        ("FACEBOOK_APP_SECRET", "shop-app-secret-1,tiny-one"),
        ("FACEBOOK_APP_SECRET", "<your app secret here>"),
        ("FACEBOOK_VERIFY_TOKEN", "changeme-changeme"),
        ("GRAPH_URL", "graph.facebook.com"),
        ("GRAPH_URL", "http://graph.facebook.com"),
        ("GRAPH_URL", "https://user:pw@graph.facebook.com"),
        ("GRAPH_URL", "https://graph.facebook.com/?access_token=x"),
        ("GRAPH_VERSION", "26.0"),
        ("GRAPH_VERSION", "v26"),
        ("GRAPH_VERSION", "v26.0/me"),
        ("GRAPH_VERSION", "v26."),
        ("GRAPH_VERSION", "v២៦.0"),
        ("SEAL_KEYS", base64.b64encode(b"k" * 31).decode()),
        ("SEAL_KEYS", base64.b64encode(b"k" * 33).decode()),
        ("SEAL_KEYS", "k" * 32),
        ("SEAL_KEYS", base64.b64encode(b"k" * 32).decode() + ",,"),
        ("SEAL_KEYS", base64.b64encode(b"k" * 32).decode().rstrip("=")),
        ("SEAL_KEYS", "not base64 at all, but a sentence of words"),
        ("FACEBOOK_VERIFY_TOKEN", "\udcff" * 12),
        ("REDIS_URL", "http://cache"),
        ("REDIS_URL", "redis:///0"),
        ("REDIS_URL", "redis://cache:port"),
        ("REDIS_URL", "redis://:pa#ss@cache"),
        ("REDIS_URL", "redis://user:12/ss@cache"),
        ("REDIS_URL", "redis+sentinel://h1,h2"),
        ("REDIS_URL", "redis+cluster://h1,"),
        ("REDIS_URL", "unix://"),
        ("REDIS_URL", "redis://host/abc"),
        ("REDIS_URL", "redis+cluster://host/1"),
        ("REDIS_URL", "rediss://host?ssl_cert_reqs=none"),
        ("REDIS_URL", "redis+sentinel://h1/main/0?user=x"),
        ("REDIS_TLS_CA", "/does/not/exist.pem"),
        ("REDIS_URL", "redis://[::1"),
        ("MESSAGE_TTL", "0"),
        ("MESSAGE_TTL", "5 days"),
        ("MESSAGE_TTL", "-1"),
        ("MESSAGE_TTL", "១"),
        ("TOKEN_KEYS", "k" * 31),
        ("TOKEN_JWKS", "{}"),
        ("TOKEN_JWKS", '{"keys": ['),
        ("TOKEN_JWKS", "/no/such/file"),
        ("TOKEN_JWKS", json.dumps({"keys": [{**PUBLIC_KEY, "d": "private"}]})),
        ("TOKEN_JWKS", json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]})),
        ("TOKEN_JWKS", json.dumps({"keys": [{"kty": "new"}]})),
        ("PUBLIC_URL", "inbox.example.com"),
        ("PUBLIC_URL", "https://inbox.example.com/?a=b"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://*"),
        ("CORS_ORIGINS", "https://*.example.com"),
        ("CORS_ORIGINS", "https://a.example;b.example"),
        ("CORS_ORIGINS", "https://user@shop.example.com"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("CORS_ORIGINS", "https://shop.example.com/path"),
        ("HOST", "http://0.0.0.0"),
        ("PORT", "65536"),
        ("OPS_PORT", "8000"),
        ("LOG_LEVEL", "loud"),
        ("MAX_BODY_BYTES", "1023"),
        ("MAX_BODY_BYTES", "67108865"),
    ],
)
def test_a_weak_or_malformed_setting_is_refused_without_repeating_a_secret(name: str, value: str) -> None:
    """The refused text may be a secret set under the wrong name."""
    found = problems(**{name: value})
    assert list(found) == [name]
    if name in ("FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN", "TOKEN_KEYS", "SEAL_KEYS"):
        assert value not in found[name]


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost", "rediss://user:pw@cache:6380/1", "redis://[::1]:6379", "unix:///run/valkey.sock?db=1",
        "rediss+sentinel://h1/main/0?sentinel_username=u&sentinel_password=p", "rediss+cluster://:pw@h1",
        "redis+sentinel://h1:26379,h2:26379/main/0", "redis+cluster://:pw@h1,h2:7000",
    ],
)  # fmt: skip
def test_every_kind_of_redis_address_is_accepted(url: str) -> None:
    """The addresses are the forms that the documentation lists."""
    assert serve(REDIS_URL=url).redis_url == Secret(url)


def test_several_secrets_are_comma_separated_and_keep_their_order() -> None:
    """The first secret signs."""
    settings = serve(FACEBOOK_APP_SECRET=" shop-app-secret-1 , shop-app-secret-2 ")
    assert settings.app_secrets == (Secret("shop-app-secret-1"), Secret("shop-app-secret-2"))


def test_seal_keys_use_either_base64_alphabet_and_keep_their_order() -> None:
    """The first key seals. A key in another spelling is the same key."""
    expected = tuple(map(Secret, SEAL_KEYS))
    for text in (",".join(SEAL_KEYS), " , ".join(SEAL_KEYS).replace("+", "-").replace("/", "_")):
        assert serve(SEAL_KEYS=text).seal_keys == expected
    assert len({*"".join(SEAL_KEYS)} & {"+", "/"}) > 0


def test_a_graph_url_may_use_http_only_on_this_machine() -> None:
    """Other addresses must use https. The slash at the end is removed."""
    assert serve(GRAPH_URL="https://proxy.example/graph/").graph_url == "https://proxy.example/graph"
    for url in ("http://127.0.0.1:8099", "http://localhost:8099", "http://[::1]:8099"):
        assert serve(GRAPH_URL=url).graph_url == url
    assert serve(GRAPH_VERSION="v27.10").graph_version == "v27.10"


def test_every_setting_may_be_a_mounted_file() -> None:
    """The newline at the end of the file does not belong to the setting."""
    environ = {**GOOD, "TOKEN_KEYS": "", "TOKEN_KEYS_FILE": "/run/keys", "PORT_FILE": "/run/port"}
    settings = read_settings(environ, command="serve", read_file=files(run_keys="f" * 40 + "\n", run_port="8080\n"))
    assert settings.token_keys == (Secret("f" * 40),)
    assert settings.port == 8080


def test_a_setting_and_its_file_together_are_refused() -> None:
    """The service could not know which of the two values the operator wants."""
    assert "TOKEN_KEYS_FILE" in problems(TOKEN_KEYS_FILE="/run/keys")["TOKEN_KEYS"]


def test_an_unreadable_or_empty_file_is_refused() -> None:
    """If a secret was not mounted, the service must not treat the setting as absent."""
    assert "PUBLIC_URL" in problems(PUBLIC_URL_FILE="/run/missing")
    with pytest.raises(SettingsRefused) as refused:
        read_settings({**GOOD, "PUBLIC_URL_FILE": "/run/x"}, command="serve", read_file=files(run_x="\n"))
    assert [name for name, _ in refused.value.problems] == ["PUBLIC_URL"]


def test_a_real_file_is_read(tmp_path: Path) -> None:
    """The default reader reads from the disk."""
    (tmp_path / "port").write_text("8081\n")
    assert read_settings({"PORT_FILE": str(tmp_path / "port")}, command="run").port == 8081


def test_a_jwk_set_is_json_or_the_path_of_a_file_and_replaces_the_keys() -> None:
    """The service needs only one of TOKEN_KEYS and TOKEN_JWKS."""
    text = json.dumps({"keys": [PUBLIC_KEY]})
    assert serve(TOKEN_KEYS="", TOKEN_JWKS=text).token_jwks == text
    environ = {**GOOD, "TOKEN_KEYS": "", "TOKEN_JWKS": "/etc/jwks"}
    assert read_settings(environ, command="serve", read_file=files(etc_jwks=text)).token_jwks == text


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("FACEBOOK_VERIFY_TOKEN", {"FACEBOOK_VERIFY_TOKEN": "shop-app-secret-1"}),
        ("TOKEN_KEYS", {"FACEBOOK_APP_SECRET": "one-app-secret-16," + "k" * 32}),
        ("SEAL_KEYS", {"TOKEN_KEYS": SEAL_KEYS[0], "SEAL_KEYS": SEAL_KEYS[0]}),
        ("REDIS_URL", {"REDIS_URL": "redis://:verify-me@cache"}),
        ("REDIS_URL", {"REDIS_URL": "redis://:verify%2Dme@cache"}),
    ],
)
def test_one_secret_for_two_purposes_is_refused(name: str, changes: dict[str, str]) -> None:
    """A person who learns one secret must not have the second."""
    assert list(problems(**changes)) == [name]


def test_run_listens_on_loopback_only() -> None:
    """`run` starts the demo, whose console needs no login."""
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        assert read_settings({"HOST": host}, command="run").host == host
    for host in ("0.0.0.0", "192.168.1.5", "example.com"):  # noqa: S104
        with pytest.raises(SettingsRefused):
            read_settings({"HOST": host}, command="run")


def test_both_ports_may_be_zero() -> None:
    """Tests and demos can then run at the same time."""
    settings = read_settings({"PORT": "0", "OPS_PORT": "0"}, command="run")
    assert (settings.port, settings.ops_port) == (0, 0)


def test_the_summary_names_every_setting_and_no_secret() -> None:
    """The service logs the summary at each start."""
    changes = {"CORS_ORIGINS": "https://a.example,https://b.example", "PUBLIC_URL": "https://inbox.example/"}
    summary = serve(SEAL_KEYS=SEAL_KEYS[0], **changes).summary()
    assert list(summary) == [setting.name for setting in SETTINGS]
    assert summary["FACEBOOK_APP_SECRET"] == summary["FACEBOOK_VERIFY_TOKEN"] == summary["TOKEN_KEYS"] == "set"
    assert summary["SEAL_KEYS"] == "set"
    assert SEAL_KEYS[0] not in str(summary)
    assert summary["TOKEN_JWKS"] == summary["FACEBOOK_APP_ID"] == "not set"
    assert summary["REDIS_URL"] == "redis://***@cache:6379/0"
    assert summary["CORS_ORIGINS"] == "https://a.example, https://b.example"
    assert summary["PUBLIC_URL"] == "https://inbox.example"
    assert summary["HOST"] == "0.0.0.0"  # noqa: S104
    assert replace(serve(), port=0).summary()["PORT"] == "0"
    assert not any(value in str(summary) for value in ("hunter2", GOOD["TOKEN_KEYS"], "shop-app-secret"))


def test_the_repr_of_the_settings_shows_no_secret() -> None:
    """A traceback or a careless print shows `Secret(***)`."""
    shown = repr(serve(SEAL_KEYS=SEAL_KEYS[0]))
    assert not any(
        value in shown for value in (SEAL_KEYS[0], "hunter2", GOOD["TOKEN_KEYS"], "shop-app-secret", "verify-me")
    )


def test_each_default_in_the_table_is_accepted_by_its_parser() -> None:
    """`make docs` and `page-inbox settings` show the table."""
    for setting in SETTINGS:
        for text in filter(None, (setting.default, setting.default_for_run)):
            assert setting.parse(text) is not None
        assert setting.meaning.endswith(".")


def test_the_maximum_ttl_of_the_settings_equals_the_maximum_of_the_store() -> None:
    """The two packages may not import each other, so each has its own constant for this maximum."""
    assert MESSAGE_TTL_MAX == MAX_TTL_SECONDS
