"""Reading and purging, with a store that records its calls."""

from typing import Any
from urllib.parse import quote

import pytest

from api.models import ConversationsModel, MessageModel, MessagesModel, ReceiptModel
from domain.query import MessageQuery
from tests.unit.api.fakes import CONVERSATION, MESSAGE, SHOP, Setup


def test_messages_come_as_the_store_gives_them_with_a_cursor(setup: Setup) -> None:
    """The messages are joined as bytes and not parsed again."""
    answer = setup.client.get(f"{SHOP}/messages?limit=2&direction=in")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"messages": [MESSAGE, MESSAGE], "next_cursor": "c1"}
    MessagesModel.model_validate_json(answer.content)
    assert setup.store.asked == ("messages", "demo", MessageQuery(limit=2, direction="in"))


@pytest.mark.parametrize("id_", ["m_1", "mid.$cAAB:1.-_"])
def test_one_message_is_found_by_any_form_of_id(setup: Setup, id_: str) -> None:
    """The id may be percent-encoded or not."""
    for written in (id_, quote(id_, safe="")):
        answer = setup.client.get(f"{SHOP}/messages/{written}")
        assert answer.json() == MESSAGE
        assert setup.store.asked == ("message", "demo", id_)
        MessageModel.model_validate_json(answer.content)


def test_a_message_that_is_not_there_is_a_404(setup: Setup) -> None:
    """The problem has the store's own reason."""
    answer = setup.client.get(f"{SHOP}/messages/m_2")
    assert (answer.status_code, answer.json()["reason"]) == (404, "message_not_found")


def test_conversations_come_with_their_last_message(setup: Setup) -> None:
    """The cursor is null at the end of the list."""
    answer = setup.client.get(f"{SHOP}/conversations?limit=7&cursor=c&page=1")
    assert answer.json() == {"conversations": [CONVERSATION], "next_cursor": None}
    ConversationsModel.model_validate_json(answer.content)
    assert setup.store.asked == ("conversations", "demo", 7, "c", "1")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("messages", ("shop", "demo", "dara")),
        ("messages/m_1", ("message", "demo", "m_1", "dara")),
        ("conversations/1_2", ("conversation", "demo", "1_2", "dara")),
        ("pages/1", ("page", "demo", "1", "dara")),
    ],
)
def test_a_purge_answers_its_receipt(setup: Setup, path: str, asked: tuple[Any, ...]) -> None:
    """The receipt names the token's subject."""
    answer = setup.client.delete(f"{SHOP}/{path}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "purge_id": "p-1",
        "what": asked[0],
        "requested_at": "2026-02-02T02:40:00.005Z",
        "requested_by": "dara",
        "status": "running" if asked[0] == "shop" else "complete",
        "messages_deleted": 3,
    }
    ReceiptModel.model_validate_json(answer.content)
    assert setup.store.asked == asked


def test_a_purge_with_a_filter_is_refused_and_purges_nothing(setup: Setup) -> None:
    """A caller who wants to delete one conversation must not delete all."""
    answer = setup.client.delete(f"{SHOP}/messages?conversation=1_2")
    assert (answer.status_code, answer.json()["reason"]) == (400, "unknown_parameter")
    assert setup.store.asked == ()


def test_a_receipt_can_be_read_again(setup: Setup) -> None:
    """The receipt is found by its id."""
    assert setup.client.get(f"{SHOP}/purges/p-1").json()["purge_id"] == "p-1"
    assert setup.store.asked == ("shop", "demo", "p-1")
