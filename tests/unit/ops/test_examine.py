"""The findings about settings: refused, weak, missing."""

import base64
import secrets

import pytest

from domain.finding import Finding, Level
from ops.examine import examine_settings
from ops.settings import Settings

DRAWN = {
    "FACEBOOK_APP_ID": "200000000000001",
    "FACEBOOK_APP_SECRET": secrets.token_hex(16),
    "FACEBOOK_VERIFY_TOKEN": secrets.token_hex(16),
    "TOKEN_KEYS": secrets.token_hex(32),
    "SEAL_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
    "REDIS_URL": f"rediss://user:{secrets.token_hex(16)}@cache:6379/0",
    "PUBLIC_URL": "https://inbox.example.com",
}


def examined(**changed: str) -> tuple[Settings, list[Finding]]:
    """Returns the settings and the findings, for good settings with these changes. The value "" removes a setting.
    No finding repeats a secret.
    """
    environ = {name: value for name, value in {**DRAWN, **changed}.items() if value}
    settings, findings = examine_settings(environ, lambda _: "")
    for finding in findings:
        for name, value in environ.items():
            assert name == "PUBLIC_URL" or value not in finding.sentence + finding.remedy
        assert bool(finding.remedy) == (finding.level != "ok")
    return settings, findings


def unwell(**changed: str) -> list[tuple[str, Level]]:
    """Returns the findings that are not "ok", by setting."""
    return [(finding.about, finding.level) for finding in examined(**changed)[1] if finding.level != "ok"]


def test_random_settings_have_no_problem() -> None:
    """Each secret has its own finding."""
    assert unwell() == []
    told = {(finding.name, finding.about) for finding in examined()[1]}
    assert told == {("settings", "")} | {
        ("keys", name) for name in ("FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN", "TOKEN_KEYS", "SEAL_KEYS")
    }


@pytest.mark.parametrize(
    ("changed", "about", "level"),
    [
        ({"FACEBOOK_APP_SECRET": ""}, "FACEBOOK_APP_SECRET", "fail"),
        ({"FACEBOOK_VERIFY_TOKEN": "changeme-please"}, "FACEBOOK_VERIFY_TOKEN", "fail"),
        ({"FACEBOOK_VERIFY_TOKEN": DRAWN["FACEBOOK_APP_SECRET"]}, "FACEBOOK_VERIFY_TOKEN", "fail"),
        ({"TOKEN_KEYS": "zq7!zq8"}, "TOKEN_KEYS", "fail"),
        ({"TOKEN_KEYS": "k" * 32}, "TOKEN_KEYS", "fail"),
        ({"TOKEN_KEYS": f"{secrets.token_hex(32)},{'ab' * 16}"}, "TOKEN_KEYS", "fail"),
        ({"SEAL_KEYS": base64.b64encode(bytes(32)).decode()}, "SEAL_KEYS", "fail"),
        ({"SEAL_KEYS": ""}, "SEAL_KEYS", "fail"),
        ({"FACEBOOK_APP_ID": ""}, "FACEBOOK_APP_ID", "warn"),
        ({"FACEBOOK_APP_ID": "my-app"}, "FACEBOOK_APP_ID", "fail"),
        ({"PUBLIC_URL": ""}, "PUBLIC_URL", "warn"),
        ({"REDIS_URL": ""}, "REDIS_URL", "fail"),
        ({"REDIS_URL": "redis://cache:6379"}, "REDIS_URL", "warn"),
        ({"REDIS_URL": "redis://:hunter2@cache:6379"}, "REDIS_URL", "warn"),
        ({"REDIS_URL": "redis+cluster://127.0.0.1:7000,cache:7000"}, "REDIS_URL", "warn"),
        ({"GRAPH_URL": "https://graph.example.com"}, "GRAPH_URL", "warn"),
        ({"PORT": "9000"}, "OPS_PORT", "fail"),
        ({"MESSAGE_TTL": "432001"}, "MESSAGE_TTL", "fail"),
    ],
)
def test_one_mistake_gives_exactly_one_finding(changed: dict[str, str], about: str, level: Level) -> None:
    """The finding has the name of the setting, and no other finding appears."""
    assert unwell(**changed) == [(about, level)]


@pytest.mark.parametrize("url", ["redis://localhost", "unix:///run/valkey.sock", "redis+cluster://[::1]:1,127.0.0.1"])
def test_a_store_on_this_machine_needs_no_password(url: str) -> None:
    """Other machines cannot reach such a store."""
    assert unwell(REDIS_URL=url) == []


def test_refused_settings_are_left_out_and_the_others_are_kept() -> None:
    """The service can then still check the store and Facebook."""
    settings, findings = examined(TOKEN_KEYS="zq7!zq8", MESSAGE_TTL="never", PORT="x!")
    assert [finding.level for finding in findings].count("fail") == 3
    assert (settings.token_keys, settings.redis_url is not None) == ((), True)
    assert not any(finding.name == "settings" and finding.level == "ok" for finding in findings)
