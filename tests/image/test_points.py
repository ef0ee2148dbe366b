"""The report of `make image`: one broken promise hides no other, and decides the exit code."""

import pytest

from tests.image.points import NotSo, Points, demand


def broken() -> str:
    """A proof that fails."""
    demand(holds=False, otherwise="61.0 MB")
    return ""


def crashed() -> str:
    """A proof that proves nothing, because it breaks itself."""
    raise OSError("no such tool")


def test_a_proof_that_fails_is_told_and_the_next_one_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """With what was seen; whatever a proof raises, nothing is proved by it."""
    points = Points()
    points.prove("small", broken)
    points.prove("quick", crashed)
    points.prove("quiet", lambda: "0 lines")
    assert points.conclude() == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[:3] == [
        ["NO", "small", "61.0", "MB"],
        ["NO", "quick", "OSError:", "no", "such", "tool"],
        ["yes", "quiet", "0", "lines"],
    ]


def test_when_everything_holds_the_exit_code_is_zero() -> None:
    """And a demand that holds says nothing."""
    points = Points()
    points.prove("quiet", lambda: "0 lines")
    demand(holds=True, otherwise="never said")
    assert points.conclude() == 0
    with pytest.raises(NotSo, match="seen"):
        demand(holds=[], otherwise="seen instead")
