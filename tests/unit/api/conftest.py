"""The API over fakes."""

import pytest

from tests.unit.api.fakes import Setup


@pytest.fixture
def setup() -> Setup:
    """A fresh one for each test."""
    return Setup()
