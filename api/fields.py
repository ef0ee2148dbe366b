"""Pure: queries and bodies as frozen dataclasses. Each field says how its value is read and described.

    @dataclass(frozen=True, kw_only=True)
    class BlockQuery(Sent):
        keep_messages: Annotated[bool, FLAG.about("true keeps the stored messages.")] = False

A field without a default is required. A dataclass may refuse a combination of values in `__post_init__`, by a
`ValueError` whose text begins with a field's name.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, TypeVar, get_args, get_type_hints

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """How to read and describe one value.

    `read` gets the text of a query's parameter, or the JSON value of a body's field. It raises `ValueError` with what
    the value must be, and never with the value, which may be something that no log may hold.
    """

    read: Callable[[Any], Any]
    schema: Mapping[str, Any]
    description: str = ""
    example: Any = None

    def about(self, description: str, example: Any = None) -> Self:
        """Returns the same field with another description."""
        return replace(self, description=description, example=example)


class Sent:
    """A query or a body that a caller sends."""

    EXAMPLES: ClassVar[tuple[Json, ...]] = ()
    """Examples of the whole body."""


SomeSent = TypeVar("SomeSent", bound=Sent)


class ValuesRefused(Exception):
    """The values do not fit. `mistakes` has a sentence for each wrong value, without its full stop."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes[:5]) + ".")
        self.mistakes = mistakes


_FIELDS: dict[type[Sent], Mapping[str, Field]] = {}


def fields_of(model: type[Sent]) -> Mapping[str, Field]:
    """Returns the fields of a dataclass by name."""
    if model not in _FIELDS:
        hints = get_type_hints(model, include_extras=True)
        names = [one.name for one in dataclasses.fields(model)]  # type: ignore[arg-type]
        _FIELDS[model] = {name: hints[name].__metadata__[0] for name in names}
    return _FIELDS[model]


def is_required(model: type[Sent], name: str) -> bool:
    """Returns whether a field has no default."""
    return not hasattr(model, name)


def filled(model: type[SomeSent], given: Mapping[str, Any]) -> SomeSent:
    """Returns the values as `model`. Raises `ValuesRefused`. Names that are not fields are ignored."""
    values, mistakes = {}, []
    for name, field in fields_of(model).items():
        if name in given:
            try:
                values[name] = field.read(given[name])
            except ValueError as error:
                mistakes.append(f"{name}: {error}")
        elif is_required(model, name):
            mistakes.append(f"{name}: is required")
    if mistakes:
        raise ValuesRefused(mistakes)
    try:
        return model(**values)
    except ValueError as error:
        raise ValuesRefused([str(error)]) from None


def property_schema(model: type[Sent], name: str) -> Json:
    """Returns the JSON Schema of a field, with its default and without its description. None as the default means that
    the value may be absent.
    """
    default = getattr(model, name, None)
    return {**fields_of(model)[name].schema, **({} if default is None else {"default": default})}


def choice(literal: Any) -> Field:
    """Returns a field whose value is one of the texts of a `Literal`."""
    texts = get_args(literal)

    def read(value: Any) -> Any:
        if value not in texts:
            raise ValueError(f"must be {' or '.join(texts)}")
        return value

    return Field(read, {"type": "string", "enum": list(texts)})
