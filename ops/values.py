"""Pure: parsers for the text of a setting. Each parser returns the value, or raises Malformed with a sentence that says
how to fix the text.

The sentence does not contain the refused text, because the text may be a secret that was set under the wrong name.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from domain.secret import Secret

_HOST = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")
"""A host and a port in an origin, as browsers write them: no wildcard, no user."""
_PLACEHOLDERS = ("changeme", "change-me", "change_me", "replace-me", "replace_me", "replaceme", "your-secret")
"""Texts that examples on the web have instead of a secret."""

_REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
_SENTINEL_QUERY = frozenset({"sentinel_username", "sentinel_password"})
_PUBLIC_KEY_TYPES = ("RSA", "EC", "OKP")
_PRIVATE_PARTS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})
"""Members of a private or symmetric JWK: RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1; RFC 8037, section 2."""


SEAL_KEY_BYTES = 32
"""The length of an AES-256 key. A shorter key is refused."""


class Malformed(ValueError):
    """Raised for a text that is not a valid value. The sentence follows the setting's name, and says what is wrong and
    how to fix it."""


def whole(low: int, high: int, unit: str = "") -> Callable[[str], int]:
    """Returns a parser of whole numbers from `low` to `high`, both included."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and low <= int(text) <= high):
            raise Malformed(f"must be a whole number{unit and ' of ' + unit} from {low} to {high}")
        return int(text)

    return parse


def secret(least: int) -> Callable[[str], Secret]:
    """Returns a parser of one secret of at least `least` bytes."""

    def parse(text: str) -> Secret:
        if any(word in text.lower() for word in _PLACEHOLDERS) or (text[:1] == "<" and text[-1:] == ">"):
            raise Malformed("is still a placeholder; set the real value")
        if len(text.encode()) < least:
            raise Malformed(f"is too short to be secret; use {least} bytes or more")
        return Secret(text)

    return parse


def secrets(least: int) -> Callable[[str], tuple[Secret, ...]]:
    """Returns a parser of one or more secrets, separated by commas, each of at least `least` bytes."""
    one = secret(least)

    def parse(text: str) -> tuple[Secret, ...]:
        return tuple(one(part) for part in _parts(text))

    return parse


def app_id(text: str) -> str:
    """Returns Facebook's id of the app, which is digits."""
    if not (text.isascii() and text.isdigit()):
        raise Malformed("must be the app's id: digits only")
    return text


def redis_url(text: str) -> Secret:
    """Returns a Redis URL as a secret, because it may hold a password."""
    url = _split(text)
    if url.scheme not in _REDIS_SCHEMES:
        raise Malformed(f"must begin with one of {', '.join(scheme + '://' for scheme in _REDIS_SCHEMES)}")
    if url.scheme == "unix":
        if not url.path.strip("/"):
            raise Malformed("needs the socket's path, as in unix:///run/valkey.sock")
        return Secret(text)
    if "@" in url.path + url.query or "#" in text:
        raise Malformed("has a mark in its user or password that must be percent-encoded, as %40 for @")
    hosts = url.netloc.rpartition("@")[2].split(",")
    if not all(host.strip() and not host.startswith(":") for host in hosts):
        raise Malformed("needs a host, as in redis://localhost:6379/0")
    sentinel = url.scheme.endswith("+sentinel")
    if sentinel and not url.path.strip("/"):
        raise Malformed("needs the master's name, as in redis+sentinel://h1,h2/NAME/0")
    known = _SENTINEL_QUERY if sentinel else frozenset[str]()
    for name, _value in parse_qsl(url.query, keep_blank_values=True):
        if name not in known:
            raise Malformed(
                f"has an unknown query parameter ({name[:40]!r}); known: {', '.join(sorted(known)) or 'none'}"
            )
    database = url.path.strip("/").partition("/")[2] if sentinel else url.path.strip("/")
    if database and (url.scheme.endswith("+cluster") or not (database.isascii() and database.isdigit())):
        raise Malformed(f"has {database[:40]!r} where the number of a database belongs, as in redis://localhost:6379/0")
    for host in hosts:
        try:
            _ = urlsplit(f"redis://{host}").port
        except ValueError:
            raise Malformed("has a port that is not a number from 0 to 65535") from None
    return Secret(text)


def readable_file(text: str) -> str:
    """Returns the path of a file that can be read now."""
    try:
        with Path(text).open("rb"):
            return text
    except OSError as error:
        raise Malformed(f"is a file that cannot be read ({error.strerror})") from None


def redis_password(url: Secret) -> Secret | None:
    """Returns the password inside a Redis URL, decoded, or None if there is none."""
    password = _split(url.reveal()).password
    return Secret(unquote(password)) if password else None


