"""The end of each fault test: `row(load, found, recovery=seconds)`."""

from collections.abc import Iterable
from typing import Protocol

import pytest

from tests.fault import rows


class EndsWith(Protocol):
    """The type of the fixture `row`."""

    def __call__(
        self, sent: rows.Held, found: Iterable[str], *, recovery: float | None = None, may_lose: str = ""
    ) -> None:
        """Refuse a lost or doubled message, and record the line for docs/reliability.md.

        `found` has every readable id, once for each time that the service shows it. `may_lose` says why messages may be
        lost. If it is given, lost messages are only counted.
        """
        ...


@pytest.fixture
def row(request: pytest.FixtureRequest) -> EndsWith:
    """Returns a function for a test that is marked with the name of its fault: `@pytest.mark.fault("Redis killed")`."""
    mark = request.node.get_closest_marker("fault")
    assert mark is not None, "a test with a row says of which fault: @pytest.mark.fault(...)"
    (fault,) = mark.args

    def end(sent: rows.Held, found: Iterable[str], *, recovery: float | None = None, may_lose: str = "") -> None:
        came_to = rows.outcome(fault, sent, found, recovery, may_lose)
        rows.note(came_to)
        assert came_to.acknowledged > 0, "nothing was acknowledged: this shows nothing"
        assert came_to.duplicated == 0, came_to
        assert came_to.lost == 0 or may_lose, came_to

    return end
