"""Writes the events of a stream as bytes. The viewers of a shop get the same bytes."""

from collections.abc import Callable
from typing import Final

from api import sse
from api.answers import event_json, json_of
from api.models import EndModel, GapModel, ReadyModel
from api.phones import in_message
from domain.ids import ShopId
from domain.kept import KeptMessage
from domain.moment import rfc3339
from domain.stream import Gap, SentEnd, StreamEvent

RETRY_MS: Final = 2_000
"""Milliseconds that a browser waits before it connects again."""


class StreamEvents:
    """`event_id` returns the id that viewers get for a position. `now` is Unix seconds."""

    def __init__(self, event_id: Callable[[ShopId, int], str], now: Callable[[], float]) -> None:
        self._event_id = event_id
        self._now = now

    def of(self, shop: ShopId, event: StreamEvent) -> bytes:
        """Returns a stored or live event."""
        numbers = in_message(event.content.content) if isinstance(event.content, KeptMessage) else ()
        id_ = None if event.position is None else self._event_id(shop, event.position)
        return sse.encode(event.name, event_json(event, numbers), id_)

    def gap(self, shop: ShopId, gap: Gap, position: int) -> bytes:
        """Returns the event `gap`: events were lost, and the stream begins at this position."""
        return sse.encode("gap", json_of(GapModel(reason=gap)), self._event_id(shop, position))

    def ready(self, shop: ShopId, position: int) -> bytes:
        """Returns the event `ready`: everything up to this position is sent, and later events come as they happen."""
        data = json_of(ReadyModel(at=rfc3339(round(self._now() * 1000))))
        return sse.encode("ready", data, self._event_id(shop, position), RETRY_MS)

    def end(self, why: SentEnd) -> bytes:
        """Returns the event `end`, the last one of a stream."""
        return sse.encode("end", json_of(EndModel(reason=why)))
