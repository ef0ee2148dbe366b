"""One service for all tests that leave it as it was, and what talks to it. Each test finds its Valkey empty.

What is asked of Facebook has a service, a Valkey and a Graph of its own: the first service knows nothing of it.
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
    """`page-inbox serve` on Valkey 9."""
    with serving(valkey9.url, tmp_path_factory.mktemp("service") / "log") as service:
        yield service


@pytest.fixture
def service(shared_service: Service, valkey: Server) -> Service:
    """The same, over an empty store; whoever stops or kills one starts his own."""
    assert valkey.url, "asked for to be emptied before, and looked through for leaked keys afterwards"
    return shared_service


@pytest.fixture
def facebook(service: Service) -> Iterator[Facebook]:
    """Facebook, knowing the app's secret."""
    with Facebook(service.url, patient=True) as caller:
        yield caller


@pytest.fixture
def shop(service: Service) -> Iterator[Shop]:
    """A shop with one connected Page."""
    with Shop(service.url, patient=True) as caller:
        caller.connect()
        yield caller


@pytest.fixture
def operator(service: Service) -> Iterator[Operator]:
    """Somebody with a browser on the operators' port."""
    with Operator(service.ops_url) as caller:
        yield caller


@pytest.fixture(scope="session")
def shared_graph() -> Iterator[FakeGraph]:
    """Graph on a socket."""
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
    """A service that asks the shared Graph."""
    with serving_graph(graph_valkey.url, tmp_path_factory.mktemp("graph-service") / "log", shared_graph) as service:
        yield service


@pytest.fixture
def graph(shared_graph: FakeGraph) -> FakeGraph:
    """The shared Graph, with nothing scripted and nothing seen; Pages of earlier tests may still be there."""
    calm(shared_graph)
    return shared_graph


@pytest.fixture
def graph_store(graph_valkey: Server) -> Iterator[Server]:
    """The Valkey of what is asked of Facebook, empty; looked over for leaked keys afterwards."""
    graph_valkey.empty()
    yield graph_valkey
    assert graph_valkey.unbounded_keys() == []


@pytest.fixture
def graph_service(shared_graph_service: Service, graph_store: Server) -> Service:
    """The shared service over an empty store. A hold of the whole app would outlast the test: take an own one then."""
    assert graph_store.url
    return shared_graph_service


@pytest.fixture
def graph_shop(graph_service: Service) -> Iterator[GraphShop]:
    """A shop without Pages."""
    with GraphShop(graph_service.url, patient=True) as caller:
        yield caller


@pytest.fixture
def page(graph: FakeGraph, graph_shop: GraphShop) -> FakePage:
    """A Page without content, connected with its token; what that asked of Graph is forgotten."""
    found = new_page(graph.world)
    graph_shop.bring(found)
    graph.seen.forget()
    return found


@pytest.fixture
def graph_operator(graph_service: Service) -> Iterator[Operator]:
    """Somebody who looks at the operators' port of that service."""
    with Operator(graph_service.ops_url) as caller:
        yield caller
