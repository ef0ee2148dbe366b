"""The findings as a person sees them."""

import pytest

from app.doctor_command import MOST_WELL_PAGES, print_pages
from domain.finding import Finding


def pages(well: int, ill: int) -> list[Finding]:
    """Returns this number of Pages, the faulty ones first."""
    found = [Finding("page", "fail", "Dead.", "Mend.", f"ill-{n}") for n in range(ill)]
    return found + [Finding("page", "ok", "Well.", about=f"well-{n}") for n in range(well)]


def test_few_pages_are_all_listed_and_of_many_pages_only_the_faulty_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """Many lines without a fault would hide the important line at the end."""
    print_pages(pages(MOST_WELL_PAGES, 1))
    few = capsys.readouterr().out
    assert few.count("Well.") == MOST_WELL_PAGES
    assert few.splitlines()[-2:] == ["fail  page (ill-0): Dead.", "      -> Mend."]
    print_pages(pages(1000, 2))
    many = capsys.readouterr().out
    assert "1000 Pages are well." in many
    assert (many.count("Dead."), len(many.splitlines())) == (2, 5)
