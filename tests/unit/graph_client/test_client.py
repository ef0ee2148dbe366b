"""One request to Graph: what the client sends, and the error for every failure."""

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator

import httpcore2
import httpx2
import pytest

from domain.ids import PageId
from domain.secret import Secret
from graph_client.client import Client
from graph_client.errors import (
    GraphError,
    GraphRedirected,
    GraphTimeout,
    GraphUnavailable,
    GraphUnreachable,
    ProofRefused,
    TokenDead,
    TooMuchData,
)
from graph_client.wire import Ask, GraphAnswer
from tests.unit.graph_client.fakes import APP_SECRET, PAGE, TOKEN, WORDS, Asked, Facebook, body, ok, refused

NOW = 1_770_000_000
ME = Ask("GET", ("me",), {"fields": "id"})
SUBSCRIBE = Ask("POST", (PAGE, "subscribed_apps"), form={"subscribed_fields": "messages"})


def proof_at(moment: int | None) -> str:
    """Computes the proof a second time, without the product's code."""
    text = TOKEN.reveal() if moment is None else f"{TOKEN.reveal()}|{moment}"
    return hmac.new(APP_SECRET.reveal_bytes(), text.encode(), hashlib.sha256).hexdigest()


TIMED = {"appsecret_proof": proof_at(NOW), "appsecret_time": str(NOW)}
UNTIMED = {"appsecret_proof": proof_at(None)}


async def send(client: Client, ask: Ask = ME, timeout: float = 5.0) -> GraphAnswer | GraphError:  # noqa: ASYNC109
    """Sends a call and returns its result."""
    return (await client.send(ask, TOKEN, page=PAGE, timeout=timeout)).result


def forms(facebook: Facebook) -> list[str]:
    """Returns the form of every proof that was sent."""
    known = {tuple(TIMED.items()): "timed", tuple(UNTIMED.items()): "untimed", (): "none"}
    sent = [{**one.query, **one.form} for one in facebook.asked]
    return [known[tuple((k, v) for k, v in one.items() if k.startswith("appsecret"))] for one in sent]


async def test_the_client_requests_uncompressed_answers() -> None:
    """Otherwise the limit on received bytes would not limit the bytes in memory."""
    facebook = Facebook()
    facebook.will("GET me", ok({}))
    await send(facebook.client())
    headers = facebook.asked[0].headers
    assert (headers["accept-encoding"], headers["accept"], headers["user-agent"]) == (
        "identity",
        "application/json",
        "page-inbox",
    )


@pytest.mark.parametrize("words_of_100", [False, True], ids=["code 104", "code 100 that names the proof"])
async def test_a_refused_proof_is_sent_in_the_other_form_and_that_form_is_remembered(words_of_100: bool) -> None:
    """The first call needs two requests, and the second call needs one."""
    facebook = Facebook()
    refusal = refused(100, words="Invalid appsecret_proof provided") if words_of_100 else refused(104)
    facebook.will("GET me", refusal, ok({"id": "1"}), ok({"id": "2"}))
    client = facebook.client()
    bodies = [(await client.send(ME, TOKEN, page=None, timeout=5)).result for _ in range(2)]
    assert [one.body if isinstance(one, GraphAnswer) else one for one in bodies] == [{"id": "1"}, {"id": "2"}]
    assert forms(facebook) == ["timed", "untimed", "untimed"]


async def test_a_remembered_form_changes_again_after_a_later_refusal() -> None:
    """Facebook may change which form it accepts."""
    facebook = Facebook()
    facebook.will("GET me", refused(104), ok({}), refused(104), ok({}), ok({}))
    client = facebook.client()
    for _ in range(3):
        assert isinstance(await send(client), GraphAnswer)
    assert forms(facebook) == ["timed", "untimed", "untimed", "timed", "timed"]


async def test_a_refusal_of_both_forms_is_an_error_and_changes_nothing() -> None:
    """A call makes at most two requests."""
    facebook = Facebook()
    facebook.will("GET me", *[refused(104) for _ in range(4)])
    client = facebook.client()
    for _ in range(2):
        result = await send(client)
        assert isinstance(result, ProofRefused)
        assert WORDS not in str(result)
    assert forms(facebook) == ["timed", "untimed"] * 2


async def test_simultaneous_refused_calls_all_succeed_with_the_other_form() -> None:
    """When one call finds the accepted form, the other calls that are running do not fail."""
    facebook = Facebook()

    async def unless_timed(asked: Asked) -> httpx2.Response:
        await asyncio.sleep(0)
        return refused(104) if "appsecret_time" in asked.query else ok({})

    facebook.will("GET me", *[unless_timed] * 100)
    client = facebook.client()
    # The second half begins while the first answer is handled.
    early = [asyncio.ensure_future(send(client)) for _ in range(3)]
    await asyncio.sleep(0)
    results = await asyncio.gather(*early, *(send(client) for _ in range(3)))
    assert [type(one) for one in results] == [GraphAnswer] * 6
    assert len(facebook.asked) <= 12
    await send(client)
    assert forms(facebook)[-1] == "untimed"
    assert Counter(forms(facebook))["timed"] <= 6


class Endless(httpx2.AsyncByteStream):
    """An answer that never ends."""

    def __init__(self) -> None:
        self.read = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.read += 1
            yield b"x" * 100

    async def aclose(self) -> None:
        """Close the connection."""
        self.closed = True


