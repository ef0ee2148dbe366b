"""Pure: a number with its noun, as people write it."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 message`, `2 messages`, `2 entries`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
