"""A log is whole, or what was done to it is found: entries changed, removed, moved, doubled, and both ends cut."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.audit.chain import START, Head, chain, examine, read_entry, read_head
from cache.errors import Corrupt
from domain.audit import Access, Damage

DAY = 24 * 60 * 60 * 1000
NOW = 1_770_000_000_000
KEPT_SINCE = NOW - 90 * DAY
KEYS = {b"key1": b"a" * 32, b"key2": b"b" * 32}
READ = Access("listMessages", "owner@shop", "192.0.2.7", read=True)

Stored = list[tuple[bytes, int]]


def written(count: int, *, began: int = NOW, step: int = 1000, key_id: bytes = b"key1") -> tuple[Stored, Head]:
    """A log of so many entries and its head."""
    stored: Stored = []
    head = START
    for number in range(count):
        at = began + number * step
        nonce = number.to_bytes(4)
        one, head = chain(head, READ, now=at, since=at, times=1, key_id=key_id, key=KEYS[key_id], nonce=nonce)
        stored.append((one, head.sequence))
    return stored, head


def wrong(stored: Stored, head: Head, kept_since: int = KEPT_SINCE) -> list[Damage]:
    """What is found, in the order in which Redis lists the entries."""
    return examine(sorted(stored, key=lambda one: one[1]), head, KEYS.get, kept_since=kept_since)


def test_a_log_that_nobody_has_touched_is_whole() -> None:
    """Also an empty one, and one whose oldest entries were dropped in time."""
    assert wrong([], START) == []
    assert wrong(*written(20)) == []
    stored, head = written(20, began=KEPT_SINCE - 10 * DAY, step=DAY)
    assert wrong(stored[10:], head) == []
    assert wrong([], head, kept_since=NOW) == []


def test_an_entry_says_what_was_written() -> None:
    """Every field; and the head names it."""
    access = Access("connectPage", "ដារ៉ា", "2001:db8::7", "104200000000001")
    one, head = chain(
        Head(7, NOW, b"m" * 16),
        access,
        now=NOW + 5,
        since=NOW + 2,
        times=3,
        key_id=b"key1",
        key=KEYS[b"key1"],
        nonce=b"nonc",
    )
    entry = read_entry(one, 8)
    assert (entry.sequence, entry.at, entry.since, entry.times, entry.previous_at) == (8, NOW + 5, NOW + 2, 3, NOW)
    assert entry.access == access
    assert (head.sequence, head.at, entry.mac) == (8, NOW + 5, one[24:40])
    assert read_head(head.write()) == head


def test_times_never_fall_where_a_replicas_clock_is_behind() -> None:
    """So that what is dropped is always the oldest."""
    _, head = chain(
        Head(1, NOW, b"m" * 16),
        READ,
        now=NOW - 5000,
        since=NOW - 5000,
        times=1,
        key_id=b"key1",
        key=b"k" * 32,
        nonce=b"nonc",
    )
    assert head.at == NOW


def changed_in(stored: Stored, index: int, alter: Callable[[list[Any]], object]) -> Stored:
    one, sequence = stored[index]
    told = orjson.loads(one[40:])
    alter(told)
    return [*stored[:index], (one[:40] + orjson.dumps(told), sequence), *stored[index + 1 :]]


@pytest.mark.parametrize("field", range(8))
def test_a_changed_entry_is_found(field: int) -> None:
    """Whichever of its facts it is."""
    stored, head = written(9)

    def alter(told: list[Any]) -> None:
        told[field] = {int: 99, str: "someone", type(None): "1"}[type(told[field])]

    assert wrong(changed_in(stored, 4, alter), head) == [Damage("changed", 5, 5)]


@given(place=st.integers(0, 4), at=st.integers(0, 39), bit=st.integers(0, 7))
def test_no_bit_of_an_entrys_head_can_be_changed(place: int, at: int, bit: int) -> None:
    """Of the key's id, the nonce, and both MACs."""
    stored, head = written(5)
    one = bytearray(stored[place][0])
    one[at] ^= 1 << bit
    stored[place] = (bytes(one), stored[place][1])
    assert [damage.first for damage in wrong(stored, head)][:1] == [place + 1]


