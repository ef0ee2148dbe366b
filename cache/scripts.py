"""The Lua scripts, by name. Each tells in its own first lines what its keys, arguments and reply are."""

from hashlib import sha1
from importlib.resources import files

from cache.server.connection import Arg, Call


class Script:
    """One script; calling it makes a `Call`."""

    def __init__(self, name: str) -> None:
        self._source = files("cache").joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")
        # Redis names scripts by SHA-1; nothing secret depends on it.
        self._digest = sha1(self._source.encode(), usedforsecurity=False).hexdigest()
        # The first line says so to the server too.
        self._writes = "no-writes" not in self._source.partition("\n")[0]

    def __call__(self, keys: list[bytes], args: list[Arg]) -> Call:
        return Call(self._source, self._digest, keys, args, self._writes)


PUT = Script("put")
EDIT = Script("edit")
ERASE = Script("erase")
LOOK = Script("look")
PAGE = Script("page")
CONVERSATIONS = Script("conversations")
FOLLOW = Script("follow")
LISTENERS = Script("listeners")
ANNOUNCE = Script("announce")
WALK = Script("walk")
HIDE = Script("hide")
STEP = Script("step")
UNINDEX = Script("unindex")
UNLOG = Script("unlog")
NOTE = Script("note")
CLAIM = Script("claim")
CONNECT = Script("connect")
RELEASE = Script("release")
REPLACE = Script("replace")
KEEP_TOKEN = Script("keep_token")
PAUSE_PAGE = Script("pause_page")
BLOCK = Script("block")
PRESENT = Script("present")
EVENT = Script("event")
ENTER = Script("enter")
HOLD = Script("hold")
HOLD_APP = Script("hold_app")
WATCH = Script("watch")
NOTE_EXPIRY = Script("note_expiry")
GRANT = Script("grant")
GRANTED = Script("granted")
NOTE_DELETION = Script("note_deletion")
TAKE = Script("take")
BEAT = Script("beat")
GIVE_TICKET = Script("give_ticket")
TAKE_TICKET = Script("take_ticket")
AUDIT = Script("audit")
AUDIT_TRIM = Script("audit_trim")
COUNT = Script("count")
PROBE = Script("probe")
