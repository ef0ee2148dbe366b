"""The keys of the store: all keys of a shop are in one slot, two shops share no key, and ids do not change between
versions.
"""

import re

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from cache import keys as module
from cache.keys import PERMANENT, ShopKeys, page_key, page_of_key, shop_keys, shop_of_key
from domain.ids import ConversationId, MessageId, PageId, PurgeId, ShopId

SHOP, PAGE = ShopId("sokha"), PageId("104200000000001")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
AWKWARD = st.sampled_from(["a", "a}", "{a}", "a}{b", "}", "{}", "a:b", "a%7D", "ហាង", "*", " "])


def every_key(shop: str) -> list[bytes]:
    keys = ShopKeys(ShopId(shop))
    return [
        keys.registry,
        keys.shop_index,
        keys.conversations,
        keys.waiting_edits,
        keys.blocked,
        keys.changes,
        keys.audit,
        keys.audit_reads,
        keys.receipts,
        keys.message(keys.message_id(PAGE, MessageId("m_1"))),
        keys.conversation_index(keys.conversation_tag(ConversationId(f"{PAGE}_7"))),
        keys.staff_mark(keys.conversation_tag(ConversationId(f"{PAGE}_7"))),
        keys.purge(PurgeId("p-1")),
        keys.budget(PAGE),
        keys.heal(PAGE),
        keys.heal_visited(PAGE),
        keys.ticket(b"hash"),
        keys.tickets,
    ]


WATCH = [
    *(module.WATCH_DUE, module.WATCH_STATUS, module.WATCH_COUNTS, module.WATCH_GRANTED),
    *(module.WATCH_BEAT, module.WATCH_OUTAGE, module.WATCH_SPREAD, module.WATCH_EXPIRING),
    module.WATCH_UNHEALED,
]
OTHERS = [module.PURGES, module.SWEEPER_LOCK, module.KEPT, module.APP_HOLD, *WATCH]
"""Keys that belong to no shop."""


@given(NAMES | AWKWARD)
def test_all_keys_of_a_shop_lie_in_one_slot(shop: str) -> None:
    """The name of the shop may be any text. One script call uses several of these keys, so they need one slot."""
    slots = {key_slot(key) for key in every_key(shop)}
    assert slots == {key_slot(ShopKeys(ShopId(shop)).hash_tag)}


@given(NAMES | AWKWARD, NAMES | AWKWARD)
def test_two_shops_share_no_key(one: str, other: str) -> None:
    """The name of one shop may look like a part of another shop's keys."""
    if one != other:
        assert not set(every_key(one)) & set(every_key(other))


def test_the_same_message_has_different_ids_in_two_shops() -> None:
    """The id is keyed by the shop, so the same message has two ids at two shops."""
    one, other = ShopKeys(SHOP), ShopKeys(ShopId("dara"))
    assert one.message_id(PAGE, MessageId("m_1")) != other.message_id(PAGE, MessageId("m_1"))
    assert one.page_tag(PAGE) != other.page_tag(PAGE)
    conversation = ConversationId(f"{PAGE}_7")
    assert one.conversation_tag(conversation) != other.conversation_tag(conversation)


def test_no_content_key_shows_a_facebook_id() -> None:
    """Message ids and customers' ids are hashed."""
    keys = ShopKeys(SHOP)
    shown = keys.message(keys.message_id(PAGE, MessageId("m_private")))
    shown += keys.conversation_index(keys.conversation_tag(ConversationId(f"{PAGE}_7000000000000001")))
    assert b"private" not in shown
    shown += keys.budget(PAGE)
    assert b"7000000000000001" not in shown
    assert PAGE.encode() not in shown


def test_the_ids_do_not_change_between_versions() -> None:
    """A later version must find the messages that are stored today. The ids in this test were made once with
    Python's own BLAKE2b.
    """
    keys = ShopKeys(SHOP)
    assert keys.hash_tag == b"{sokha}"
    assert keys.message_id(PAGE, MessageId("m_1")).hex() == "52eb0d769db2462d14bdc161"
    assert keys.page_tag(PAGE).hex() == "fd50f2504bc4"
    assert keys.conversation_tag(ConversationId(f"{PAGE}_7")).hex() == "35e2a21fa8595b4f"
    assert ShopKeys(ShopId("a}{b")).hash_tag == b"{a%7D%7Bb}"


def test_no_key_has_a_nul_byte() -> None:
    """`redis-cli --cluster import` cuts a key at a NUL byte and loses it. One hash in twenty has such a byte."""
    keys = ShopKeys(SHOP)
    made = [keys.message(keys.message_id(PAGE, MessageId(f"m_{n}"))) for n in range(300)]
    made += [keys.message(keys.tap_id(ConversationId("c"), "title", n)) for n in range(300)]
    made += [keys.conversation_index(keys.conversation_tag(ConversationId(f"{PAGE}_{n}"))) for n in range(300)]
    made += [keys.budget(PageId(str(n))) for n in range(300)]
    made += [keys.ticket(bytes([n, 0, 255])) for n in range(255)]
    assert [key for key in made if b"\0" in key] == []


