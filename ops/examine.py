"""Pure: the findings of `page-inbox doctor` about settings that are refused, weak, or missing but needed.

If `serve` would refuse a value, the finding has the sentence of `serve`. The other settings are still examined.
"""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from domain.finding import Finding
from ops import values
from ops.settings import FACEBOOK, SETTINGS, Settings, SettingsRefused, read_settings
from ops.strength import weakness

_REMEDY: Final = "Fix it, then restart the service."

_WANTED: Final = (
    ("FACEBOOK_APP_ID", "no Page can be connected with a token, and nothing fetched from Facebook.",
     "Set it to the app's id, as the app's dashboard shows it."),
    ("PUBLIC_URL", "/openapi.json does not contain the API's address, and the handshake cannot be tried from outside.",
     "Set it to the address that Facebook and the shops use."),
)  # fmt: skip
"""Settings that are not needed for a start. For each: the consequence if it is missing, and a remedy."""

_LISTENING: Final = ("HOST", "PORT", "OPS_PORT")
"""The doctor does not listen on a port. So it reports problems with these settings, but does not use their values."""

_PASSWORD_BYTES: Final = 16


def examine_settings(environ: Mapping[str, str], read_file: Callable[[str], str]) -> tuple[Settings, list[Finding]]:
    """Returns the usable settings, and the findings about all settings."""
    problems: list[tuple[str, str]] = []
    try:
        read_settings(environ, command="serve", read_file=read_file)
    except SettingsRefused as refusal:
        problems = refusal.problems
    refused = frozenset(name for name, _ in problems)
    usable = {
        name: value
        for name, value in environ.items()
        if name.removesuffix("_FILE") not in refused and name.removesuffix("_FILE") not in _LISTENING
    }
    settings = read_settings(usable, command="tool", read_file=read_file)
    findings = [Finding("settings", "fail", f"{name} {sentence}.", _REMEDY, name) for name, sentence in problems]
    findings += [*_weak(settings), *_access(settings), *_missing(settings, refused), *_elsewhere(settings)]
    if not any(finding.level == "fail" for finding in findings):
        findings.insert(0, Finding("settings", "ok", "`serve` takes the settings; no two purposes share a secret."))
    return settings, findings


def _weak(settings: Settings) -> Iterator[Finding]:
    """Yields at least one finding for each setting with a secret: that the secret is weak, or that it is not."""
    remedies = {
        "FACEBOOK_APP_SECRET": "Take the app secret from the app's dashboard.",
        "FACEBOOK_VERIFY_TOKEN": "Set what `openssl rand -hex 32` prints, here and in the app's dashboard.",
        "TOKEN_KEYS": "Put what `openssl rand -hex 32` prints before it; take it out when its last token has ended.",
        "SEAL_KEYS": "Put what `openssl rand -base64 32` prints before it; take it out five days later.",
    }
    for setting in SETTINGS:
        if setting.name not in remedies:
            continue
        held = getattr(settings, setting.field)
        held = held if isinstance(held, tuple) else (held,)
        opened = setting.name == "SEAL_KEYS"
        reported = [weakness(one, b64decode(one.reveal()) if opened else None) for one in held if one]
        for what in dict.fromkeys(filter(None, reported)):
            yield Finding("keys", what.level, f"{setting.name} {what.sentence}.", remedies[setting.name], setting.name)
        if reported and not any(reported):
            yield Finding("keys", "ok", f"{setting.name} does not look guessable.", about=setting.name)


def _access(settings: Settings) -> Iterator[Finding]:
    """Yields findings about the store's protection from other users of the network."""
    url = settings.redis_url
    if not url:
        return
    password = values.redis_password(url)
    hosts = urlsplit(url.reveal()).netloc.rpartition("@")[2].split(",")
    near = url.reveal().startswith("unix:") or all(values.is_loopback(_host(host)) for host in hosts)
    if password is not None and (weakness(password) or len(password.reveal_bytes()) < _PASSWORD_BYTES):
        sentence, remedy = "The password in REDIS_URL can be guessed.", "Set what `openssl rand -hex 32` prints."
        yield Finding("keys", "warn", sentence, remedy, "REDIS_URL")
    elif password is None and not near:
        sentence = "REDIS_URL has no password: every client that reaches the server's port can read every message."
        yield Finding("keys", "warn", sentence, "Let the server ask for one (ACL or requirepass).", "REDIS_URL")


def _host(text: str) -> str:
    return urlsplit(f"//{text}").hostname or ""


def _missing(settings: Settings, refused: frozenset[str]) -> Iterator[Finding]:
    fields = {setting.name: setting.field for setting in SETTINGS}
    for name, consequence, remedy in _WANTED:
        if name not in refused and not getattr(settings, fields[name]):
            yield Finding("settings", "warn", f"{name} is not set: {consequence}", remedy, name)


def _elsewhere(settings: Settings) -> Iterator[Finding]:
    if settings.graph_url != FACEBOOK:
        sentence = "GRAPH_URL does not lead to Facebook: right for trying and testing only."
        yield Finding("settings", "warn", sentence, f"Unset it; it is {FACEBOOK} then.", "GRAPH_URL")
