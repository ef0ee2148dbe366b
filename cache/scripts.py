"""The Lua scripts, by name. The first lines of each script describe its keys, arguments and reply.

Redis runs nothing else while it runs a script. So each script has a limit of entries per call. Its reply says where the
next call continues.

Code that several scripts share is in `prelude.lua`. A script names the blocks that it needs in a line `-- USES:`.
"""

import re
from importlib.resources import files
from typing import Final

from cache import codec, keys, sealing
from cache.registry import page_fields
from cache.server.connection import Script

TRIMMED: Final = 5_000
"""Largest number of expired index entries that one call removes. This takes about 2 ms. One write in 16 removes
entries. A write adds at most 250 entries."""

_CONSTANTS: Final[dict[str, int | bytes]] = {
    "MESSAGE": codec.MESSAGE,
    "WAITING_EDIT": codec.WAITING_EDIT,
    # Lua counts from one, and a range includes its last position.
    "FLAGS": codec.FLAGS_AT + 1,
    "NONCE_FROM": codec.NONCE_AT + 1,
    "NONCE_TO": codec.PAGE_AT,
    "PAGE_FROM": codec.PAGE_AT + 1,
    "PAGE_TO": codec.CONVERSATION_AT,
    "CONVERSATION_FROM": codec.CONVERSATION_AT + 1,
    "CONVERSATION_TO": codec.HEADER_BYTES,
    "HEADER_TO": codec.HEADER_BYTES,
    "PAGE_TAG_BYTES": keys.PAGE_TAG_BYTES,
    "CONVERSATION_TAG_BYTES": keys.CONVERSATION_TAG_BYTES,
    "SEALED": sealing.VERSION[0],
    "SECRET_ID_FROM": sealing.NONCE_AT + 1,
    "SECRET_ID_TO": sealing.CIPHERTEXT_AT,
    "MESSAGE_KEY": keys.MESSAGE,
    "CONVERSATION_KEY": keys.CONVERSATION_INDEX,
    "PURGE_MARK": keys.PURGE_MARK,
    "UNSENT_KEY": keys.UNSENT,
    "STAFF_MARK_KEY": keys.STAFF_MARK,
    "BUDGET_KEY": keys.BUDGET,
    "HEAL_KEY": keys.HEAL,
    "HEAL_VISITED_KEY": keys.HEAL_VISITED,
    "CHANNEL": keys.CHANNEL,
    "NEWS": keys.NEWS,
    "CONNECTED": page_fields.CONNECTED,
    "TOKEN": page_fields.TOKEN,
    "STATE": page_fields.STATE,
    "LAST_EVENT": page_fields.LAST_EVENT,
    "PAUSED": page_fields.PAUSED,
    "LONGEST_TTL": keys.MAX_TTL_SECONDS * 1000,
    "RECEIPT_SECONDS": keys.RECEIPT_SECONDS,
    "TRIMMED": TRIMMED,
    "AUDIT_HOUR": 3_600_000,
    "AUDIT_GRACE": 120_000,
    "AUDIT_OPEN": keys.AUDIT_OPEN,
    "AUDIT_ENTRIES": keys.AUDIT_ENTRIES,
    "AUDIT_LIFE": keys.AUDIT_SECONDS * 1000,
}
"""Constants of Python that scripts use. A time is in milliseconds if its name has no other unit."""

_WORD: Final = re.compile(r"\b[A-Z][A-Z_]+\b")
_USES: Final = re.compile(r"^-- USES: (.*)$", re.MULTILINE)


def _read(name: str) -> str:
    return files("cache").joinpath(name).read_text(encoding="utf-8")


def _blocks() -> dict[str, str]:
    _, *parts = re.split(r"^--- (\w+)\n", _read("prelude.lua"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


_PRELUDE: Final = _blocks()


def _source(name: str) -> str:
    """Returns a script's text: its own first line, which must be the first line, then the shared blocks, then the
    rest."""
    first, _, rest = _read(f"scripts/{name}.lua").partition("\n")
    used = _USES.search(rest)
    wanted = {block.strip() for block in used[1].split(",")} if used else set()
    unknown = wanted - _PRELUDE.keys()
    if unknown:
        raise ValueError(f"{name}.lua uses blocks that prelude.lua does not have: {sorted(unknown)}")
    body = "".join(text for block, text in _PRELUDE.items() if block in wanted) + rest
    return f"{first}\n{_WORD.sub(_value, body)}"


def _value(word: re.Match[str]) -> str:
    """Returns a constant as Lua writes it. A local variable for the constant would take time in each function that uses
    it."""
    value = _CONSTANTS.get(word[0], word[0])
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else f"'{value.decode()}'"


def _script(name: str) -> Script:
    return Script(_source(name))


PUT = _script("put")
EDIT = _script("edit")
ERASE = _script("erase")
LOOK = _script("look")
PAGE = _script("page")
CONVERSATIONS = _script("conversations")
FOLLOW = _script("follow")
LISTENERS = _script("listeners")
ANNOUNCE = _script("announce")
WALK = _script("walk")
HIDE = _script("hide")
STEP = _script("step")
UNINDEX = _script("unindex")
UNLOG = _script("unlog")
NOTE = _script("note")
CLAIM = _script("claim")
CONNECT = _script("connect")
ROUTE = _script("route")
RELEASE = _script("release")
REPLACE = _script("replace")
KEEP_TOKEN = _script("keep_token")
PAUSE_PAGE = _script("pause_page")
BLOCK = _script("block")
STAFF_MARK = _script("staff_mark")
WALK_MARKS = _script("walk_marks")
PRESENT = _script("present")
WAITING = _script("waiting")
EVENT = _script("event")
ENTER = _script("enter")
HOLD = _script("hold")
HOLD_APP = _script("hold_app")
HEAL = _script("heal")
WATCH = _script("watch")
NOTE_SCORE = _script("note_score")
GRANT = _script("grant")
NOTE_DELETION = _script("note_deletion")
TAKE = _script("take")
BEAT = _script("beat")
GIVE_TICKET = _script("give_ticket")
TAKE_TICKET = _script("take_ticket")
AUDIT = _script("audit")
AUDIT_CLOSE = _script("audit_close")
COUNT = _script("count")
PROBE = _script("probe")
