"""Tests the report of `make image`."""

import pytest

from tests.image.report import CheckFailed, Report, require


def broken() -> str:
    """A check that fails."""
    require(holds=False, message="61.0 MB")
    return ""


def crashed() -> str:
    """A check that ends with an unexpected error."""
    raise OSError("no such tool")


def test_a_failed_check_is_printed_and_the_next_check_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The line shows the error. An unexpected error fails the check too."""
    report = Report()
    report.check("small", broken)
    report.check("quick", crashed)
    report.check("quiet", lambda: "0 lines")
    assert report.end() == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[:3] == [
        ["NO", "small", "61.0", "MB"],
        ["NO", "quick", "OSError:", "no", "such", "tool"],
        ["yes", "quiet", "0", "lines"],
    ]


def test_the_exit_code_is_zero_if_every_check_passes() -> None:
    """A requirement that holds prints nothing."""
    report = Report()
    report.check("quiet", lambda: "0 lines")
    require(holds=True, message="never said")
    assert report.end() == 0
    with pytest.raises(CheckFailed, match="seen"):
        require(holds=[], message="seen instead")
