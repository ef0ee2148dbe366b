"""A shop's audit log as a chain: each entry is authenticated together with the one before it. Pure.

    0-3    which of SEAL_KEYS the MAC was made with
    4-7    drawn anew each time: two replicas never write the same entry
    8-23   the link to the entry before: SHA-256, its first 16 bytes, of that one's sequence and all its bytes; zero for
           the first
    24-39  HMAC-SHA256, its first 16 bytes (RFC 2104, 5), over the sequence, all of the above, and what follows
    40-    JSON: [at, since, times, action, subject, client, page, at of the entry before], times in milliseconds

The sequence is the entry's score in the log. Each entry vouches for all before it, so that those whose key has been
given up can still be verified. Whoever can write to Redis but has no key can change nothing unnoticed:
not an entry, not its place, and neither end of the log for as long as the shop's record names the last entry, or the
first one tells that the one before it is younger than the log is kept. Only putting back an older state whole, record
and log, leaves no trace in Redis itself.
"""

import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import orjson

from cache.errors import Corrupt
from domain.audit import Access, Breach, Damage, Entry

KEY_ID_BYTES: Final = 4
NONCE_BYTES: Final = 4
LINK_BYTES: Final = 16
MAC_BYTES: Final = 16

_LINK_AT: Final = KEY_ID_BYTES + NONCE_BYTES
_MAC_AT: Final = _LINK_AT + LINK_BYTES
_BODY_AT: Final = _MAC_AT + MAC_BYTES

MOST_TRIED: Final = 100
"""Places in which an entry that does not verify is tried, to tell one that was moved from one that was changed."""

CLOCKS_MILLISECONDS: Final = 60 * 60 * 1000
"""What the clock of whoever dropped old entries and that of whoever verifies may differ by."""

Key = Callable[[bytes], bytes | None]
"""A key's id to the shop's key for its MACs; None for one that is not ours."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a log, as the shop's record names it: sequence, `at` in milliseconds, and the link to it."""

    sequence: int
    at: int
    link: bytes

    def write(self) -> bytes:
        """As it stands in the record."""
        return b"%d %d %b" % (self.sequence, self.at, self.link.hex().encode())


START: Final = Head(0, 0, bytes(LINK_BYTES))
"""The head of a log without an entry."""


def read_head(field: bytes | None) -> Head:
    """What `Head.write` wrote; `START` where nothing stands.

    Raises:
        Corrupt: something else.
    """
    if not field:
        return START
    try:
        sequence, at, link = field.split(b" ")
        return Head(int(sequence), int(at), bytes.fromhex(link.decode()))
    except ValueError:
        raise Corrupt("corrupt_record") from None


def chain(
    head: Head, access: Access, *, now: int, since: int, times: int, key_id: bytes, key: bytes, nonce: bytes
) -> tuple[bytes, Head]:
    """The entry that follows `head`, as it is stored, and the head that it makes. `now` and `since` in milliseconds."""
    at = max(now, head.at)  # replicas' clocks differ; the log's times never fall
    told = [at, min(since, at), times, access.action, access.subject, access.client, access.page, head.at]
    before, body = key_id + nonce + head.link, orjson.dumps(told)
    sequence = head.sequence + 1
    entry = before + _mac(key, sequence, before, body) + body
    return entry, Head(sequence, at, _link(entry, sequence))


def read_entry(stored: bytes, sequence: int) -> Entry:
    """An entry; its MAC is not verified.

    Raises:
        Corrupt: it is none.
    """
    try:
        at, since, times, action, subject, client, page, previous_at = orjson.loads(stored[_BODY_AT:])
        access = Access(action, subject, client, page)
        return Entry(sequence, at, since, times, access, previous_at, stored[_MAC_AT:_BODY_AT])
    except (orjson.JSONDecodeError, ValueError, TypeError):
        raise Corrupt("corrupt_record") from None


def examine(stored: Sequence[tuple[bytes, int]], head: Head, key: Key, *, kept_since: int) -> list[Damage]:
    """What is wrong with a log: its entries with their sequences, lowest first, and the head that the record names.

    `kept_since`, in milliseconds: older entries may have been dropped, as they should.
    """
    found: list[tuple[Breach, int, int]] = []
    spoilt: list[tuple[bytes, int]] = []
    later: tuple[bytes, int] | None = None  # the next entry, where it is sure to be what was written
    above = (stored[-1][1] if stored else 0) + 1
    if above <= head.sequence and (stored or head.at > kept_since + CLOCKS_MILLISECONDS):
        found.append(("removed", above if stored else 1, head.sequence))
    elif above > head.sequence + 1:
        found.append(("head_changed", head.sequence, above - 1))
    for one, sequence in reversed(stored):
        vouched = None  # whether the next entry was chained to this one
        if later is not None and later[1] == sequence + 1:
            vouched = later[0][_LINK_AT:_MAC_AT] == _link(one, sequence)
        key_of = key(one[:KEY_ID_BYTES])
        sure = vouched if key_of is None else _verifies(one, sequence, key_of)
        if not sure and key_of is not None:
            spoilt.append((one, sequence))
        elif vouched is False:
            found.append(("changed", sequence, sequence))
        elif not sure:
            found.append(("key_unknown", sequence, sequence))
        elif sequence == head.sequence and head.link != _link(one, sequence):
            found.append(("head_changed", sequence, sequence))
        if sequence >= above:
            found.append(("forked", sequence, sequence))
        elif sequence < above - 1:
            found.append(("removed", sequence + 1, above - 1))
        later, above = ((one, sequence) if sure else None), sequence
    if later is not None and later[1] > 1 and read_entry(*later).previous_at > kept_since + CLOCKS_MILLISECONDS:
        found.append(("removed", 1, later[1] - 1))  # too young to have been dropped
    found += _spoilt(spoilt, key)
    return _joined(found)


def _spoilt(entries: Sequence[tuple[bytes, int]], key: Key) -> list[tuple[Breach, int, int]]:
    """Entries that do not verify: in the place of another of them they may."""
    places = [sequence for _, sequence in entries[:MOST_TRIED]]
    found: list[tuple[Breach, int, int]] = []
    for one, sequence in entries:
        key_of = key(one[:KEY_ID_BYTES])
        moved = key_of is not None and any(_verifies(one, place, key_of) for place in places)
        found.append(("moved" if moved else "changed", sequence, sequence))
    return found


def _joined(found: Iterable[tuple[Breach, int, int]]) -> list[Damage]:
    """In order; neighbours with the same breach as one, each told once."""
    joined: list[Damage] = []
    for breach, first, last in sorted(set(found)):
        before = joined[-1] if joined else None
        if before is not None and before.breach == breach and before.last >= first - 1:
            joined[-1] = Damage(breach, before.first, max(before.last, last))
        else:
            joined.append(Damage(breach, first, last))
    return sorted(joined, key=lambda damage: (damage.first, damage.breach))


def _verifies(stored: bytes, sequence: int, key: bytes) -> bool:
    mac = _mac(key, sequence, stored[:_MAC_AT], stored[_BODY_AT:])
    return hmac.compare_digest(mac, stored[_MAC_AT:_BODY_AT])


def _mac(key: bytes, sequence: int, before: bytes, body: bytes) -> bytes:
    return hmac.digest(key, sequence.to_bytes(8) + before + body, "sha256")[:MAC_BYTES]


def _link(stored: bytes, sequence: int) -> bytes:
    return sha256(sequence.to_bytes(8) + stored).digest()[:LINK_BYTES]
