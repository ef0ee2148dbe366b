"""What the models of answers are written with.

    text: Annotated[str | Absent, about("What the customer wrote.")] = ABSENT

An absent field is left out of the JSON. It is never null.
"""

from typing import Any, Final

from msgspec import UNSET, Meta, UnsetType

Absent = UnsetType
ABSENT: Final = UNSET


def about(description: str, **more: Any) -> Meta:
    """Returns the description of a field. `more` are limits of its value, or examples."""
    return Meta(description=description, **more)
