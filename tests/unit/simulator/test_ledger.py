"""The messages that must be readable, for any order of arrival."""

import dataclasses
import itertools

import pytest

from domain.ids import MessageId, PageId, Psid
from domain.message import Edit, Unsend
from simulator.happening import Effect, ExpectedMessage
from simulator.ledger import Ledger

PAGE, MID, PSID = PageId("1"), MessageId("m_1"), Psid("7")
KEPT = ExpectedMessage(PAGE, MID, PSID, "in", "message", 1, "one")
FIRST, SECOND = (Edit(MID, PAGE, PSID, number, f"edit {number}", number) for number in (1, 2))
UNSEND = Unsend(MID, PAGE, 9)


def ledger(acknowledged: tuple[Effect, ...], lost: tuple[Effect, ...] = ()) -> Ledger:
    book = Ledger()
    for effect in acknowledged:
        book.sending([effect])
        book.acknowledged([effect])
    book.sending(lost)
    return book


@pytest.mark.parametrize("order", list(itertools.permutations((KEPT, FIRST, SECOND, KEPT))))
def test_the_last_edit_gives_the_text_in_every_order(order: tuple[Effect, ...]) -> None:
    """A message that arrives twice is in the ledger once."""
    assert ledger(order).readable() == [dataclasses.replace(KEPT, text="edit 2")]


@pytest.mark.parametrize("order", list(itertools.permutations((KEPT, FIRST, UNSEND))))
def test_an_unsent_message_is_gone_in_every_order(order: tuple[Effect, ...]) -> None:
    """The unsend may also arrive before the message."""
    assert ledger(order).readable() == []


@pytest.mark.parametrize("lost", [SECOND, UNSEND])
def test_a_message_with_an_unacknowledged_change_is_left_out(lost: Effect) -> None:
    """The test cannot know whether the service has applied the change."""
    assert ledger((KEPT, FIRST), lost=(lost,)).readable() == []


@pytest.mark.parametrize("repeated", [FIRST, SECOND])
def test_an_unacknowledged_repetition_of_a_known_change_does_not_matter(repeated: Effect) -> None:
    """The repetition would change nothing."""
    assert ledger((KEPT, FIRST, SECOND), lost=(repeated,)).readable() == [dataclasses.replace(KEPT, text="edit 2")]


def test_a_message_never_acknowledged_is_not_expected() -> None:
    """The test cannot know whether the service has stored the message."""
    assert ledger((), lost=(KEPT,)).readable() == []


def test_the_same_id_at_two_pages_is_two_messages() -> None:
    """Ids are compared together with their Page."""
    other = dataclasses.replace(KEPT, page=PageId("2"))
    assert ledger((KEPT, other, Unsend(MID, PageId("2"), 9))).readable() == [KEPT]
