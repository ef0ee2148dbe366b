"""Pure: what a receiver must be able to show, given which deliveries it has answered 200.

It follows the same rules as a receiver should, whatever the order of arrival: a message is there once, the edit with
the highest number gives its text, an unsend erases it even when it came first.
"""

import dataclasses
from collections.abc import Iterable

from domain.ids import MessageId, PageId
from domain.message import Edit, Unsend
from simulator.happening import Effect, ExpectedMessage

_Key = tuple[PageId, MessageId]


class Ledger:
    """Write down what is sent and what is acknowledged; ask `readable` at the end."""

    def __init__(self) -> None:
        self._kept: dict[_Key, ExpectedMessage] = {}
        self._edits: dict[_Key, Edit] = {}
        self._unsent: set[_Key] = set()
        self._in_doubt: set[Edit | Unsend] = set()

    def sending(self, effects: Iterable[Effect]) -> None:
        """On the way: until it is acknowledged, a change may have been applied or not."""
        self._in_doubt.update(
            effect for effect in effects if not isinstance(effect, ExpectedMessage) and not self._knows(effect)
        )

    def acknowledged(self, effects: Iterable[Effect]) -> None:
        """Answered 200."""
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
        """The messages acknowledged and not taken back, with their last texts.

        A message is left out if a change to it was sent and never acknowledged: its state is not known.
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
