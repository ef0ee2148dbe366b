"""Pure: computes the messages that a receiver must have, from the deliveries that it answered with 200. The order of
arrival does not matter. A message exists once, the edit with the highest number gives its text, and an unsend erases it
even if the unsend came first.
"""

import dataclasses
from collections.abc import Iterable

from domain.ids import MessageId, PageId
from domain.message import Edit, Unsend
from simulator.happening import Effect, ExpectedMessage

_Key = tuple[PageId, MessageId]


class Ledger:
    """Records what was sent and what was acknowledged. Call `readable` at the end."""

    def __init__(self) -> None:
        self._kept: dict[_Key, ExpectedMessage] = {}
        self._edits: dict[_Key, Edit] = {}
        self._unsent: set[_Key] = set()
        self._in_doubt: set[Edit | Unsend] = set()

    def sending(self, effects: Iterable[Effect]) -> None:
        """Record that a delivery is sent. Until it is acknowledged, its changes may or may not be applied."""
        self._in_doubt.update(
            effect for effect in effects if not isinstance(effect, ExpectedMessage) and not self._knows(effect)
        )

    def acknowledged(self, effects: Iterable[Effect]) -> None:
        """Record that a delivery was answered with 200."""
        for effect in effects:
            if isinstance(effect, ExpectedMessage):
                self._kept[effect.page, effect.mid] = effect
                continue
            self._in_doubt.discard(effect)
            key = (effect.page, effect.id)
            if isinstance(effect, Unsend):
                self._unsent.add(key)
            elif key not in self._edits or effect.number > self._edits[key].number:
                self._edits[key] = effect

    def readable(self) -> list[ExpectedMessage]:
        """Returns the messages that were acknowledged and not unsent, with their last texts. A message is left out if a
        change to it was sent but never acknowledged, because its state is unknown.
        """
        doubtful = {(effect.page, effect.id) for effect in self._in_doubt}
        return [
            dataclasses.replace(kept, text=self._edits[key].text) if key in self._edits else kept
            for key, kept in self._kept.items()
            if key not in self._unsent and key not in doubtful
        ]

    def _knows(self, effect: Edit | Unsend) -> bool:
        key = (effect.page, effect.id)
        if isinstance(effect, Unsend):
            return key in self._unsent
        return key in self._edits and self._edits[key].number >= effect.number
