"""Files with customers to delete, in every spelling."""

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
def test_ids_are_read_with_any_separator(text: str) -> None:
    """The file may have a header, and an id that occurs twice is returned once."""
    found = read_customers(io.StringIO(text))
    assert found.ids == (A, B, C)
    assert found.refused_lines == ()


def test_the_error_names_the_number_of_a_line_without_a_valid_id() -> None:
    """The error does not repeat the text, because it may be a person's name."""
    found = read_customers([f"{A}\n", "Sok Dara\n", "\n", f"{B},psid,2026-11-26\n", "-7\n", "១២៣៤៥\n", "7" * 65, C])
    assert found.refused_lines == (2, 4, 5, 6, 7)


@pytest.mark.parametrize("first", ["7.0E+13", "7,000,000,000,000,001", "7000000000000001.0", "៧០០០០០០០០០០០០០០១", "12"])
def test_a_first_line_that_a_spreadsheet_rewrote_is_no_header(first: str) -> None:
    """Only a first line without digits is a header."""
    assert read_customers([f"{first}\n", f"{B}\n"]).refused_lines == (1,)


def test_ids_that_a_spreadsheet_rounded_are_noticed() -> None:
    """A spreadsheet keeps fifteen digits of a number and writes zeros for the others. A few ids end in zeros by
    chance, so the reader reports only many such ids.
    """
    assert read_customers([f"{70_000_000_000_000_000 + n * 100}\n" for n in range(5)]).rounded
    assert not read_customers([f"{70_000_000_000_000_000 + n * 100}\n" for n in range(4)]).rounded
    assert not read_customers([f"{7_000_000_000_000_000 + n}\n" for n in range(50)]).rounded
    assert not read_customers([f"{700_000_000_000_000 + n * 10}\n" for n in range(50)]).rounded


def test_an_empty_file_or_a_file_with_only_a_header_has_no_customers() -> None:
    """A file with other content has no customers, and the error also names its later lines."""
    assert read_customers([]) == read_customers(["", "\n"]) == read_customers(["id\n"])
    assert read_customers(["id\n", "x\n"]).refused_lines == (2,)


def test_a_long_list_of_line_numbers_is_shortened() -> None:
    """The error shows the first lines and the number of the others."""
    assert listed((1, 2)) == "1, 2"
    assert listed(tuple(range(1, 26)), most=3) == "1, 2, 3 and 22 more"
