"""Facebook and a Valkey for tests of messages that the service fetches from Facebook in the background."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.facebook import GraphShop, running_facebook
from tests.graph import FakeGraph
from tests.healing import Inbox, replicas
from tests.servers import RESTING, Server, running
from tests.service import Service


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    """Facebook, for one test."""
    with running_facebook() as running:
        yield running


@pytest.fixture(scope="session")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Valkey without the shared service of other tests, which would also look at these Pages when they are due."""
    with running("healing", tmp_path_factory.mktemp("healing-valkey"), extra=RESTING) as server:
        yield server


@pytest.fixture
def valkey(own_valkey: Server) -> Iterator[Server]:
    """Yields the same Valkey, which is emptied before the test and searched for leaked keys after the test."""
    own_valkey.empty()
    yield own_valkey
    assert own_valkey.unbounded_keys() == []


@pytest.fixture
def inbox(graph: FakeGraph, valkey: Server) -> Inbox:
    """A Page at Facebook that is not connected yet."""
    return Inbox(graph, valkey)


@pytest.fixture
def services(graph: FakeGraph, valkey: Server, tmp_path: Path) -> Iterator[list[Service]]:
    """Yields one running service, in a list as `replicas` returns it."""
    with ExitStack() as stack:
        yield replicas(stack, valkey, graph, tmp_path, "one")


@pytest.fixture
def shop(services: list[Service]) -> Iterator[GraphShop]:
    """Yields a shop without a Page."""
    with GraphShop(services[0].url) as caller:
        yield caller
