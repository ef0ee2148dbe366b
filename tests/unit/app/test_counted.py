"""A number with its noun, singular or plural."""

from app.counted import counted


def test_one_is_singular_and_every_other_number_plural() -> None:
    """Zero takes the plural, and a noun may have an irregular plural."""
    assert [counted(number, "message") for number in (0, 1, 2)] == ["0 messages", "1 message", "2 messages"]
    assert [counted(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]
