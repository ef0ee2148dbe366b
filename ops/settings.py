"""All settings, in one table, and one frozen value made from the environment.

Every setting NAME may also be given as NAME_FILE, the path of a mounted secret. Nothing is read at import. All missing,
weak or malformed settings are reported together, so that the operator can correct them before the next start.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from domain.secret import Secret
from ops import values

Command = Literal["serve", "run", "tool"]
"""`serve` is production and refuses to start if a setting is missing. `run` listens on loopback and generates missing
values. `tool` is a command that an operator runs by hand. Such a command checks its own settings.
"""

MESSAGE_TTL_MAX = 432_000
"""Five days in seconds: no message is kept for longer."""

FACEBOOK = "https://graph.facebook.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Absent values are None or empty. Secrets do not show their value."""

    command: Command
    app_id: str | None
    app_secrets: tuple[Secret, ...]
    """Each secret verifies webhooks. The first secret signs the proofs in calls of Graph."""
    verify_token: Secret | None
    redis_url: Secret | None
    wait_replicas: int
    """The number of Redis replicas that must have a message before it is acknowledged."""
    redis_tls_ca: str
    redis_tls_cert: str
    redis_tls_key: str
    """Paths of PEM files; empty if not set."""
    message_ttl: int
    """Seconds for which a message is kept after it was received."""
    token_keys: tuple[Secret, ...]
    """HS256 keys. The first key signs tokens, and every key verifies them."""
    token_jwks: str | None
    """The JSON of a public JWK set."""
    public_url: str | None
    """Without a slash at its end."""
    cors_origins: tuple[str, ...]
    order_origins: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    """Addresses and networks."""
    host: str
    port: int
    ops_port: int
    workers: int
    """The number of processes."""
    connect_without_proof: str
    """`backend` or `shop`: which tokens may connect a Page without the Page's own token."""
    seal_keys: tuple[Secret, ...]
    """Keys of 32 bytes, in base64. The first key encrypts, and every key decrypts."""
    graph_url: str
    """Without a slash at its end."""
    graph_version: str
    log_level: str
    data_dir: Path
    purge_journal: Path | None
    """A directory."""
    max_body_bytes: int
    drain_seconds: int
    """Seconds after SIGTERM in which the process is unready but still answers requests."""

    def summary(self) -> dict[str, str]:
        """Returns the effective settings by name, in a form for the log. Secrets are only `set` or `not set`."""
        return {setting.name: setting.show(getattr(self, setting.field)) for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the setting's name, its field of Settings, a sentence for people, the parser, and the
    default as text. A `default` of "" means that there is none.
    """

    name: str
    field: str
    meaning: str
    parse: Callable[[str], Any]
    default: str = ""
    default_for_run: str = ""
    empty: object = None
    """The field's value if the setting is not set and has no default."""
    secret: bool = False
    required: bool = False
    """Whether `serve` requires the setting."""
    or_path: bool = False
    """If true, a text that is not a JSON object is the path of a file with a JSON object."""

    def show(self, value: Any) -> str:
        """Returns the value for people, without any part of a secret."""
        if not value and value != 0:
            return "not set"
        if self.name == "REDIS_URL":
            return values.masked_url(value)
        if self.secret or self.or_path:
            return "set"
        return ", ".join(value) if isinstance(value, tuple) else str(value)


SETTINGS: tuple[Setting, ...] = (
    Setting("FACEBOOK_APP_ID", "app_id", "The app's id. It is needed to connect a Page with a token.", values.app_id),
    Setting("FACEBOOK_APP_SECRET", "app_secrets", "One or more app secrets, comma separated: any verifies a webhook, "
            "the first signs proofs. 16 bytes or more each.", values.secrets(16), empty=(), secret=True, required=True),
    Setting("FACEBOOK_VERIFY_TOKEN", "verify_token", "The word Facebook repeats in the webhook handshake. "
            "8 bytes or more.", values.secret(8), secret=True, required=True),
    Setting("GRAPH_URL", "graph_url", "The address of Facebook's Graph API: https, or http on loopback. `run` "
            "simulates Facebook unless this is changed.",
            values.graph_url, default=FACEBOOK),
    Setting("GRAPH_VERSION", "graph_version", "The version of the Graph API that every call names.",
            values.graph_version, default="v26.0"),
    Setting("REDIS_URL", "redis_url", "Redis 7+ or Valkey 7.2+: `redis://`, `unix://`, `redis+sentinel://h1,h2/NAME/0` "
            "or `redis+cluster://h1,h2`; over TLS `rediss://`, `rediss+sentinel://`, `rediss+cluster://`. The login of "
            "the Sentinels: `?sentinel_username=U&sentinel_password=P`. Without it, `run` starts a Valkey.",
            values.redis_url, secret=True, required=True),
    Setting("REDIS_TLS_CA", "redis_tls_ca", "Path of the PEM file of the authority that signed Redis' certificate. "
            "Without it, the authorities of this machine are trusted.", values.readable_file, empty=""),
    Setting("REDIS_TLS_CERT", "redis_tls_cert", "Path of the PEM file of a client certificate for Redis.",
            values.readable_file, empty=""),
    Setting("REDIS_TLS_KEY", "redis_tls_key", "Path of the PEM file of that certificate's key.",
            values.readable_file, empty=""),
    Setting("WAIT_REPLICAS", "wait_replicas", "How many replicas of Redis must have a message before Facebook is "
            "answered 200; none by default. Not for a cluster.", values.whole(0, 16), default="0"),
    Setting("MESSAGE_TTL", "message_ttl", "Seconds from the receipt of a message to its deletion, at most five days.",
            values.whole(1, MESSAGE_TTL_MAX, "seconds"), default=str(MESSAGE_TTL_MAX)),
    Setting("TOKEN_KEYS", "token_keys", "HS256 keys for bearer tokens, comma separated: the first signs, all verify. "
            "32 bytes or more each. `serve` needs `TOKEN_KEYS` or `TOKEN_JWKS`.", values.secrets(32), empty=(),
            secret=True),
    Setting("TOKEN_JWKS", "token_jwks", "A public JWK set that verifies bearer tokens, as JSON or as the path of a "
            "file.", values.jwk_set, or_path=True),
    Setting("SEAL_KEYS", "seal_keys", "Base64 keys of 32 bytes that encrypt stored messages and Page tokens, "
            "comma separated: the first encrypts, all decrypt.", values.seal_keys, empty=(), secret=True,
            required=True),
    Setting("CONNECT_WITHOUT_TOKEN", "connect_without_proof", "Which tokens may connect a Page with `{}`, without the "
            "Page's own token: `backend` (only bearer tokens with `shop: \"*\"`) or `shop` (any token with "
            "`shop:admin`).",
            values.one_of("backend", "shop"), default="backend", default_for_run="shop"),
    Setting("PUBLIC_URL", "public_url", "The address of the service for callers from outside.", values.web_url),
    Setting("CORS_ORIGINS", "cors_origins", "Web origins whose pages may call the API, comma separated.",
            values.origins, empty=(), default_for_run="http://127.0.0.1:8100"),
    Setting("ORDER_ORIGINS", "order_origins", "Web origins whose pages may embed or open the console and get orders "
            "from it, comma separated. List only origins that every shop trusts.", values.origins, empty=()),
    Setting("TRUSTED_PROXIES", "trusted_proxies", "Addresses or networks of the proxies before the service, comma "
            "separated. If a request comes from one of them or from this machine, `X-Forwarded-For` gives the caller's "
            "address.", values.networks, empty=()),
    Setting("HOST", "host", "The address to listen on. `run` accepts only loopback.", values.host,
            default="0.0.0.0", default_for_run="127.0.0.1"),  # noqa: S104 - a container is reached from outside
    Setting("PORT", "port", "The port of webhook and API. 0 means any free port.",
            values.whole(0, 65_535), default="8000"),
    Setting("OPS_PORT", "ops_port", "The port of `/livez`, `/readyz` and `/metrics`, never routed to the public. "
            "0 means any free port.", values.whole(0, 65_535), default="9000"),
    Setting("WEB_CONCURRENCY", "workers", "Worker processes of `serve`, which share `PORT`. Each can use one core.",
            values.whole(1, 64), default="1"),
    Setting("DRAIN_SECONDS", "drain_seconds", "Seconds after SIGTERM in which `/readyz` fails and requests are still "
            "answered, so that a proxy can send them elsewhere. A second SIGTERM ends the wait.",
            values.whole(0, 600, "seconds"), default="0"),
    Setting("LOG_LEVEL", "log_level", "Minimum log level: debug, info, warning, error or critical.",
            values.one_of("debug", "info", "warning", "error", "critical"), default="info"),
    Setting("DATA_DIR", "data_dir", "The directory in which `run` keeps its Valkey and its generated secrets.",
            values.directory, default=".data"),
    Setting("PURGE_JOURNAL", "purge_journal", "A directory, not on Redis' disk, in which each purge is written, "
            "encrypted, before it is answered. At a start, and when Redis comes back with older data, the service "
            "repeats the purges that Redis has lost, before it answers a request.", values.directory),
    # Facebook states no maximum for Pages. For WhatsApp, on the same system, it states 3 MB for a delivery. Perhaps it
    # counts before JSON's escaping, which can make six bytes of one (`\u0001`): 18 MB. A delivery has at most 1,000
    # updates, and 18 MB also hold 1,000 updates of 18 KB, each with 3,000 Khmer characters. Facebook repeats a refused
    # body until it unsubscribes the Page, so a smaller value loses messages.
    Setting("MAX_BODY_BYTES", "max_body_bytes", "The largest accepted webhook body, in bytes. The default is the "
            "most that Facebook can send: 3 MB, six times as long after escaping. A smaller value loses messages.",
            values.whole(1024, 64 * 1024 * 1024, "bytes"), default=str(18 * 1024 * 1024)),
)  # fmt: skip


class SettingsRefused(ValueError):
    """Raised when settings must be corrected before a start. `problems` are (setting, sentence) pairs. The error holds
    no value of any setting.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        lines = [f"  {name} {sentence}" for name, sentence in problems]
        super().__init__("\n".join(["Fix these settings first:", *lines]))
        self.problems = problems


def read_text(path: str) -> str:
    """Returns the text of a mounted file."""
    return Path(path).read_text(encoding="utf-8")


def read_settings(
    environ: Mapping[str, str], *, command: Command, read_file: Callable[[str], str] = read_text
) -> Settings:
    """Returns the settings in `environ` and in the files whose paths are in `environ`.

    Raises SettingsRefused with all problems.
    """
    found: dict[str, Any] = {}
    problems: list[tuple[str, str]] = []
    for setting in SETTINGS:
        found[setting.field] = setting.empty
        try:
            text = _text_of(setting, environ, read_file)
            if not text:
                text = (setting.default_for_run if command == "run" else "") or setting.default
            if text:
                found[setting.field] = setting.parse(text)
            elif setting.required and command == "serve":
                problems.append((setting.name, "is not set; set it, or the path of its file as " + _file(setting)))
        except values.Malformed as error:
            problems.append((setting.name, str(error)))
    malformed = {name for name, _ in problems}
    problems += [problem for problem in _between(found, command, malformed) if problem[0] not in malformed]
    if problems:
        raise SettingsRefused(problems)
    return Settings(command=command, **found)


def _file(setting: Setting) -> str:
    return f"{setting.name}_FILE"


def _text_of(setting: Setting, environ: Mapping[str, str], read_file: Callable[[str], str]) -> str:
    """Returns the set value, direct or from a file, without the white space around it; "" if nothing is set."""
    text, path = environ.get(setting.name, "").strip(), environ.get(_file(setting), "").strip()
    if text and path:
        raise values.Malformed(f"and {_file(setting)} are both set; keep one")
    if path:
        text = _read(path, read_file)
        if not text:
            raise values.Malformed(f"is empty in the file that {_file(setting)} names")
    if setting.or_path and text and not text.startswith("{"):
        text = _read(text, read_file)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise values.Malformed("is not UTF-8 text")
    return text


def _read(path: str, read_file: Callable[[str], str]) -> str:
    try:
        return read_file(path).strip()
    except (OSError, ValueError) as error:
        raise values.Malformed(f"names a file that cannot be read ({type(error).__name__})") from None


def _between(found: Mapping[str, Any], command: Command, malformed: set[str]) -> list[tuple[str, str]]:
    """Returns the problems of settings that are correct alone but not together."""
    problems = []
    tokens = found["token_keys"] or found["token_jwks"] or "TOKEN_JWKS" in malformed
    if command == "serve" and not tokens:
        problems.append(("TOKEN_KEYS", "is not set, nor is TOKEN_JWKS; without one of them no shop can be let in"))
    if command == "run" and found["host"] and not values.is_loopback(found["host"]):
        problems.append(("HOST", "must be a loopback address for `run`, as 127.0.0.1; `serve` listens to others"))
    if found["port"] and found["port"] == found["ops_port"]:
        problems.append(("OPS_PORT", "is the same as PORT; the operators' port must not be the public one"))
    if found["wait_replicas"] and found["redis_url"] and "+cluster:" in found["redis_url"].reveal()[:16]:
        problems.append(("WAIT_REPLICAS", "is not for a cluster; leave it out, and set min-replicas-to-write there"))
    if bool(found["redis_tls_cert"]) != bool(found["redis_tls_key"]):
        problems.append(("REDIS_TLS_CERT", "and REDIS_TLS_KEY belong together: set both or none"))
    password = found["redis_url"] and values.redis_password(found["redis_url"])
    purposes = {
        "FACEBOOK_APP_SECRET": found["app_secrets"],
        "FACEBOOK_VERIFY_TOKEN": (found["verify_token"],),
        "TOKEN_KEYS": found["token_keys"],
        "SEAL_KEYS": found["seal_keys"],
        "REDIS_URL": (password,),
    }
    owners: dict[Secret, str] = {}
    for name, held in purposes.items():
        for one in filter(None, held):
            owner = owners.setdefault(one, name)
            if owner != name:
                problems.append((name, f"holds the same secret as {owner}; each purpose needs its own"))
    return problems
