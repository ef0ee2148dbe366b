"""The store's data about which person granted which Page, and about a person's deletion request, on every server."""

import time
from base64 import b64encode

import pytest

from cache.graph.grants import SAME_MOMENT_MS, Grants
from cache.keys import DELETION_SECONDS, WATCH_GRANTED, WATCH_SECONDS, deletion_key, shop_keys
from cache.purging.deletions import Deletions
from cache.server.scan import HASH_FIELDS
from domain.ids import PageId, PurgeId
from domain.purge import Deletion, Receipt
from domain.secret import Secret
from tests.contract.conftest import PAGE, SHOP, Box
from tests.service import SEAL_KEY

OTHER_PAGE = PageId("104200000000002")
SOKHA, DARA = "10000000000000042", "10000000000000043"
NOW = 1_790_000_000_000
CODE = "abcdefghijklmnopqrstuvwxyz"
NEWER_KEY = Secret(b64encode(b"a newer key of the contract test").decode())


async def test_a_persons_pages_are_found_and_the_person_is_not_in_the_store(box: Box) -> None:
    """The store has only a keyed hash of the person's id. Another key makes another hash."""
    grants = Grants(box.connection, [SEAL_KEY])
    await grants.granted(PAGE, SOKHA, NOW)
    await grants.granted(OTHER_PAGE, DARA, NOW)
    assert await grants.pages_of(SOKHA, NOW) == [PAGE]
    assert await grants.pages_of("10000000000000044", NOW) == []
    kept = await box.connection.command("HGET", WATCH_GRANTED, PAGE)
    assert SOKHA.encode() not in kept
    assert await Grants(box.connection, [NEWER_KEY]).pages_of(SOKHA, NOW) == []
    many = [PageId(str(number)) for number in range(HASH_FIELDS + 1)]
    for page in many:
        await grants.granted(page, DARA, NOW)
    assert {*await grants.pages_of(DARA, NOW)} >= {*many}, "more than one call reads"
    assert WATCH_SECONDS - 60 < await box.connection.command("TTL", WATCH_GRANTED) <= WATCH_SECONDS


async def test_a_page_that_is_connected_again_belongs_to_the_newer_person(box: Box) -> None:
    """If Facebook does not name the person, the Page belongs to no person."""
    grants = Grants(box.connection, [SEAL_KEY])
    await grants.granted(PAGE, SOKHA, NOW)
    await grants.granted(PAGE, DARA, NOW)
    assert (await grants.pages_of(SOKHA, NOW), await grants.pages_of(DARA, NOW)) == ([], [PAGE])
    await grants.granted(PAGE, None, NOW)
    assert await grants.pages_of(DARA, NOW) == []


async def test_a_request_does_not_cover_a_grant_that_is_newer_than_the_request(box: Box) -> None:
    """A late or repeated request must not end a newer grant. A daily check does not make a grant look newer."""
    grants = Grants(box.connection, [SEAL_KEY])
    await grants.granted(PAGE, SOKHA, NOW)
    await grants.still_granted(PAGE, SOKHA, NOW + 86_400_000)
    before = NOW - SAME_MOMENT_MS - 1
    assert (await grants.pages_of(SOKHA, before), await grants.pages_of(SOKHA, before + 1)) == ([], [PAGE])
    assert (await grants.page_until(PAGE, before), await grants.page_until(PAGE, NOW)) == ([], [PAGE])
    assert await grants.page_until(OTHER_PAGE, before) == [OTHER_PAGE], "nobody granted it: it has no token"
    await grants.still_granted(PAGE, DARA, NOW + 86_400_000)
    assert await grants.pages_of(DARA, NOW) == [], "another person's grant, first seen by that look"


async def test_a_daily_check_writes_the_hash_again_with_the_newest_key(box: Box) -> None:
    """The hash keeps its time. Afterwards the old key can be removed."""
    await Grants(box.connection, [SEAL_KEY]).granted(PAGE, SOKHA, NOW)
    turning = Grants(box.connection, [NEWER_KEY, SEAL_KEY])
    assert await turning.pages_of(SOKHA, NOW) == [PAGE]
    await turning.still_granted(PAGE, SOKHA, NOW + 86_400_000)
    assert await Grants(box.connection, [NEWER_KEY]).pages_of(SOKHA, NOW) == [PAGE]


