"""The API over fakes: its setup for the tests."""

import pytest

from tests.unit.api.fakes import Setup


@pytest.fixture
def setup() -> Setup:
    """Returns a fresh setup for each test."""
    return Setup()
