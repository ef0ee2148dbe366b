"""Pure: the last processor of every log line. It removes content, secrets and personal data.

Only harmless values pass. Under a key of SAFE_KEYS (our ids and counts) a plain value passes unchanged. Under a key of
TEXT_KEYS a text passes without the parts that look like a token, a digest, a query or a telephone number. Under a key
of ADDRESS_KEYS only an IP address passes. Values made by ops/traces.py and by the settings' summary pass unchanged.
Under any other key only short numbers pass. So a careless `log.info("stored", message=event)` prints three stars and
not a customer's words. The value of a new key is masked until the key is added here and in docs/logging.md.
"""

import re
from collections.abc import MutableMapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

MASK = "***"

SAFE_KEYS = frozenset({
    "timestamp", "level", "logger", "version", "command",
    "request_id", "purge_id", "shop", "page", "action", "host", "port", "ops_port",
    "method", "route", "status", "kind", "reason", "what", "check", "task", "error",
    "duration_ms", "body_bytes", "wait_seconds", "events", "messages", "stored",
    "edge", "field", "limit", "code", "subcode", "trace", "tries", "token_reason",
})  # fmt: skip
"""Keys whose texts and numbers pass unchanged. The id of a Page looks like a telephone number, but must stay readable.
The ids of messages, customers and conversations are masked, because no log line may keep a trace of a purged message.
"""

ADDRESS_KEYS = frozenset({"client"})
"""Keys under which only an IP address passes, because a caller can send any text as its address."""

TEXT_KEYS = frozenset({"detail", "hint", "subject", "user_agent"})
"""Keys of free text. The text is searched for secrets and numbers."""

MADE_KEYS = frozenset({"where", "inside", "caused_by", "settings"})
"""Keys of values that are made for the log: by ops/traces.py, and by Settings.summary."""

_LONGEST_TEXT = 1000
"""Characters of a free text that are searched and logged."""

_TOO_LONG = 10_000_000
"""From this number on, numbers have eight or more digits and may be a telephone number or a person's id."""

_MARKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("?", re.compile(r"(?<=\?)[^\s\"'?]*=[^\s\"']*")),  # a query string
    ("://", re.compile(r"(?<=://)[^/\s@]+(?=@)")),  # user and password in an address
    ("eyJ", re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*){0,4}")),  # a JWT: base64 of '{"'
    ("EAA", re.compile(r"EAA[0-9A-Za-z_-]{8,}")),  # a Facebook access token
    ("|", re.compile(r"\d{6,}\|[\w-]+")),  # an app access token: id|secret
    ("bearer", re.compile(r"\b(?i:bearer)\s+[^\s\"',;]+")),
    ("basic", re.compile(r"\b(?i:basic)\s+[^\s\"',;]+")),
    ("sha1=", re.compile(r"(?i:sha1=[0-9a-z_-]+)")),
    ("sha256=", re.compile(r"(?i:sha256=[0-9a-z_-]+)")),
    ("", re.compile(r"[0-9a-fA-F]{32,}")),  # a digest, an app secret, a proof
    # Eight digits or more, with the characters that people put between them, in any script. Khmer numerals are digits
    # too. Khmer has no spaces between words, so the pattern requires no word boundary on the two sides.
    ("", re.compile(r"[+(]{0,2}\d(?:[\s.()/·–\u200b-\u200d\u2060\ufeff-]{0,3}\d){7,}")),
)
"""The patterns to mask. A pattern is tried only if the text contains the string before it, in upper or lower case. This
is ten times faster than trying all patterns."""

_LONGEST_ADDRESS = 64
"""Characters of a text that may be an IP address. Longer texts would fill the cache of `_is_address`."""

_PLAIN = frozenset({str, int, float, bool, type(None)})


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Masks everything in the event that must not be logged, and returns the same event. structlog requires this
    signature of a processor.
    """
    for key, value in event.items():
        kind = type(value)
        if key in SAFE_KEYS:
            if kind not in _PLAIN:
                event[key] = MASK
        elif key == "event":
            # An event of this service is a slug, which is not searched. An event of a library can be any text.
            if kind is not str:
                event[key] = MASK
            elif not (value.isascii() and value.isidentifier() and value.islower()):
                event[key] = redact_text(value)
        elif key in ADDRESS_KEYS:
            if value is not None and not (kind is str and len(value) <= _LONGEST_ADDRESS and _is_address(value)):
                event[key] = MASK
        elif key in TEXT_KEYS:
            if value is not None:
                event[key] = redact_text(value) if kind is str else MASK
        elif key not in MADE_KEYS and not _harmless(value):
            event[key] = MASK
    return event


def redact_text(text: str) -> str:
    """Returns the beginning of a free text, with everything masked that looks like a secret or a telephone number."""
    text = text[:_LONGEST_TEXT]
    folded = f"{text} {text.lower()}"
    for needle, pattern in _MARKS:
        if needle in folded:
            text = pattern.sub(MASK, text)
    return text


@lru_cache(maxsize=1024)
def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _harmless(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and abs(value) < _TOO_LONG)
