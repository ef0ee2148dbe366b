"""One service for all tests that leave it as it was, and what talks to it. Each test finds its Valkey empty."""

from collections.abc import Iterator

import pytest

from tests.callers import Facebook, Operator, Shop
from tests.servers import Server
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
    """Somebody with a browser on the operators' port."""
    with Operator(service.ops_url) as caller:
        yield caller