async def test_a_page_that_is_removed_from_the_watch_list_loses_its_grant(box: Box) -> None:
    """The grant is removed in the same step. Other grants stay."""
    grants = Grants(box.connection, [SEAL_KEY])
    for page in (PAGE, OTHER_PAGE):
        await box.watchlist.watch(page, NOW, "connected")
        await grants.granted(page, SOKHA, NOW)
    await box.watchlist.forget(PAGE)
    assert await grants.pages_of(SOKHA, NOW) == [OTHER_PAGE]


async def test_no_grant_is_stored_without_a_key(box: Box) -> None:
    """The store keeps no token without a key either."""
    grants = Grants(box.connection, [])
    await grants.granted(PAGE, SOKHA, NOW)
    assert await grants.pages_of(SOKHA, NOW) == []
    assert WATCH_GRANTED not in await box.keys()


def receipt(purge: str, *, complete: bool = False) -> Receipt:
    return Receipt(PurgeId(purge), "page", NOW, "facebook", complete, 0)


async def test_a_request_is_complete_when_its_last_purge_is_complete(box: Box) -> None:
    """Afterwards the store keeps only the time and the state of the request."""
    deletions = Deletions(box.connection, box.purger)
    assert not await deletions.take(CODE, NOW)
    assert await deletions.find(CODE) == Deletion(NOW, complete=False), "not all of it is begun"
    purge = shop_keys(SHOP).purge(PurgeId("slow"))
    fields = ("what", "page", "at", NOW * 1000, "by", "facebook", "deleted", 0, "complete", 0, "tag", "")
    await box.connection.command("HSET", purge, *fields)
    await box.connection.command("EXPIRE", purge, 60)
    await deletions.wait_for(CODE, SHOP, receipt("slow"))
    await deletions.wait_for(CODE, SHOP, receipt("quick", complete=True))
    await deletions.wait_for(CODE, SHOP, receipt("long-ago"))
    await deletions.begun(CODE)
    assert await deletions.find(CODE) == Deletion(NOW, complete=False)
    await box.connection.command("HSET", purge, "complete", 1)
    assert await deletions.find(CODE) == Deletion(NOW, complete=True)
    assert sorted(await box.connection.command("HKEYS", deletion_key(CODE))) == [b"at", b"begun"]


async def test_a_repeated_request_keeps_its_time_and_its_expiry_time(box: Box) -> None:
    """Its time and its expiry time stay the same."""
    deletions = Deletions(box.connection, box.purger)
    assert not await deletions.take(CODE, NOW)
    assert not await deletions.take(CODE, NOW + 1000), "what a crash cut short is done again"
    await deletions.begun(CODE)
    await box.connection.command("EXPIRE", deletion_key(CODE), 1000)
    assert await deletions.take(CODE, NOW + 2000)
    assert await deletions.find(CODE) == Deletion(NOW, complete=True)
    assert 0 < await box.connection.command("TTL", deletion_key(CODE)) <= 1000 < DELETION_SECONDS


async def test_an_unknown_or_expired_code_is_not_found(box: Box) -> None:
    """A code is not found before its request and after the expiry time of the request."""
    deletions = Deletions(box.connection, box.purger)
    assert await deletions.find(CODE) is None
    await deletions.take(CODE, NOW)
    assert DELETION_SECONDS - 60 < await box.connection.command("TTL", deletion_key(CODE)) <= DELETION_SECONDS
    await box.connection.command("DEL", deletion_key(CODE))
    assert await deletions.find(CODE) is None


@pytest.mark.parametrize("again", [False, True])
async def test_every_write_of_a_request_sets_its_expiry_time(box: Box, again: bool) -> None:
    """A write by a purge sets the expiry time too, even if it is the first write."""
    deletions = Deletions(box.connection, box.purger)
    if again:
        await deletions.take(CODE, int(time.time() * 1000))
    await deletions.wait_for(CODE, SHOP, receipt("slow"))
    assert await box.connection.command("TTL", deletion_key(CODE)) > 0
    assert (await deletions.find(CODE) is None) is not again
