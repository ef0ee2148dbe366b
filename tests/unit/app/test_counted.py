"""A number with its noun."""

from app.counted import counted


def test_one_is_singular_and_every_other_number_plural() -> None:
    """Also zero, and a noun with a plural of its own."""
    assert [counted(number, "message") for number in (0, 1, 2)] == ["0 messages", "1 message", "2 messages"]
    assert [counted(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]
