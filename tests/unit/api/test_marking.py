"""Staff's marks of conversations, and the shop's list of labels."""

from typing import Any

import pytest

from api.models import LabelsModel, MarkedModel
from tests.unit.api.fakes import PAGE, SHOP, Setup

CONVERSATION = f"{PAGE}_7"
MARK = f"{SHOP}/conversations/{CONVERSATION}/mark"
LABELS = f"{SHOP}/labels"


def test_a_conversation_is_marked_with_labels_of_the_shop(setup: Setup) -> None:
    """Values that the body leaves out are false or empty."""
    assert setup.client.get(LABELS).json() == {"labels": []}
    LabelsModel.model_validate_json(setup.client.put(LABELS, json={"labels": ["VIP", "paid"]}).content)
    assert setup.client.get(LABELS).json() == {"labels": ["VIP", "paid"]}
    answer = setup.client.put(MARK, json={"done": True, "labels": ["paid"]})
    MarkedModel.model_validate_json(answer.content)
    mark = {"done": True, "unread": False, "labels": ["paid"], "marked_at": "2026-02-02T02:40:00.000Z"}
    assert answer.json() == {"conversation_id": CONVERSATION, "page_id": PAGE, "mark": mark}
    assert setup.store.asked == ("put", "demo", CONVERSATION, True, False, ["paid"])
    assert setup.client.put(MARK, json={}).json()["mark"] == mark | {"done": False, "labels": []}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (MARK, {"labels": ["unknown"]}),
        (MARK, {"labels": ["VIP", "VIP"]}),
        (MARK, {"labels": ["1", "2", "3", "4", "5", "6"]}),
        (MARK, {"labels": None}),
        (MARK, {"done": 1}),
        (MARK, {"unread": None}),
        (LABELS, {}),
        (LABELS, {"labels": [" "]}),
        (LABELS, {"labels": [""]}),
        (LABELS, {"labels": ["line\nbreak"]}),
        (LABELS, {"labels": ["x" * 41]}),
        (LABELS, {"labels": ["a", "a"]}),
        (LABELS, {"labels": [str(number) for number in range(21)]}),
    ],
)
def test_a_mark_or_list_of_another_shape_is_refused(setup: Setup, path: str, body: dict[str, Any]) -> None:
    """The service stores nothing from such a body."""
    setup.client.put(LABELS, json={"labels": ["VIP", *"123456"]})
    answer = setup.client.put(path, json=body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_field")
    assert setup.store.asked[0] != "put"
    assert setup.store.labels == ("VIP", *"123456")
