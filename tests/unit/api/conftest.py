"""The API over fakes."""

import pytest

from tests.unit.api.fakes import House


@pytest.fixture
def house() -> House:
    """A fresh one for each test."""
    return House()
