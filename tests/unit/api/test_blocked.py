"""Blocking a conversation, and deleting by a customer's id."""

from api.models import BlockedModel
from tests.unit.api.fakes import SHOP, Setup

MOMENT = "2026-02-02T02:40:00.000Z"
CONVERSATION = "104200000000001_7"
AT = f"{SHOP}/conversations/{CONVERSATION}/blocked"


def test_a_block_deletes_the_messages_of_the_conversation(setup: Setup) -> None:
    """The block comes first, so that no message is stored after the deletion."""
    answer = setup.client.put(AT)
    BlockedModel.model_validate_json(answer.content)
    told = answer.json()
    assert told.pop("purge")["what"] == "conversation"
    assert told == {"conversation_id": CONVERSATION, "blocked": True, "since": MOMENT}
    assert setup.store.asked == ("conversation", "demo", CONVERSATION, "dara")
    assert setup.client.get(AT).json() == told


def test_a_block_may_keep_the_stored_messages(setup: Setup) -> None:
    """A shop keeps the messages if the customer wants the shop to keep them."""
    answer = setup.client.put(AT, params={"keep_messages": "true"})
    BlockedModel.model_validate_json(answer.content)
    assert answer.json() == {"conversation_id": CONVERSATION, "blocked": True, "since": MOMENT}
    assert setup.store.asked == ("block", "demo", CONVERSATION)


def test_a_block_with_an_invalid_parameter_is_refused_before_any_change(setup: Setup) -> None:
    """A misspelled `keep_messages` must not delete the messages that the caller wants to keep."""
    for query in ("?keep_message=true", "?keep_messages=1"):
        assert setup.client.put(AT + query).status_code == 400
    assert setup.store.asked == ()