def test_the_prefix_of_a_message_id_does_not_count() -> None:
    """Standby copies have no prefix."""
    keys = ShopKeys(SHOP)
    assert keys.message_id(PAGE, MessageId("m_1")) == keys.message_id(PAGE, MessageId("1"))
    assert keys.message_id(PAGE, MessageId("m_1")) != keys.message_id(PAGE, MessageId("m_2"))
    assert keys.message_id(PAGE, MessageId("m_1")) != keys.message_id(PageId("2"), MessageId("m_1"))


def test_ids_and_tags_have_the_lengths_that_the_scripts_expect() -> None:
    """`put.lua` cuts them out of the value by position."""
    keys = ShopKeys(SHOP)
    assert len(keys.message_id(PAGE, MessageId("m_1"))) == module.ID_BYTES == 12
    assert len(keys.page_tag(PAGE)) == module.PAGE_TAG_BYTES == 6
    assert len(keys.conversation_tag(ConversationId("c"))) == module.CONVERSATION_TAG_BYTES == 8


def test_page_tags_are_remembered_up_to_a_bound() -> None:
    """The cache is bounded, because a stranger's request may name any number of Pages. A tag is the same whether or
    not it is cached.
    """
    keys, fresh = ShopKeys(SHOP), ShopKeys(SHOP)
    pages = [PageId(str(number)) for number in range(3 * module.PAGE_TAGS_REMEMBERED)]
    tags = [keys.page_tag(page) for page in pages]
    assert len(set(tags)) == len(pages)
    assert [keys.page_tag(page) for page in pages] == tags
    assert fresh.page_tag(pages[-1]) == tags[-1]
    cached = [keys.page_tag(page) is tag for page, tag in zip(pages, tags, strict=True)]
    assert sum(cached) == module.PAGE_TAGS_REMEMBERED


def test_stored_data_has_the_promised_retention_times() -> None:
    """The test counts in days: messages, receipts, the audit log, a person's deletion request."""
    seconds = (module.MAX_TTL_SECONDS, module.RECEIPT_SECONDS, module.AUDIT_SECONDS, module.DELETION_SECONDS)
    assert [life / 86_400 for life in seconds] == [5, 30, 90, 90]


def test_only_registry_keys_and_block_keys_are_permanent() -> None:
    """The permanent keys are: the shop of each Page, the record of a shop, and objections."""
    assert page_key(PAGE).startswith(PERMANENT)
    permanent = [key for key in every_key("sokha") if key.startswith(PERMANENT)]
    assert permanent == [ShopKeys(SHOP).registry, ShopKeys(SHOP).blocked]
    assert not any(key.startswith(PERMANENT) for key in OTHERS)


def test_the_marks_are_permanent_and_spread_over_all_slots() -> None:
    """Each 64th of the slots has one mark, in order."""
    assert [key_slot(key) // 256 for key in module.mark_keys(clustered=True)] == list(range(module.MARKS))
    assert all(key.startswith(PERMANENT) for key in module.mark_keys(clustered=True))


def test_the_keys_of_the_watch_lie_in_one_slot() -> None:
    """One script call uses several of these keys."""
    assert len({key_slot(key) for key in WATCH}) == 1


def test_the_table_of_the_module_lists_every_family_of_keys() -> None:
    """People read this table, and `make docs` copies it into the reference."""
    assert module.__doc__ is not None
    listed = {
        row.group(1)
        for row in re.finditer(r"^    (\S+?)(?:\{.*?)? +(?:string|hash|zset|stream) ", module.__doc__, re.MULTILINE)
    }
    made = {key.partition(b"{")[0].decode() for key in every_key("sokha")}
    made |= {key.decode() for key in OTHERS} | {
        "page:",
        "mark:",
        "probe:",
        "beat:",
        "w:",
        "u:",
        module.deletion_key("<code>").decode(),
    }
    assert made == listed


def test_the_keys_of_a_busy_shop_are_made_once() -> None:
    """Without the cache, every message would need the hash of its shop's name."""
    assert shop_keys(SHOP) is shop_keys(SHOP)


@given(shop=NAMES | AWKWARD)
def test_the_shop_can_be_read_from_the_key_of_its_record(shop: str) -> None:
    """A walk over keys can therefore find every shop. No other key of the shop matches."""
    keys = ShopKeys(ShopId(shop))
    assert [shop_of_key(key) for key in every_key(shop)] == [shop, *[None] * (len(every_key(shop)) - 1)]
    assert shop_of_key(keys.registry) == shop
    assert shop_of_key(page_key(PageId(shop))) is None


@given(page=NAMES | AWKWARD)
def test_the_page_can_be_read_from_its_key(page: str) -> None:
    """A walk over keys can therefore find every Page. For a key of another kind there is no Page."""
    assert page_of_key(page_key(PageId(page))) == page
    assert [key for key in every_key(page) if page_of_key(key) is not None] == []
