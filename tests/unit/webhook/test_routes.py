"""`/webhook` as an ASGI application over fakes: how a body is read, and what each refusal looks like."""

import asyncio
from collections import Counter
from collections.abc import MutableMapping, Sequence
from typing import Any, Final

import pytest
from prometheus_client.registry import CollectorRegistry

from cache.errors import Unavailable
from domain.ids import MessageId, PageId, Psid
from domain.secret import Secret
from ops.metrics import Metrics
from simulator.payloads import one_message
from simulator.serialize import serialize
from tests.unit.webhook.fakes import FakeLines, FakeShop, error_answer
from webhook.access_log import AccessLog
from webhook.intake import Intake
from webhook.receiver import Receiver
from webhook.routes import Webhook
from webhook.signature import sign

SECRET: Final = Secret("an-app-secret")
VERIFY_TOKEN: Final = Secret("a-verify-token")
CAP: Final = 4096
BODY: Final = serialize(one_message(PageId("1"), Psid("7"), "private words", MessageId("m_1"), 1_770_000_000_000))

Message = MutableMapping[str, Any]


class House:
    """The application, what it answered and what it logged."""

    def __init__(self) -> None:
        self.shop = FakeShop()
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        self.lines: list[MutableMapping[str, Any]] = []
        self.sent: list[Message] = []
        self.received = 0
        access_log = AccessLog(metrics, FakeLines(self.lines))
        intake = Intake(self.shop, self.shop, self.shop, metrics, app_secrets=[SECRET])
        receiver = Receiver(intake, access_log, error_answer, clock=lambda: 0.0, new_request_id=lambda: "r-1")
        self.app = Webhook(
            receiver, access_log, verify_token=VERIFY_TOKEN, max_body_bytes=CAP, new_request_id=lambda: "r-1"
        )

    async def call(
        self, *messages: Message, method: str = "POST", query: bytes = b"", headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> int | None:
        """Call it; the status it answered, None where it did not. Messages that are never read stay unread."""
        waiting = iter(messages)
        self.sent = []
        self.received = 0

        async def receive() -> Message:
            for message in waiting:
                self.received += 1
                return message
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            self.sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": "/webhook",
            "query_string": query,
            "headers": list(headers),
            "client": ("173.252.88.66", 443),
        }
        await self.app(scope, receive, send)
        await asyncio.sleep(0)  # lines are written at the end of an event-loop iteration
        return self.sent[0]["status"] if self.sent else None

    async def deliver(self, *parts: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> int | None:
        """POST a signed body in these parts."""
        signature = (b"x-hub-signature-256", sign(b"".join(parts), SECRET))
        return await self.call(*chunks(*parts), headers=[signature, *headers])

    @property
    def body(self) -> bytes:
        """Of the last answer."""
        return bytes(self.sent[1]["body"])

    def deliveries(self) -> Counter[str]:
        """The metric, by outcome."""
        return Counter(
            {
                sample.labels["outcome"]: int(sample.value)
                for family in self.registry.collect()
                for sample in family.samples
                if sample.name == "page_inbox_deliveries_total" and sample.value
            }
        )


def chunks(*parts: bytes) -> list[Message]:
    return [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]


@pytest.fixture
def house() -> House:
    """A fresh one for each test."""
    return House()


async def test_a_signed_delivery_is_stored_and_answered_200_without_a_body(house: House) -> None:
    """And one line tells what it came to."""
    assert await house.deliver(BODY) == 200
    assert house.body == b""
    assert [event.id for event in house.shop.stored] == ["m_1"]
    assert house.deliveries() == {"accepted": 1}
    (line,) = house.lines
    assert line["event"] == "request"
    assert line["route"] == "/webhook"
    assert (line["status"], line["stored"], line["body_bytes"]) == (200, 1, len(BODY))
    assert line["client"] == "173.252.88.66"


async def test_a_body_in_many_parts_is_one_body(house: House) -> None:
    """However the server cuts it, empty parts included."""
    assert await house.deliver(BODY[:1], b"", BODY[1:100], BODY[100:]) == 200
    assert len(house.shop.stored) == 1


async def test_a_body_over_the_cap_is_refused_by_its_declared_length(house: House) -> None:
    """Before a byte of it is read."""
    assert await house.deliver(BODY, headers=[(b"content-length", b"%d" % (CAP + 1))]) == 413
    assert house.received == 0
    assert house.deliveries() == {"too_large": 1}


async def test_a_body_over_the_cap_is_refused_as_soon_as_it_is_over(house: House) -> None:
    """Where no length was declared, or a wrong one: the rest is not read."""
    assert await house.deliver(b" " * (CAP + 1)) == 413
    assert await house.deliver(b" " * CAP, b" ", b"never read") == 413
    assert house.received == 2
    assert await house.deliver(b" " * CAP, b" ", headers=[(b"content-length", b"5")]) == 413


async def test_a_body_of_exactly_the_cap_is_read(house: House) -> None:
    """White space around JSON is JSON."""
    padded = BODY + b" " * (CAP - len(BODY))
    assert await house.deliver(padded, headers=[(b"content-length", b"%d" % CAP)]) == 200
    assert await house.deliver(padded[:10], padded[10:]) == 200


async def test_a_client_that_goes_away_is_not_answered_and_nothing_is_stored(house: House) -> None:
    """Neither before nor within its body."""
    gone: Message = {"type": "http.disconnect"}
    assert await house.call(gone) is None
    first = {"type": "http.request", "body": BODY, "more_body": True}
    assert await house.call(first, gone, headers=[(b"x-hub-signature-256", sign(BODY, SECRET))]) is None
    assert house.shop.stored == []
    assert house.deliveries() == {}


async def test_a_body_that_does_not_come_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """408, and the connection is closed: it holds half a request."""
    monkeypatch.setattr("webhook.routes.ANSWER_SECONDS", 0.01)
    assert await house.call({"type": "http.request", "body": BODY, "more_body": True}) == 408
    assert (b"connection", b"close") in house.sent[0]["headers"]
    assert house.deliveries() == {"too_slow": 1}
    assert house.lines[0]["reason"] == "body_too_slow"


async def test_a_store_that_takes_too_long_is_not_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 while Facebook still listens; it will deliver again."""
    monkeypatch.setattr("webhook.receiver.ANSWER_SECONDS", 0.01)
    house.shop.hangs = True
    assert await house.deliver(BODY) == 503
    assert house.deliveries() == {"unavailable": 1}
    assert house.lines[0]["reason"] == "not_in_time"


@pytest.mark.parametrize(
    ("status", "outcome", "body", "signature"),
    [
        (401, "signature_refused", BODY, None),
        (401, "signature_refused", BODY, sign(BODY + b" ", SECRET)),
        (401, "signature_refused", b"no json", b"sha256=" + b"0" * 64),
        (400, "not_json", b"no json", sign(b"no json", SECRET)),
    ],
)
async def test_a_refusal_says_why_and_repeats_nothing(
    house: House, status: int, outcome: str, body: bytes, signature: bytes | None
) -> None:
    """Neither the body nor a digest, neither in the answer nor in the line."""
    headers = [] if signature is None else [(b"x-hub-signature-256", signature)]
    assert await house.call(*chunks(body), headers=headers) == status
    assert house.deliveries() == {outcome: 1}
    told = house.body + repr(house.lines).encode()
    assert b"private" not in told
    assert b"no json" not in told
    assert sign(body, SECRET)[7:] not in told
    assert house.lines[0]["reason"] in told.decode()
    assert house.shop.stored == []


async def test_what_cannot_be_stored_is_answered_503(house: House) -> None:
    """Facebook delivers again."""
    house.shop.fails = Unavailable("redis_timeout")
    assert await house.deliver(BODY) == 503
    assert house.deliveries() == {"unavailable": 1}
    assert house.lines[0]["reason"] == "redis_timeout"


async def test_a_mistake_of_ours_is_a_500_without_a_word(house: House) -> None:
    """Not a lost request, and not a 200."""
    house.shop.fails = KeyError("private words")
    assert await house.deliver(BODY) == 500
    assert house.body == b""
    assert house.deliveries() == {"failed": 1}


@pytest.mark.parametrize("challenge", [b"1158201444", b"a%20b%2Fc", b"%E1%9E%80", b"%FF%FE", b"0012"])
async def test_the_handshake_answers_the_challenge_byte_for_byte(house: House, challenge: bytes) -> None:
    """Whatever bytes it is made of; as plain text, which no browser takes for a page."""
    query = b"hub.mode=subscribe&hub.verify_token=a-verify-token&hub.challenge=" + challenge
    assert await house.call(method="GET", query=query) == 200
    expected = {b"a%20b%2Fc": b"a b/c", b"%E1%9E%80": "ក".encode(), b"%FF%FE": b"\xff\xfe"}.get(challenge, challenge)
    assert house.body == expected
    assert (b"content-type", b"text/plain; charset=utf-8") in house.sent[0]["headers"]
    assert (b"x-content-type-options", b"nosniff") in house.sent[0]["headers"]


async def test_a_handshake_with_another_token_is_refused(house: House) -> None:
    """403, and it is no delivery."""
    query = b"hub.mode=subscribe&hub.verify_token=another&hub.challenge=1"
    assert await house.call(method="GET", query=query) == 403
    assert house.lines[0]["reason"] == "handshake_token"
    assert house.deliveries() == {}


async def test_head_is_get_without_the_body(house: House) -> None:
    """With the length that GET would have."""
    query = b"hub.mode=subscribe&hub.verify_token=a-verify-token&hub.challenge=12345"
    assert await house.call(method="HEAD", query=query) == 200
    assert house.body == b""
    assert (b"content-length", b"5") in house.sent[0]["headers"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "BREW"])
async def test_other_methods_are_refused_by_name(house: House, method: str) -> None:
    """405 with the ones there are; a word of the client's own is no label."""
    assert await house.call(method=method) == 405
    assert (b"allow", b"GET, HEAD, POST") in house.sent[0]["headers"]
    assert house.lines[0]["method"] == ("OTHER" if method == "BREW" else method)


async def test_a_user_agent_is_cut_in_the_line(house: House) -> None:
    """A header of our callers' choice cannot fill the log."""
    await house.deliver(BODY, headers=[(b"user-agent", b"x" * 10_000)])
    assert len(house.lines[0]["user_agent"]) == 200
