"""Graph on a real socket: connections that stall or break off, and an end that waits for nobody."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from domain.ids import PageId
from simulator.graph_faults import Cuts, Stalls
from simulator.graph_gate import Gate
from tests.graph import FakeGraph, proof_of, running_graph
from tests.support import wait_until_blocking

PAGE = PageId("104200000000001")


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    """A Page with a post."""
    with running_graph() as running:
        running.world.add_post(running.world.add_page(PAGE), "sale")
        yield running


def get(graph: FakeGraph, path: str, timeout: float = 10) -> httpx2.Response:
    """One call on a connection of its own."""
    token = graph.world.pages[PAGE].token
    return httpx2.get(
        f"{graph.url}/v26.0/{path}",
        headers={"Authorization": f"Bearer {token.reveal()}"},
        params={"appsecret_proof": proof_of(token)},
        timeout=timeout,
        trust_env=False,
    )


def test_it_answers_over_http(graph: FakeGraph) -> None:
    """The version that served it in a header."""
    answer = get(graph, f"{PAGE}/posts")
    assert answer.json()["data"][0]["message"] == "sale"
    assert answer.headers["facebook-api-version"] == "v26.0"


def test_an_answer_may_break_off(graph: FakeGraph) -> None:
    """In the middle of its body, or before its first byte; the next one is whole."""
    graph.faults.script(None, Cuts(), Cuts(at_once=True))
    with pytest.raises(httpx2.RemoteProtocolError, match="without sending complete"):
        get(graph, "me")
    assert cut_at_once(graph)
    assert get(graph, "me").status_code == 200


def cut_at_once(graph: FakeGraph) -> bool:
    """Whether a call gets no answer at all."""
    try:
        get(graph, "me")
    except httpx2.TransportError:
        return True
    return False


def test_a_caller_that_hangs_up_leaves_nothing_behind(graph: FakeGraph) -> None:
    """Its stalled call ends with it."""
    gate = Gate()
    graph.faults.script(PAGE, Stalls(gate))
    with pytest.raises(httpx2.ReadTimeout):
        get(graph, "me", timeout=0.05)
    wait_until_blocking(lambda: gate.waiting == 0)


def test_a_gate_is_opened_from_another_thread(graph: FakeGraph) -> None:
    """The test's own."""
    gate = Gate()
    graph.faults.script(PAGE, Stalls(gate))
    with ThreadPoolExecutor(1) as pool:
        stalled = pool.submit(get, graph, "me")
        wait_until_blocking(lambda: gate.waiting == 1)
        gate.open()
        assert stalled.result(10).status_code == 200


def test_it_stops_while_calls_stall() -> None:
    """They are cut off, quickly, and nothing of the server stays."""
    gate, others = Gate(), {*threading.enumerate()}
    with ThreadPoolExecutor(1) as pool:
        with running_graph() as graph:
            graph.world.add_page(PAGE)
            graph.faults.script(PAGE, Stalls(gate))
            stalled = pool.submit(cut_at_once, graph)
            wait_until_blocking(lambda: gate.waiting == 1)
        assert stalled.result(10)
    assert not [thread for thread in {*threading.enumerate()} - others if thread.name == "fake-graph"]
    assert cut_at_once(graph)
