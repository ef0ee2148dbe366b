"""`/webhook` as an ASGI application over fakes: how it reads a body, and the answer of each refusal."""

import asyncio
from collections import Counter
from collections.abc import MutableMapping, Sequence
from typing import Any, Final

import pytest

from domain.ids import MessageId, PageId, Psid
from simulator.payloads import one_message
from simulator.serialize import serialize
from tests.unit.webhook.fakes import SECRET, WebhookSetup
from webhook.signature import sign

CAP: Final = 4096
BODY: Final = serialize(one_message(PageId("1"), Psid("7"), "private words", MessageId("m_1"), 1_770_000_000_000))

Message = MutableMapping[str, Any]


class Setup(WebhookSetup):
    """The application with its answers and log lines."""

    def __init__(self) -> None:
        super().__init__(max_body_bytes=CAP)
        self.sent: list[Message] = []
        self.received = 0

    async def call(
        self, *messages: Message, method: str = "POST", query: bytes = b"", headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> int | None:
        """Call the application and return its status, or None without an answer. Messages that are not read stay
        unread."""
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
        """Returns the body of the last answer."""
        return bytes(self.sent[1]["body"])

    def deliveries(self) -> Counter[str]:
        """Returns the number of deliveries by outcome."""
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
def setup() -> Setup:
    """A new setup for each test."""
    return Setup()


async def test_a_signed_delivery_is_stored_and_answered_200_without_a_body(setup: Setup) -> None:
    """One log line has the result."""
    assert await setup.deliver(BODY) == 200
    assert setup.body == b""
    assert [event.id for event in setup.shop.stored] == ["m_1"]
    assert setup.deliveries() == {"accepted": 1}
    (line,) = setup.lines
    assert line["event"] == "request"
    assert line["route"] == "/webhook"
    assert (line["status"], line["stored"], line["body_bytes"]) == (200, 1, len(BODY))
    assert line["client"] == "173.252.88.66"


async def test_a_body_in_many_parts_is_one_body(setup: Setup) -> None:
    """The body may come in parts of any size, also in empty parts."""
    assert await setup.deliver(BODY[:1], b"", BODY[1:100], BODY[100:]) == 200
    assert len(setup.shop.stored) == 1


async def test_a_body_over_the_cap_is_refused_by_its_declared_length(setup: Setup) -> None:
    """The service refuses the body before it reads a byte of it."""
    assert await setup.deliver(BODY, headers=[(b"content-length", b"%d" % (CAP + 1))]) == 413
    assert setup.received == 0
    assert setup.deliveries() == {"too_large": 1}


async def test_a_body_over_the_cap_is_refused_as_soon_as_it_is_over(setup: Setup) -> None:
    """The body has no declared length, or a wrong one. The service does not read the rest of it."""
    assert await setup.deliver(b" " * (CAP + 1)) == 413
    assert await setup.deliver(b" " * CAP, b" ", b"never read") == 413
    assert setup.received == 2
    assert await setup.deliver(b" " * CAP, b" ", headers=[(b"content-length", b"5")]) == 413


async def test_a_body_of_exactly_the_cap_is_read(setup: Setup) -> None:
    """White space around JSON is allowed."""
    padded = BODY + b" " * (CAP - len(BODY))
    assert await setup.deliver(padded, headers=[(b"content-length", b"%d" % CAP)]) == 200
    assert await setup.deliver(padded[:10], padded[10:]) == 200


async def test_a_disconnected_client_gets_no_answer_and_nothing_is_stored(setup: Setup) -> None:
    """The client leaves before the body or within it."""
    gone: Message = {"type": "http.disconnect"}
    assert await setup.call(gone) is None
    first = {"type": "http.request", "body": BODY, "more_body": True}
    assert await setup.call(first, gone, headers=[(b"x-hub-signature-256", sign(BODY, SECRET))]) is None
    assert setup.shop.stored == []
    assert setup.deliveries() == {}


@pytest.mark.parametrize(
    ("status", "outcome", "body", "signature"),
    [
        (401, "signature_refused", BODY, None),
        (401, "signature_refused", BODY, sign(BODY + b" ", SECRET)),
        (401, "signature_refused", b"no json", b"sha256=" + b"0" * 64),
        (400, "not_json", b"no json", sign(b"no json", SECRET)),
    ],
)
async def test_a_refusal_gives_its_reason_and_repeats_no_data(
    setup: Setup, status: int, outcome: str, body: bytes, signature: bytes | None
) -> None:
    """The answer and the log line have no body and no digest."""
    headers = [] if signature is None else [(b"x-hub-signature-256", signature)]
    assert await setup.call(*chunks(body), headers=headers) == status
    assert setup.deliveries() == {outcome: 1}
    told = setup.body + repr(setup.lines).encode()
    assert b"private" not in told
    assert b"no json" not in told
    assert sign(body, SECRET)[7:] not in told
    assert setup.lines[0]["reason"] in told.decode()
    assert setup.shop.stored == []


async def test_head_is_get_without_the_body(setup: Setup) -> None:
    """The header says the same length as the answer to GET."""
    query = b"hub.mode=subscribe&hub.verify_token=a-verify-token&hub.challenge=12345"
    assert await setup.call(method="HEAD", query=query) == 200
    assert setup.body == b""
    assert (b"content-length", b"5") in setup.sent[0]["headers"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "BREW"])
async def test_other_methods_are_refused_by_name(setup: Setup, method: str) -> None:
    """The answer is 405 with the allowed methods. An unknown method is counted as OTHER."""
    assert await setup.call(method=method) == 405
    assert (b"allow", b"GET, HEAD, POST") in setup.sent[0]["headers"]
    assert setup.lines[0]["method"] == ("other" if method == "BREW" else method)


async def test_a_user_agent_is_cut_in_the_line(setup: Setup) -> None:
    """A header that the caller chooses cannot fill the log."""
    await setup.deliver(BODY, headers=[(b"user-agent", b"x" * 10_000)])
    assert len(setup.lines[0]["user_agent"]) == 200
