"""Secrets of shops: they are drawn, opened, cached, and sealed again with another key."""

from base64 import b64encode
from itertools import count
from secrets import token_bytes

import pytest

from cache.errors import Corrupt, Unavailable
from cache.messages import vault as module
from cache.messages.vault import ShopSecrets, Vault
from cache.sealing import Sealer
from domain.ids import ShopId
from domain.secret import Secret

OLD, NEW = (
    Secret(b64encode(key).decode())
    for key in (b"an old key, as it is now thirty2", b"a newer key, and its 32 bytes...")
)
SHOP, OTHER_SHOP = ShopId("sokha"), ShopId("dara")
ID, RECORD = b"id-of-twelve", bytes(20) + b"body"
NUMBERS = count()
"""The random values of all processes in these tests: no two values are equal."""


def process(*keys: Secret) -> ShopSecrets:
    """Returns the secrets of a process with these keys."""

    def draw(size: int) -> bytes:
        return next(NUMBERS).to_bytes(size)

    return ShopSecrets(Sealer(keys, new_nonce=draw), new_bytes=draw)


def opens(one: Vault, other: Vault) -> bool:
    """Returns whether the first secret opens what the second secret has sealed."""
    value = other.seal(ID, RECORD, bytes(8))
    try:
        return one.open(ID, value) == RECORD
    except Corrupt:
        return False


def test_a_process_opens_values_of_a_secret_made_by_another_process() -> None:
    """The other process needs only the key and the sealed secret. Two secrets are never equal, and two ids are
    never equal.
    """
    one, other = process(OLD), process(OLD)
    first, second = one.new(SHOP), one.new(SHOP)
    assert opens(other.vault(SHOP, first), one.vault(SHOP, first))
    assert not opens(other.vault(SHOP, second), one.vault(SHOP, first))
    assert one.vault(SHOP, first).id != one.vault(SHOP, second).id


def test_a_secret_of_one_shop_does_not_open_for_another_shop() -> None:
    """A shop's secret cannot be opened as another shop's secret, even from the other shop's record."""
    secrets = process(OLD)
    with pytest.raises(Unavailable) as caught:
        secrets.vault(OTHER_SHOP, secrets.new(SHOP))
    assert caught.value.reason == "seal_key_missing"


@pytest.mark.parametrize("field", [None, b"", b"-1770000000000000"])
def test_an_invalid_secret_is_corrupt(field: bytes | None) -> None:
    """The values are damaged, or another program has written them."""
    with pytest.raises(Corrupt):
        process(OLD).vault(SHOP, field)


def test_a_secret_sealed_by_a_key_we_do_not_have_is_refused() -> None:
    """A replica with wrong keys must not make a shop's messages unreadable."""
    secret, lacking = process(OLD).new(SHOP), process(NEW)
    for ask in (lacking.vault, lacking.with_first_key):
        with pytest.raises(Unavailable) as caught:
            ask(SHOP, secret)
        assert caught.value.reason == "seal_key_missing"


def test_a_secret_is_sealed_again_with_the_first_key_and_keeps_its_id() -> None:
    """The secret stays the same, so the old and the new key both open what it has sealed."""
    old, both, new = process(OLD), process(NEW, OLD), process(NEW)
    secret = old.new(SHOP)
    resealed = both.with_first_key(SHOP, secret)
    assert resealed != secret
    assert both.vault(SHOP, resealed).id == both.vault(SHOP, secret).id
    assert both.with_first_key(SHOP, resealed) == resealed
    assert opens(new.vault(SHOP, resealed), old.vault(SHOP, secret))
    assert process(OLD, NEW).with_first_key(SHOP, resealed) == secret, "a replica of the old order loses nothing"


def test_the_number_of_cached_secrets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache removes the secrets that were not used for the longest time. For each shop it keeps only the last
    secret."""
    monkeypatch.setattr(module, "REMEMBERED", 2)
    secrets = process(OLD)
    first, second, busy = secrets.new(OTHER_SHOP), secrets.new(OTHER_SHOP), secrets.new(SHOP)
    opened = secrets.vault(SHOP, busy)
    before = secrets.vault(OTHER_SHOP, first)
    secrets.vault(OTHER_SHOP, second)
    assert secrets.vault(OTHER_SHOP, first) is not before
    assert secrets.vault(SHOP, busy) is opened
    for number in range(3):
        shop = ShopId(f"shop-{number}")
        secrets.vault(shop, secrets.new(shop))
        assert secrets.vault(SHOP, busy) is opened


def test_random_bytes_for_records_have_one_length_and_differ() -> None:
    """Each drawn value is a part of its cipher's nonce."""
    secrets = ShopSecrets(Sealer([OLD], new_nonce=token_bytes), new_bytes=token_bytes)
    drawn = [one for count_ in (0, 1, 5) for one in secrets.draw(count_)]
    assert {len(one) for one in drawn} == {8}
    assert len(set(drawn)) == 6
