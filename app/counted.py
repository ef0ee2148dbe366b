"""Pure: writes a number with its noun."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Returns a number with its noun: `1 message`, `2 messages`, `2 entries`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
