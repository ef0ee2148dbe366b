"""Lists of customers to delete, however they were written."""

import io

import pytest

from app.customer_file import listed, read_customers

A, B, C = "7000000000000001", "7000000000000002", "10000000000000042"


@pytest.mark.parametrize(
    "text",
    [
        f"{A}\n{B}\n{C}\n",
        f"{A},{B},{C}",
        f"{A} {B}\t{C}",
        f"{A}; {B};{C}\r\n",
        f"id\n{A}\n{B}\n{C}",
        f'"user_id","type"\n"{A}"\n"{B}"\n"{C}"',
        f"\ufeffid\r\n{A}\r\n\r\n{B}\r\n   {C}   \r\n",
        f"{A}\n{A}\n{B},{C},{B}\n",
    ],
)
def test_ids_are_read_however_they_are_separated(text: str) -> None:
    """With a header or without, each once."""
    found = read_customers(io.StringIO(text))
    assert found.ids == (A, B, C)
    assert found.refused_lines == ()


def test_what_is_no_id_is_told_by_its_line() -> None:
    """The ids beside it count; what it is, is not told: it may be somebody's name."""
    found = read_customers([f"{A}\n", "Sok Dara\n", "\n", f"{B},psid,2026-11-26\n", "-7\n", "១២៣៤៥\n", "7" * 65, C])
    assert found.ids == (A, B, C)
    assert found.refused_lines == (2, 4, 5, 6, 7)


def test_an_empty_file_and_one_with_a_header_alone_hold_nobody() -> None:
    """Nor does one of something else, whose later lines are told."""
    assert read_customers([]) == read_customers(["", "\n"]) == read_customers(["id\n"])
    assert read_customers(["id\n", "x\n"]).refused_lines == (2,)


def test_many_lines_are_told_in_short() -> None:
    """The first of them, and how many more."""
    assert listed((1, 2)) == "1, 2"
    assert listed(tuple(range(1, 26)), most=3) == "1, 2, 3 and 22 more"
