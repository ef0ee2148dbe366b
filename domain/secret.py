"""A value that must not be shown."""

from typing import Final, NoReturn


class Secret:
    """Hides itself in `repr`, `str`, logs, tracebacks and pickles. Only `reveal` and `reveal_bytes` return the
    value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        """Returns the value as text."""
        return self._value

    def reveal_bytes(self) -> bytes:
        """Returns the value as UTF-8."""
        return self._value.encode()

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
