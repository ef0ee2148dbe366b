"""Pure: spellings that contradict Facebook's documentation. Facebook sends them in rare cases, so a receiver must
understand them: ids as numbers, times in seconds or as text, unknown keys.
"""

import dataclasses
import random

from simulator.happening import ExpectedMessage, Happening
from simulator.serialize import Document


def as_number(identity: str) -> str | int:
    """An id as a JSON number, as old payloads have it; `007` stays a string, because a number would lose the zeros."""
    return int(identity) if identity.isdigit() and str(int(identity)) == identity else identity


def _numbered(part: Document) -> Document:
    sides: Document = {side: {"id": as_number(part[side]["id"])} for side in ("sender", "recipient") if side in part}
    return {**part, **sides}


def _in_seconds(happening: Happening, part: Document, rng: random.Random) -> Happening:
    seconds = part["timestamp"] // 1000
    effect = happening.effect
    effect = dataclasses.replace(effect, sent_at=seconds * 1000) if effect is not None else None
    part = {**part, "timestamp": rng.choice((seconds, seconds, str(seconds)))}
    return dataclasses.replace(happening, part=part, effect=effect)


def made_odd(happening: Happening, rng: random.Random) -> Happening:
    """Returns the same event in one of the odd spellings, or unchanged if that spelling is not possible."""
    part = happening.part
    if happening.container not in ("messaging", "standby") or not isinstance(part, dict) or "timestamp" not in part:
        return happening
    oddity = rng.choice(("numbers", "seconds", "stranger"))
    if oddity == "numbers":
        return dataclasses.replace(happening, part=_numbered(part))
    if oddity == "seconds":
        return _in_seconds(happening, part, rng)
    if isinstance(happening.effect, ExpectedMessage) and isinstance(part.get("message"), dict):
        return dataclasses.replace(happening, part={**part, "message": {**part["message"], "vibe": {"score": 1}}})
    return happening
