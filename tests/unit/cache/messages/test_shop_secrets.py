"""Which secret a shop has: drawn, learned, sealed anew, forgotten."""

from base64 import b64encode
from itertools import count
from secrets import token_bytes

import pytest

from cache.errors import Corrupt, Unavailable
from cache.messages import shop_secrets as module
from cache.messages.shop_secrets import ShopSecrets
from cache.messages.vault import Vault
from cache.sealing import Sealer
from domain.ids import ShopId
from domain.secret import Secret

OLD, NEW = (
    Secret(b64encode(key).decode())
    for key in (b"an old key, as it is now thirty2", b"a newer key, and its 32 bytes...")
)
SHOP, OTHER_SHOP = ShopId("sokha"), ShopId("dara")
ID, RECORD = b"id-of-twelve", bytes(20) + b"body"
ERASED = b"-1770000000000000"
NUMBERS = count()
"""What is drawn: no two alike, in whatever process."""


class Process:
    """One process' view, with a clock that is moved by hand."""

    def __init__(self, *keys: Secret) -> None:
        self.now = 0.0

        def draw(size: int) -> bytes:
            return next(NUMBERS).to_bytes(size)

        self.secrets = ShopSecrets(Sealer(keys, new_nonce=draw), new_bytes=draw, clock=lambda: self.now)


def opens(one: Vault, other: Vault) -> bool:
    """Whether the one opens what the other has sealed."""
    value = other.seal(ID, RECORD, bytes(8))
    try:
        return one.open(ID, value) == RECORD
    except Corrupt:
        return False


@pytest.fixture
def process() -> Process:
    """One with one key."""
    return Process(OLD)


def test_a_shop_nobody_knows_gets_a_fresh_secret_and_keeps_it(process: Process) -> None:
    """Proposed for a record in which none stands."""
    drawn = process.secrets.for_writing(SHOP)
    assert drawn.seen == b""
    assert process.secrets.for_writing(SHOP) == drawn
    process.secrets.settled(SHOP, drawn)
    known = process.secrets.for_writing(SHOP)
    assert (known.seen, known.field, known.vault) == (drawn.field, drawn.field, drawn.vault)


def test_each_shop_has_its_own(process: Process) -> None:
    """One shop's messages never open as another's, not even with the field moved over."""
    one, other = process.secrets.for_writing(SHOP), process.secrets.for_writing(OTHER_SHOP)
    assert not opens(one.vault, other.vault)
    with pytest.raises(Unavailable) as caught:
        process.secrets.to_read(OTHER_SHOP, one.field)
    assert caught.value.reason == "seal_key_missing"


def test_what_another_process_has_drawn_is_learned() -> None:
    """From the field alone, for writing and for reading."""
    first, second, third = Process(OLD), Process(OLD), Process(OLD)
    drawn = first.secrets.for_writing(SHOP)
    second.secrets.for_writing(SHOP)
    learned = second.secrets.learn(SHOP, drawn.field)
    assert (learned.seen, learned.field) == (drawn.field, drawn.field)
    assert second.secrets.for_writing(SHOP) == learned
    assert opens(learned.vault, drawn.vault)
    assert opens(third.secrets.to_read(SHOP, drawn.field), drawn.vault)


def test_an_erased_secret_is_replaced_by_a_fresh_one(process: Process) -> None:
    """Which is proposed for that very erasure, and no later one."""
    before = process.secrets.for_writing(SHOP)
    after = process.secrets.learn(SHOP, ERASED)
    assert after.seen == ERASED
    assert process.secrets.learn(SHOP, ERASED) == after, "as every write says that met the erasure"
    assert not opens(after.vault, before.vault)
    assert process.secrets.for_writing(SHOP) == after


@pytest.mark.parametrize("field", [None, b"", ERASED])
def test_without_a_secret_nothing_opens(process: Process, field: bytes | None) -> None:
    """Whatever lies there is damaged, or left by something that is not ours."""
    with pytest.raises(Corrupt):
        process.secrets.to_read(SHOP, field)


def test_a_secret_sealed_by_a_key_we_do_not_have_is_not_replaced() -> None:
    """A replica with wrong keys must not make a shop's messages unreadable."""
    field = Process(OLD).secrets.for_writing(SHOP).field
    lacking = Process(NEW)
    for ask in (lacking.secrets.learn, lacking.secrets.to_read):
        with pytest.raises(Unavailable) as caught:
            ask(SHOP, field)
        assert caught.value.reason == "seal_key_missing"


def test_a_secret_is_sealed_anew_with_the_first_key_at_the_next_write() -> None:
    """The same secret: what it has sealed stays readable, by those with the old key too."""
    old, both, new = Process(OLD), Process(NEW, OLD), Process(NEW)
    drawn = old.secrets.for_writing(SHOP)
    both.secrets.learn(SHOP, drawn.field)
    proposed = both.secrets.for_writing(SHOP)
    assert proposed.seen == drawn.field != proposed.field
    assert opens(proposed.vault, drawn.vault)
    assert opens(new.secrets.to_read(SHOP, proposed.field), drawn.vault)
    assert both.secrets.for_writing(SHOP) == proposed, "until it is known whether it was taken"
    both.secrets.settled(SHOP, proposed)
    assert both.secrets.for_writing(SHOP).seen == proposed.field


def test_replicas_with_keys_in_two_orders_do_not_undo_each_others_work_at_every_write() -> None:
    """Once a minute each, for as long as one of them is still to be replaced."""
    one, other = Process(OLD, NEW), Process(NEW, OLD)
    field = one.secrets.for_writing(SHOP).field
    other.secrets.learn(SHOP, field)
    there = other.secrets.for_writing(SHOP)
    other.secrets.settled(SHOP, there)
    one.secrets.learn(SHOP, there.field)
    back = one.secrets.for_writing(SHOP)
    assert back.field != there.field
    other.secrets.learn(SHOP, back.field)
    assert other.secrets.for_writing(SHOP).field == back.field
    other.now = module.RESEAL_SECONDS
    assert other.secrets.for_writing(SHOP).field != back.field


def test_few_shops_are_remembered_and_the_others_learned_again(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those go first that were not written or read for longest."""
    monkeypatch.setattr(module, "REMEMBERED", 2)
    first = process.secrets.for_writing(SHOP)
    process.secrets.settled(SHOP, first)
    for number in range(3):
        process.secrets.for_writing(ShopId(f"shop-{number}"))
        process.secrets.to_read(SHOP, first.field)
        process.secrets.for_writing(SHOP)
    assert process.secrets.for_writing(SHOP).vault is first.vault
    assert process.secrets.for_writing(ShopId("shop-0")).seen == b""
    assert len(process.secrets._known) == 2


def test_what_is_drawn_for_records_is_of_one_length_and_no_two_alike() -> None:
    """Each is a part of its cipher's nonce."""
    secrets = ShopSecrets(Sealer([OLD], new_nonce=token_bytes), new_bytes=token_bytes, clock=lambda: 0.0)
    drawn = [one for count_ in (0, 1, 5) for one in secrets.draw(count_)]
    assert {len(one) for one in drawn} == {8}
    assert len(set(drawn)) == 6