def masked_url(url: Secret) -> str:
    """Returns a Redis URL in a form for the log: without user, password and query."""
    parts = _split(url.reveal())
    user, _, host = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{'***@' if user else ''}{host}{parts.path}{'?***' if parts.query else ''}"


def web_url(text: str) -> str:
    """Returns an http or https address, without a slash at its end."""
    url = _split(text)
    try:
        _ = url.port
    except ValueError:
        raise Malformed("has a port that is no number from 0 to 65535") from None
    if any(letter.isspace() for letter in text):
        raise Malformed("is not an address: it holds white space")
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
        raise Malformed("must be an address like https://inbox.example.com, without user, query or fragment")
    return text.rstrip("/")


def graph_url(text: str) -> str:
    """Returns an https address. An http address, which sends tokens unencrypted, is allowed only for this machine."""
    url = web_url(text)
    parts = _split(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise Malformed("must begin with https:// (http:// is for a loopback address only): it carries tokens")
    return url


def graph_version(text: str) -> str:
    """Returns a version of the Graph API, for example v26.0."""
    major, dot, minor = text.removeprefix("v").partition(".")
    if not (text.startswith("v") and dot and all(part.isascii() and part.isdigit() for part in (major, minor))):
        raise Malformed("must be a version like v26.0")
    return text


def seal_keys(text: str) -> tuple[Secret, ...]:
    """Returns keys of exactly 32 bytes as standard base64. In the text, the keys are separated by commas and in
    standard or URL-safe base64.
    """
    found = []
    for part in _parts(text):
        try:
            key = base64.b64decode(part.translate(str.maketrans("-_", "+/")), validate=True)
        except (binascii.Error, ValueError):
            raise Malformed("must be base64, as `openssl rand -base64 32` prints") from None
        if len(key) != SEAL_KEY_BYTES:
            raise Malformed(f"must be keys of {SEAL_KEY_BYTES} bytes, as `openssl rand -base64 32` prints")
        found.append(Secret(base64.b64encode(key).decode()))
    return tuple(found)


def origins(text: str) -> tuple[str, ...]:
    """Returns the web origins in a text, separated by commas. An origin has only a scheme, a host and a port."""
    found = []
    for part in _parts(text):
        url = _split(part)
        right = url.scheme in ("http", "https") and _HOST.fullmatch(url.netloc) is not None
        if not right or part != f"{url.scheme}://{url.netloc}":
            raise Malformed("must be origins like https://shop.example.com, comma separated, each without a path")
        found.append(part)
    return tuple(found)


def networks(text: str) -> tuple[str, ...]:
    """Returns the IP addresses and networks in a text, which are separated by commas."""
    found = _parts(text)
    for part in found:
        try:
            ip_network(part)
        except ValueError:
            raise Malformed("must be addresses or networks like 10.0.0.0/8, comma separated") from None
    return tuple(found)


def host(text: str) -> str:
    """Returns an address or a host name to listen on."""
    if any(mark in text for mark in "/@?#, \t"):
        raise Malformed("must be one address or host name to listen on, as 0.0.0.0")
    return text


def is_loopback(text: str) -> bool:
    """Returns whether a host is this machine itself, so that no other machine can reach a port on it."""
    try:
        return text == "localhost" or ip_address(text).is_loopback
    except ValueError:
        return False


def one_of(*choices: str) -> Callable[[str], str]:
    """Returns a parser of one word from a closed list. Upper and lower case are equal."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise Malformed(f"must be one of {', '.join(choices)}")
        return text.lower()

    return parse


def directory(text: str) -> Path:
    """Returns a folder of this machine. It need not exist yet."""
    return Path(text).expanduser()


def jwk_set(text: str) -> str:
    """Returns the JSON of a JWK set (RFC 7517, section 5), after a check that it holds public keys only."""
    try:
        found = json.loads(text)
    except ValueError:
        raise Malformed("is not JSON; give a JWK set or the path of one") from None
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not keys:
        raise Malformed('must be a JWK set: an object with a list of "keys"')
    for key in keys:
        if not isinstance(key, dict) or _PRIVATE_PARTS & key.keys():
            raise Malformed("holds a private or shared key; publish the public keys only")
        if key.get("kty") not in _PUBLIC_KEY_TYPES:
            raise Malformed(f"holds a key whose kty is none of {', '.join(_PUBLIC_KEY_TYPES)}")
    return text


def _parts(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise Malformed("has an empty entry between its commas")
    return parts


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.hostname
    except ValueError:
        raise Malformed("is not an address") from None
    return url
