"""Pure: leaves out some of the `fields` of a call. An example of fields: `id,from{id,name},comments.limit(0)`.

https://developers.facebook.com/docs/graph-api/guides/field-expansion
"""

from collections.abc import Callable, Collection, Iterator
from typing import Final

ALWAYS: Final = frozenset({"id", "created_time", "updated_time", "creation_time"})
"""The fields that every item keeps. Without these fields the item cannot be placed in the list."""


def without(fields: str, names: Collection[str]) -> str:
    """Returns the list without these fields, at every depth. A part that has no field left is removed too."""
    return _filtered(fields, lambda name, _: name not in names or name == "id")


def lighter(fields: str, step: int) -> str:
    """Returns the list for an item that is too large: at step 1 without parts, lists and edges, at step 2 only its id
    and times.
    """
    if step == 1:
        return _filtered(fields, lambda name, whole: name == whole)
    return _filtered(fields, lambda name, _: name in ALWAYS)


def names_of(fields: str) -> list[str]:
    """Returns the names of the list's own fields."""
    return [_name(part) for part in _parts(fields)]


def holds(fields: str, name: str) -> bool:
    """Returns whether a field of this name is requested, at any depth."""
    return without(fields, {name}) != fields


def _filtered(fields: str, keep: Callable[[str, str], bool]) -> str:
    kept = []
    for part in _parts(fields):
        if not keep(_name(part), part):
            continue
        head, brace, inner = part.partition("{")
        inner = _filtered(inner[:-1], keep) if brace else ""
        if not brace or inner:
            kept.append(f"{head}{{{inner}}}" if brace else part)
    return ",".join(kept)


def _name(part: str) -> str:
    return part.partition("{")[0].partition(".")[0]


def _parts(fields: str) -> Iterator[str]:
    """Yields the fields. Commas outside braces separate them."""
    depth = start = 0
    for at, character in enumerate(fields):
        depth += (character in "{(") - (character in "})")
        if character == "," and depth == 0:
            yield fields[start:at]
            start = at + 1
    if fields:
        yield fields[start:]
