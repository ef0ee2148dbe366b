"""What people write."""

import random
import re

import pytest

from simulator import texts

TO_LATIN = str.maketrans("០១២៣៤៥៦៧៨៩", "0123456789")


def lines(count: int = 600) -> list[str]:
    rng = random.Random(1)
    return [draw(rng, turn) for turn in range(count) for draw in (texts.customer_line, texts.shop_line)]


@pytest.mark.parametrize("seed", range(3))
def test_every_telephone_number_has_the_digits_of_a_cambodian_mobile(seed: int) -> None:
    """Nine or ten digits with the leading zero, whatever the spelling."""
    rng = random.Random(seed)
    for _ in range(300):
        digits = re.sub(r"[ -]", "", texts.phone(rng).translate(TO_LATIN))
        assert re.fullmatch(r"(0|\+855)\d{8,9}", digits), digits


def test_telephone_numbers_come_in_latin_and_in_khmer_digits() -> None:
    """Both, often."""
    rng = random.Random(2)
    spelled = [texts.phone(rng) for _ in range(100)]
    khmer = sum(number != number.translate(TO_LATIN) for number in spelled)
    assert 10 < khmer < 60
    assert any(number.translate(TO_LATIN).startswith("+855") for number in spelled)


def test_people_write_khmer_english_and_both_at_once() -> None:
    """In one conversation."""
    khmer = [bool(re.search(r"[\u1780-\u17ff]", line)) for line in lines()]
    latin = [bool(re.search(r"[A-Za-z]{2}", line)) for line in lines()]
    pairs = set(zip(khmer, latin, strict=True))
    assert {(True, False), (False, True), (True, True)} <= pairs


def test_no_placeholder_is_left_over() -> None:
    """Every field of every template is filled."""
    rng = random.Random(3)
    written = [*lines(), *(texts.comment(rng) for _ in range(50)), *(texts.corrected("a", rng) for _ in range(50))]
    assert not [line for line in written if "{" in line or "}" in line]


def test_prices_orders_and_zero_width_spaces_occur() -> None:
    """What an order composer has to cope with."""
    everything = "\n".join(lines())
    assert {"$", "៛", "#KH-", "HD", "\u200b"} <= {
        sign for sign in ("$", "៛", "#KH-", "HD", "\u200b") if sign in everything
    }
    assert max(len(line) for line in lines()) > 700


def test_an_edited_text_differs_from_the_one_before() -> None:
    """Or the edit could not be seen."""
    rng = random.Random(4)
    assert all(texts.corrected("បាទ", rng) != "បាទ" for _ in range(50))