@pytest.mark.parametrize(
    ("gone", "damages"),
    [
        ([4], [Damage("removed", 5, 5)]),
        ([3, 4, 5], [Damage("removed", 4, 6)]),
        ([2, 6], [Damage("removed", 3, 3), Damage("removed", 7, 7)]),
        ([0], [Damage("removed", 1, 1)]),
        ([0, 1, 2], [Damage("removed", 1, 3)]),
        ([8], [Damage("removed", 9, 9)]),
        ([7, 8], [Damage("removed", 8, 9)]),
        (list(range(9)), [Damage("removed", 1, 9)]),
    ],
)
def test_removed_entries_are_found(gone: list[int], damages: list[Damage]) -> None:
    """In the middle, at either end, all of them: too young to have been dropped, or named by the shop's record."""
    stored, head = written(9)
    assert wrong([one for index, one in enumerate(stored) if index not in gone], head) == damages


def test_swapped_entries_are_found() -> None:
    """Both verify in each other's place and not in their own."""
    stored, head = written(9)
    (third, _), (sixth, _) = stored[2], stored[5]
    stored[2], stored[5] = (sixth, 3), (third, 6)
    assert wrong(stored, head) == [Damage("moved", 3, 3), Damage("moved", 6, 6)]


def test_two_entries_in_one_place_are_found() -> None:
    """Also where both were written with the key, as after an older record was put back."""
    stored, head = written(5)
    other, forked = written(4)
    another, new = chain(
        forked, READ, now=NOW + 9999, since=NOW, times=9, key_id=b"key1", key=KEYS[b"key1"], nonce=b"else"
    )
    assert Damage("forked", 5, 5) in wrong([*stored, (another, 5)], head)
    assert wrong([*other, (another, 5)], new) == []
    assert wrong([*other, (another, 5)], head) == [Damage("head_changed", 5, 5)]


def test_an_entry_of_another_chain_does_not_fit() -> None:
    """One that was written with the key for the same place, but after other entries."""
    stored, head = written(9)
    strange, _ = chain(
        Head(4, NOW, b"m" * 16), READ, now=NOW, since=NOW, times=1, key_id=b"key1", key=KEYS[b"key1"], nonce=b"else"
    )
    stored[4] = (strange, 5)
    found = wrong(stored, head)
    assert found != []
    assert {damage.breach for damage in found} == {"changed"}
    assert {damage.first for damage in found} <= {4, 5}


@pytest.mark.parametrize("head", [START, Head(3, NOW, b"m" * 16), Head(5, NOW, b"m" * 16)])
def test_a_changed_record_is_found(head: Head) -> None:
    """Taken away, put back, or invented."""
    stored, _ = written(5)
    assert [damage.breach for damage in wrong(stored, head)] == ["head_changed"]


def test_entries_of_an_older_key_verify_also_when_it_has_gone() -> None:
    """Each entry vouches for all before it. Only what comes after the last one of a known key nobody can tell."""
    stored, head = written(3)
    one, last = chain(head, READ, now=NOW + DAY, since=NOW, times=1, key_id=b"key2", key=KEYS[b"key2"], nonce=b"nonc")
    assert wrong([*stored, (one, 4)], last) == []
    only_new = {b"key2": KEYS[b"key2"]}.get
    assert examine([*stored, (one, 4)], last, only_new, kept_since=KEPT_SINCE) == []
    assert examine(stored, head, only_new, kept_since=KEPT_SINCE) == [Damage("key_unknown", 1, 3)]

    def alter(told: list[Any]) -> None:
        told[4] = "someone"

    altered = [*changed_in(stored, 1, alter), (one, 4)]
    found = examine(altered, last, only_new, kept_since=KEPT_SINCE)
    assert found == [Damage("key_unknown", 1, 1), Damage("changed", 2, 2)]


def test_what_is_no_entry_and_no_head_is_refused() -> None:
    """Whatever somebody put there."""
    for rubbish in (b"", b"x" * 40, b"x" * 40 + b"[1]", b"x" * 40 + b"{}"):
        with pytest.raises(Corrupt):
            read_entry(rubbish, 1)
        assert wrong([(rubbish, 1)], START) != []
    for rubbish in (b"x", b"1 2", b"1 2 zz", b"1 2 3 4"):
        with pytest.raises(Corrupt):
            read_head(rubbish)
