"""Fixtures of the integration tests: one service for all tests that do not change it, and its callers.

Each test begins with an empty Valkey. Tests that read from Facebook use a second service with its own Valkey and its
own Graph. The first service knows neither this Valkey nor this Graph.
"""

from collections.abc import Iterator

import pytest

from simulator.graph_nodes import FakePage
from tests.callers import Facebook, Operator, Shop
from tests.facebook import GraphShop, calm, new_page, running_facebook, serving_graph
from tests.graph import FakeGraph
from tests.servers import RESTING, Server, running
from tests.service import Service, serving


@pytest.fixture(scope="session")
def shared_service(valkey9: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run `page-inbox serve` on Valkey 9 for all tests."""
    with serving(valkey9.url, tmp_path_factory.mktemp("service") / "log") as service:
        yield service


@pytest.fixture
def service(shared_service: Service, valkey: Server) -> Service:
    """The shared service over an empty store. A test that stops or kills a service starts its own."""
    assert valkey.url, "asked for to be emptied before, and looked through for leaked keys afterwards"
    return shared_service


@pytest.fixture
def facebook(service: Service) -> Iterator[Facebook]:
    """A Facebook that knows the app's secret."""
    with Facebook(service.url) as caller:
        yield caller


@pytest.fixture
def shop(service: Service) -> Iterator[Shop]:
    """A shop with one connected Page."""
    with Shop(service.url) as caller:
        caller.connect()
        yield caller


@pytest.fixture
def operator(service: Service) -> Iterator[Operator]:
    """A reader of the operators' port."""
    with Operator(service.ops_url) as caller:
        yield caller


@pytest.fixture(scope="session")
def shared_graph() -> Iterator[FakeGraph]:
    """A simulated Graph on a socket, for all tests."""
    with running_facebook() as graph:
        yield graph


@pytest.fixture(scope="session")
def graph_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Valkey whose Pages no other service watches."""
    with running("graph", tmp_path_factory.mktemp("graph-valkey"), extra=RESTING) as server:
        yield server


@pytest.fixture(scope="session")
def shared_graph_service(
    shared_graph: FakeGraph, graph_valkey: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Run a service that calls the shared Graph, for all tests."""
    with serving_graph(graph_valkey.url, tmp_path_factory.mktemp("graph-service") / "log", shared_graph) as service:
        yield service


@pytest.fixture
def graph(shared_graph: FakeGraph) -> FakeGraph:
    """The shared Graph without scripted answers and without recorded calls. It can still have Pages
    of earlier tests.
    """
    calm(shared_graph)
    return shared_graph


@pytest.fixture
def graph_store(graph_valkey: Server) -> Iterator[Server]:
    """The Valkey of the service that calls Graph. It is empty, and after the test it is checked for leaked keys."""
    graph_valkey.empty()
    yield graph_valkey
    assert graph_valkey.unbounded_keys() == []


@pytest.fixture
def graph_service(shared_graph_service: Service, graph_store: Server) -> Service:
    """The shared service that calls Graph, over an empty store. A hold of the whole app would outlast the test, so a
    test of such a hold starts its own service.
    """
    assert graph_store.url
    return shared_graph_service


@pytest.fixture
def graph_shop(graph_service: Service) -> Iterator[GraphShop]:
    """A shop without Pages."""
    with GraphShop(graph_service.url) as caller:
        yield caller


@pytest.fixture
def page(graph: FakeGraph, graph_shop: GraphShop) -> FakePage:
    """A Page without content that is connected with its token. The calls of connecting it are removed from Graph's
    record.
    """
    found = new_page(graph.world)
    graph_shop.bring(found)
    graph.seen.forget()
    return found


@pytest.fixture
def graph_operator(graph_service: Service) -> Iterator[Operator]:
    """A reader of the operators' port of the service that calls Graph."""
    with Operator(graph_service.ops_url) as caller:
        yield caller
