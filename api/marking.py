"""The staff's marks of conversations, and the shop's list of labels."""

from collections.abc import Sequence
from typing import Protocol

from starlette.responses import Response

from api.answers import marked_answer
from api.bodies import LabelList, MarkChange
from api.call import AuthorizedCall, answer
from api.models import LabelsModel
from api.params import InvalidRequest
from domain.ids import ConversationId, ShopId
from domain.kept import StaffMark


class MarkStore(Protocol):
    """Keeps marks."""

    async def put(
        self, shop: ShopId, conversation: ConversationId, /, *, done: bool, unread: bool, labels: Sequence[str]
    ) -> StaffMark:
        """Replace the mark of a conversation. Raises kind not_found if nothing of the conversation is kept."""
        ...


class LabelStore(Protocol):
    """Keeps each shop's list of labels."""

    async def read(self, shop: ShopId, /) -> tuple[str, ...]:
        """Returns the list."""
        ...

    async def replace(self, shop: ShopId, labels: Sequence[str], /) -> None:
        """Replace the list."""
        ...


class Marking:
    """The handlers."""

    def __init__(self, marks: MarkStore, labels: LabelStore) -> None:
        self._marks = marks
        self._labels = labels

    async def put(self, call: AuthorizedCall) -> Response:
        """PUT conversations/{id}/mark: the whole mark."""
        sent = call.body_as(MarkChange)
        if sent.labels and not {*sent.labels} <= {*await self._labels.read(call.shop)}:
            raise InvalidRequest("invalid_field", "labels: each must be in the shop's list, `GET labels`.")
        mark = await self._marks.put(
            call.shop, ConversationId(call.ids["id"]), done=sent.done, unread=sent.unread, labels=sent.labels
        )
        return answer(marked_answer(mark))

    async def labels(self, call: AuthorizedCall) -> Response:
        """GET labels"""
        return answer(LabelsModel(labels=[*await self._labels.read(call.shop)]))

    async def replace_labels(self, call: AuthorizedCall) -> Response:
        """PUT labels: the whole list."""
        labels = call.body_as(LabelList).labels
        await self._labels.replace(call.shop, labels)
        return answer(LabelsModel(labels=labels))
