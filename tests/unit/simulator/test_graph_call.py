"""The checks of the simulated Graph before it looks for data."""

import random
from typing import Any

import pytest

from domain.ids import PageId
from domain.secret import Secret
from simulator.graph_call import proof
from simulator.graph_world import World
from tests.graph import Caller, error_of, proof_of
from tests.support import FakeClock

SECRETS = (Secret("shop-app-secret-2"), Secret("shop-app-secret-1"))
PAGE = PageId("104200000000001")


def caller(clock: FakeClock | None = None) -> Caller:
    """Returns a Page and its token."""
    world = World("2001", SECRETS, random.Random(1), (clock or FakeClock()).moment)
    return Caller(world, world.add_page(PAGE).token)


def test_proofs_equal_the_published_vectors() -> None:
    """The vectors have both forms of the proof, and other programs computed them."""
    timed = "1269f28505904052f655c75fdffe152b27594aa46c68c75347a0736ecb59d3ce"
    untimed = "c9f58d86e9087848d20654632a1d7901169b3c3cbf4804fb0468dadd3f199742"
    assert proof("EAATESTTOKEN", SECRETS[1], "1770000000") == timed
    assert proof("EAATESTTOKEN", SECRETS[1], None) == untimed


async def test_a_token_is_accepted_in_the_header_and_recorded_in_the_address() -> None:
    """Graph accepts a token in the address too. The simulator records such tokens, so that a test can find a client
    that sends one.
    """
    graph = caller()
    assert (await graph.ask("me")).json()["id"] == PAGE
    assert graph.seen.tokens_in_urls == []
    params = {"access_token": graph.token.reveal(), "appsecret_proof": proof_of(graph.token, SECRETS[0])}
    assert (await graph.send("GET", "/v26.0/me", params=params)).status_code == 200
    assert graph.seen.tokens_in_urls == ["/v26.0/me"]
    assert [asked.where for asked in graph.seen.requests] == ["header", "url"]


async def test_a_token_anywhere_in_an_address_is_noticed() -> None:
    """The token may also be beside the token in the header, under another name, or in the path."""
    graph = caller()
    await graph.ask("me", access_token=graph.token.reveal())
    await graph.ask("me", input_token=graph.token.reveal())
    await graph.ask(graph.token.reveal())
    assert len(graph.seen.tokens_in_urls) == 3


@pytest.mark.parametrize("path", ["/me", "/v20.0/me", "/v99.0/me", "/latest/me"])
async def test_a_call_without_a_version_in_use_is_refused(path: str) -> None:
    """Facebook would silently use the oldest version."""
    graph = caller()
    headers = {"Authorization": f"Bearer {graph.token.reveal()}"}
    assert error_of(await graph.send("GET", path, headers=headers)) == (400, 2500, None)


async def test_a_missing_token_and_an_unknown_token_have_different_codes() -> None:
    """The codes are 2500 and 190."""
    graph = caller()
    assert error_of(await graph.send("GET", "/v26.0/me"))[1] == 2500
    assert error_of(await graph.send("GET", "/v26.0/me", headers={"Authorization": "Bearer EAAx"})) == (401, 190, None)


@pytest.mark.parametrize("subcode", [458, 459, 460, 463, 464, 467, 492])
async def test_the_subcode_says_why_a_token_is_dead(subcode: int) -> None:
    """Each reason has its own subcode."""
    graph = caller()
    graph.world.revoke(graph.token, subcode)
    assert error_of(await graph.ask("me")) == (401, 190, subcode)


async def test_a_token_expires_by_itself() -> None:
    """The token is dead from its last second on."""
    clock = FakeClock()
    graph = caller(clock)
    graph.world.tokens[graph.token.reveal()].expires_at = clock.moment() // 1000 + 60
    assert (await graph.ask("me")).status_code == 200
    clock.advance(60)
    assert error_of(await graph.ask("me")) == (401, 190, 463)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("age", [0, 299, -299])
async def test_a_timed_proof_is_good_for_five_minutes(secret: Secret, age: int) -> None:
    """Any of the app's secrets can make the proof, and clocks may differ a little."""
    clock = FakeClock()
    graph = caller(clock)
    at = clock.moment() // 1000 - age
    proved = proof_of(graph.token, secret, at)
    assert (await graph.ask("me", appsecret_proof=proved, appsecret_time=at)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"appsecret_proof": "0" * 64},
        {"appsecret_proof": ""},
        {"appsecret_time": 1_770_000_000},
        {"age": 301},
        {"age": -301},
        {"appsecret_time": "1770000000.5"},
        {"appsecret_time": ""},
        {"secret": Secret("the-secret-of-another-app")},
    ],
    ids=str,
)
async def test_a_wrong_proof_is_refused(wrong: dict[str, Any]) -> None:
    """The proof has another secret, another time or an old time, or the time is missing or not in whole seconds."""
    clock = FakeClock()
    graph = caller(clock)
    secret, age = wrong.pop("secret", SECRETS[0]), wrong.pop("age", None)
    at = None if age is None else clock.moment() // 1000 - age
    params = {"appsecret_proof": proof_of(graph.token, secret, at), **({} if at is None else {"appsecret_time": at})}
    assert error_of(await graph.ask("me", **{**params, **wrong})) == (400, 104, None)


async def test_a_missing_proof_is_refused() -> None:
    """The simulated app requires the proof, as an app does after a switch in Facebook's dashboard."""
    graph = caller()
    headers = {"Authorization": f"Bearer {graph.token.reveal()}"}
    answer = await graph.send("GET", "/v26.0/me", headers=headers)
    assert error_of(answer)[1] == 104
    assert "appsecret_proof" in answer.json()["error"]["message"]


async def test_a_graph_with_only_the_untimed_proof_refuses_a_timed_proof() -> None:
    """Such a Graph does not read the time of the proof."""
    clock = FakeClock()
    graph = caller(clock)
    graph.world.timed_proof = False
    at = clock.moment() // 1000
    timed = proof_of(graph.token, SECRETS[0], at)
    assert error_of(await graph.ask("me", appsecret_proof=timed, appsecret_time=at))[1] == 104
    assert (await graph.ask("me")).status_code == 200
    assert [asked.proof for asked in graph.seen.requests] == ["timed", "untimed"]


@pytest.mark.parametrize("param", ["date_format", "ids", "nonsense"])
async def test_a_removed_or_unknown_parameter_is_refused(param: str) -> None:
    """v26.0 has removed some parameters."""
    assert error_of(await caller().ask("me", **{param: "U"})) == (400, 100, None)


async def test_parameters_that_v26_ignores_are_accepted() -> None:
    """The parameters are `pretty` and `debug`."""
    assert (await caller().ask("me", pretty="1", debug="all")).status_code == 200