async def test_the_client_stops_reading_an_answer_over_the_size_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer may be endless. The service still uses the budget in its headers."""
    monkeypatch.setattr("graph_client.client.ANSWER_BYTES", 1000)
    endless, facebook = Endless(), Facebook()
    facebook.will("GET me", httpx2.Response(200, headers={"x-app-usage": '{"call_count":40}'}, stream=endless))
    reply = await facebook.client().send(ME, TOKEN, page=PAGE, timeout=5)
    assert isinstance(reply.result, TooMuchData)
    assert reply.usage.share == {"app": 0.4}
    assert (endless.read, endless.closed) == (11, True)


async def test_an_answer_of_exactly_the_size_limit_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of exactly this size is accepted."""
    monkeypatch.setattr("graph_client.client.ANSWER_BYTES", len(b'{"id": "1"}'))
    facebook = Facebook()
    facebook.will("GET me", ok({"id": "1"}), ok({"id": "12"}))
    client = facebook.client()
    assert isinstance(await send(client), GraphAnswer)
    assert isinstance(await send(client), TooMuchData)


@pytest.mark.parametrize(
    "broken",
    [
        httpcore2.ConnectError("no route"),
        httpcore2.ReadError("cut"),
        httpcore2.WriteError("cut"),
        httpcore2.RemoteProtocolError("no HTTP"),
        httpcore2.LocalProtocolError("closed"),
        httpcore2.ConnectTimeout("slow"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_connection_that_fails_is_unreachable(broken: Exception) -> None:
    """The text of the library does not matter."""
    facebook = Facebook()
    facebook.will("GET me", broken)
    assert isinstance(await send(facebook.client()), GraphUnreachable)


async def test_a_connection_that_is_cut_within_an_answer_is_unreachable() -> None:
    """A part of an answer has the same effect as no answer."""

    async def half() -> AsyncIterator[bytes]:
        yield b'{"data": [{"id"'
        raise httpcore2.ReadError("cut")

    facebook = Facebook()
    facebook.will("GET me", httpx2.Response(200, content=half()))
    assert isinstance(await send(facebook.client()), GraphUnreachable)


async def test_a_request_without_an_answer_ends_at_its_timeout() -> None:
    """The limit holds before the answer, within it, and for both forms of the proof together."""

    async def never(_: Asked) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def stalls() -> AsyncIterator[bytes]:
        yield b'{"data": '
        await asyncio.Event().wait()

    facebook = Facebook()
    facebook.will("GET me", never, never, httpx2.Response(200, content=stalls()), refused(104), never)
    client = facebook.client()
    for timeout in (-1.0, 0.02, 0.02, 0.02):
        assert isinstance(await send(client, timeout=timeout), GraphTimeout)
    assert len(facebook.asked) == 5


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """Otherwise the token would be sent to another address."""
    facebook = Facebook()
    where = {"location": "https://elsewhere.example/"}
    facebook.will("GET me", httpx2.Response(status, headers=where, content=body()))
    assert isinstance(await send(facebook.client()), GraphRedirected)
    assert len(facebook.asked) == 1


async def test_an_error_includes_the_usage_from_its_headers() -> None:
    """After an error, the service needs the usage most."""
    facebook = Facebook()
    usage = f'{{"{PAGE}":[{{"type":"pages","call_count":100,"estimated_time_to_regain_access":7}}]}}'
    facebook.will("GET me", refused(80001, x_business_use_case_usage=usage))
    reply = await facebook.client().send(ME, TOKEN, page=PAGE, timeout=5)
    assert isinstance(reply.result, GraphError)
    assert (reply.result.reason, reply.usage.regain) == ("throttled", {"pages": 420})
    assert WORDS not in f"{reply!r} {reply.result} {reply.result.args}"


async def test_an_answer_without_valid_json_is_an_outage() -> None:
    """Examples are a proxy's page, a part of a document, and an empty answer."""
    facebook = Facebook()
    for found in (b"<html>", b"", b"[]", b'{"data"'):
        facebook.will("GET me", httpx2.Response(200, content=body(found)))
    client = facebook.client()
    for _ in range(4):
        assert isinstance(await send(client), GraphUnavailable)


async def test_a_token_that_cannot_be_sent_is_refused_without_a_request() -> None:
    """A token that cannot be in a header is a dead token."""
    facebook = Facebook()
    with pytest.raises(TokenDead):
        await facebook.client().send(ME, Secret("two\nlines"), page=PageId("1"), timeout=5)
    assert facebook.asked == []


async def test_a_cancellation_reaches_the_caller() -> None:
    """A cancellation is not a timeout."""
    began = asyncio.Event()

    async def never(_: Asked) -> httpx2.Response:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    facebook = Facebook()
    facebook.will("GET me", never)
    task = asyncio.ensure_future(send(facebook.client()))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_reading_a_large_answer_does_not_block_the_event_loop() -> None:
    """The answer has half an emoji among a million backslashes. The event loop runs while the answer is read."""
    raw = rb'{"id":"' + rb"\\a" * 1_000_000 + rb'\ud83d"}'
    facebook = Facebook()
    facebook.will("GET me", httpx2.Response(200, content=body(raw)))
    reading = asyncio.create_task(send(facebook.client(), timeout=60))
    iterations = 0
    while not reading.done():
        iterations += 1
        await asyncio.sleep(0.001)
    assert isinstance(reading.result(), GraphAnswer)
    assert iterations >= 10, "one where it is read in the loop itself, a hundred where it is not"
