"""Healing fetches missed messages. The tests check how far back it goes, in which order it stores, and what stays
after an interruption.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpcore2
import httpx2
import pytest
from structlog.testing import capture_logs

from domain.errors import Kind, PageInboxError
from domain.event import Outcome
from domain.heal import Heal
from domain.ids import ConversationId, MessageId, PageId, ShopId
from domain.message import Message
from domain.moment import rfc3339
from graph_client.conversation_calls import ITEMS, PATIENCE_SECONDS, REST_SECONDS
from graph_client.edges import HISTORY_CONVERSATION_FIELDS, HISTORY_MESSAGE_FIELDS
from graph_client.errors import GraphUnavailable, GraphUnreachable, PermissionMissing, TokenDead
from graph_client.fetched_messages import PUT_MESSAGES
from graph_client.heal import Healer, TurnResult
from graph_client.heal_turn import TURN_SECONDS
from tests.unit.graph_client.fakes import PAGE, SHOP, WORDS, Asked, Setup, ok, refused, too_much

SINCE = 1_770_000_000_000
CONVERSATIONS = f"GET {PAGE}/conversations"
PERSON = "7000000000000001"


class StoreLost(PageInboxError):
    """Raised when Redis does not answer."""

    kind: Kind = "unavailable"  # type: ignore[misc]


def time(seconds: int) -> str:
    """Returns the time this long after the beginning of the gap, as Graph writes it."""
    return rfc3339(SINCE + seconds * 1000).replace(".000Z", "+0000")


def conversation(id_: str, seconds: int) -> dict[str, Any]:
    """Returns a conversation whose last message is of that time."""
    return {"id": id_, "updated_time": time(seconds)}


def message(mid: str, seconds: int, **other: Any) -> dict[str, Any]:
    """Returns a message that a person sent at that time."""
    return {"id": mid, "created_time": time(seconds), "from": {"id": PERSON}, "message": WORDS, **other}


def page_of(*rows: dict[str, Any], after: str | None = None) -> httpx2.Response:
    """Returns a page of items, and where the list continues."""
    paging = {"cursors": {"after": after}, "next": "https://graph.example/next"} if after else {}
    return ok({"data": rows, "paging": paging})


@dataclass
class World:
    """Facebook, the store and the lease. `put` has the ids of every call of the store."""

    setup: Setup = field(default_factory=Setup)
    outcomes: defaultdict[str, Outcome] = field(default_factory=lambda: defaultdict(lambda: "stored"))
    put_: list[list[MessageId]] = field(default_factory=list)
    record: Heal | None = None
    taps: list[tuple[int, str]] = field(default_factory=list)
    gone_through: set[str] = field(default_factory=set)
    lost: bool = False
    leases: int = 0
    leases_left: int = 1000

    def will(self, of: str, *answers: httpx2.Response | Exception) -> None:
        """Prepare Facebook's answer with these messages of a conversation."""
        self.setup.facebook.will(f"GET {of}/messages", *answers)

    async def put_fetched(self, shop: ShopId, messages: Sequence[Message], /) -> list[Outcome]:
        """Returns what the test has set."""
        assert shop == SHOP
        if self.lost:
            raise StoreLost("redis_unreachable")
        self.put_.append([one.id for one in messages])
        return [self.outcomes[one.id] for one in messages]

    async def without_id(self, shop: ShopId, conversation: ConversationId, since: int, /) -> list[tuple[int, str]]:
        """Returns what the test has set."""
        return list(self.taps)

    async def purged(self, shop: ShopId, messages: Sequence[Message], /) -> set[MessageId]:
        """Returns that no message was purged."""
        return set()

    async def read(self, shop: ShopId, page: PageId, /) -> Heal | None:
        """Returns the progress that was stored last."""
        return self.record

    async def write(self, shop: ShopId, page: PageId, heal: Heal, visited: list[str], /) -> None:
        """Store the progress."""
        self.record = heal
        self.gone_through |= set(visited)

    async def visited(self, shop: ShopId, page: PageId, heal: Heal, conversations: list[str], /) -> set[str]:
        """Returns the conversations that this run has finished."""
        return self.gone_through & set(conversations)

    async def still_ours(self) -> None:
        """Raise when the test takes the lease away."""
        self.leases += 1
        if self.leases > self.leases_left:
            raise StoreLost("redis_unreachable")

    async def turn(self, since: int | None = SINCE) -> TurnResult:
        """Heal for one turn."""
        clock = self.setup.clock
        healer = Healer(
            *(self.setup.calls, self, self, self, self.setup.metrics),
            now=lambda: SINCE + 100_000 + round(clock.seconds() * 1000),
            clock=clock.seconds,
            sleep=clock.sleep,
        )
        return await healer.heal(SHOP, PAGE, since, self.still_ours)

    async def heal(self) -> int:
        """Fetch all messages since the beginning of the gap in one turn. Returns how many were new."""
        result = await self.turn()
        assert result.ended
        assert self.record is not None
        return self.record.stored

    def healed(self, outcome: str) -> float:
        """Returns how many messages have this outcome."""
        return self.setup.count("healed_messages_total", outcome=outcome)


async def test_messages_of_all_conversations_are_stored_oldest_first() -> None:
    """Graph returns the newest message first. Readers get messages in the order in which the store received them."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90), conversation("t_2", 80)))
    world.will("t_1", page_of(message("m_5", 90), message("m_2", 20)))
    world.will("t_2", page_of(message("m_4", 80), message("m_3", 70), message("m_1", 10)))
    assert await world.heal() == 5
    assert world.put_ == [["m_1", "m_2", "m_3", "m_4", "m_5"]]
    assert world.healed("stored") == 5


async def test_messages_of_the_same_second_are_stored_in_their_order() -> None:
    """Facebook's times are whole seconds, so Facebook's own order decides."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 9)))
    world.will("t_1", page_of(message("m_2", 9), message("m_1", 9), after="B"), page_of(message("m_0", 9)))
    await world.heal()
    assert world.put_ == [["m_0", "m_1", "m_2"]]


async def test_messages_that_are_not_stored_are_counted_by_their_outcome() -> None:
    """Fetched messages are stored in the same way as webhooks. Only new messages are counted as stored."""
    world = World()
    world.outcomes |= {"m_1": "duplicate", "m_2": "erased", "m_3": "too_old"}
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90)))
    world.will("t_1", page_of(*[message(f"m_{n}", n) for n in (4, 3, 2, 1)]))
    assert await world.heal() == 1
    assert [world.healed(one) for one in ("stored", "duplicate", "erased", "too_old")] == [1, 1, 1, 1]


async def test_a_conversation_without_newer_messages_ends_the_walk() -> None:
    """All conversations after this one are older. A message of the first moment of the gap is fetched too."""
    world = World()
    quiet = [conversation("t_3", -1), conversation("t_4", -2)]
    world.setup.facebook.will(
        CONVERSATIONS, page_of(conversation("t_1", 5), conversation("t_2", 0), *quiet, after="never asked for")
    )
    world.will("t_1", page_of(message("m_2", 5)))
    world.will("t_2", page_of(message("m_1", 0)))
    assert await world.heal() == 2
    assert world.setup.facebook.told == [CONVERSATIONS, "GET t_1/messages", "GET t_2/messages"]


async def test_an_older_message_ends_the_walk_through_its_conversation() -> None:
    """The messages before the older one in the list are stored."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 5)))
    world.will("t_1", page_of(message("m_2", 5), message("m_1", 0), message("m_0", -1), after="never asked for"))
    assert await world.heal() == 2
    assert world.put_ == [["m_1", "m_2"]]


async def test_both_walks_read_all_pages_with_pauses_and_renew_the_lease() -> None:
    """The pauses leave half of the calls to people. Before each call the replica renews its lease of the Page."""
    world = World()
    world.setup.facebook.will(
        CONVERSATIONS,
        page_of(conversation("t_1", 90), after="A"),
        page_of(conversation("t_2", 80)),
        page_of(conversation("t_3", 95), conversation("t_1", 90), conversation("t_2", 80)),
    )
    world.will("t_3", page_of(message("m_4", 95)))
    world.will("t_1", page_of(message("m_3", 90), after="B"), page_of(message("m_2", 30), after="C"), page_of())
    world.will("t_2", page_of(message("m_1", 20)))
    assert await world.heal() == 4
    assert [(one.what, one.query.get("after")) for one in world.setup.facebook.asked] == [
        (CONVERSATIONS, None),
        ("GET t_1/messages", None),
        ("GET t_1/messages", "B"),
        ("GET t_1/messages", "C"),
        (CONVERSATIONS, "A"),
        ("GET t_2/messages", None),
        (CONVERSATIONS, None),  # a conversation may have moved to the top, where the walk did not find it
        ("GET t_3/messages", None),
    ]
    assert world.setup.clock.slept == [REST_SECONDS] * 3
    assert world.leases == 8


async def test_healing_requests_only_the_fields_that_it_needs() -> None:
    """Healing asks for no names and no snippets, and its calls can wait for their turn."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90)))
    world.will("t_1", page_of())
    await world.heal()
    asked = [(one.query["fields"], one.query["limit"]) for one in world.setup.facebook.asked]
    assert asked == [(HISTORY_CONVERSATION_FIELDS, str(ITEMS)), (HISTORY_MESSAGE_FIELDS, str(ITEMS))]
    assert world.setup.facebook.asked[0].query["platform"] == "messenger"
    assert world.setup.budgets.asked == [("messenger", 0.5, PATIENCE_SECONDS)] * 2
    assert world.setup.count("graph_calls_total", edge="heal_conversations", outcome="ok") == 1
    assert world.setup.count("graph_calls_total", edge="heal_conversation_messages", outcome="ok") == 1


async def test_a_call_refused_for_too_much_data_asks_for_half_as_many_messages() -> None:
    """Facebook may refuse an answer with many messages, so the service then asks for half as many."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90)))
    world.will("t_1", too_much(), page_of(message("m_1", 9)))
    assert await world.heal() == 1
    assert [one.query["limit"] for one in world.setup.facebook.asked] == [str(ITEMS), str(ITEMS), str(ITEMS // 2)]


async def test_a_failure_midway_is_raised_and_the_fetched_messages_are_stored() -> None:
    """Messages of the conversation in which Facebook failed are stored too. The next run fetches the rest."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90), conversation("t_2", 80)))
    world.will("t_1", page_of(message("m_2", 90)))
    world.will("t_2", page_of(message("m_1", 80), after="B"), *[httpcore2.ReadError("cut") for _ in range(3)])
    with capture_logs() as lines, pytest.raises(GraphUnreachable):
        await world.heal()
    assert world.put_ == [["m_1", "m_2"]]
    assert world.healed("stored") == 2
    assert [line["event"] for line in lines] == ["graph_failed"]


async def test_a_token_that_dies_midway_is_reported_and_fetched_messages_stay() -> None:
    """The death is reported once, and the fetched messages are stored."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90), after="A"), refused(190, 460))
    world.will("t_1", page_of(message("m_1", 90)))
    with pytest.raises(TokenDead):
        await world.heal()
    assert (world.put_, len(world.setup.deaths)) == ([["m_1"]], 1)


async def test_a_refusal_of_the_first_call_stores_nothing() -> None:
    """No message was fetched."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, refused(10))
    with pytest.raises(PermissionMissing):
        await world.heal()
    assert world.put_ == []


async def test_unreadable_messages_are_counted_and_the_others_are_stored() -> None:
    """Graph gives details only of the newest messages."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90)))
    unreadable = [
        message("m_5", 80, id=None),
        message("m_4", 70, **{"from": None}),
        message("m_3", 60, **{"from": {"id": PAGE}}),
        message("m_2", 50, error={"code": 100}),
    ]
    world.will("t_1", page_of(message("m_6", 90), *unreadable, message("m_1", 40)))
    assert await world.heal() == 2
    assert world.put_ == [["m_1", "m_6"]]
    assert [world.healed(one) for one in ("no_id", "no_details", "no_other_side")] == [1, 2, 1]


async def test_a_message_without_a_time_ends_no_walk() -> None:
    """The store decides whether it stores a message without a time."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of({"id": "t_1"}))
    world.will("t_1", page_of(message("m_2", 90, created_time=None), message("m_1", 80)))
    assert await world.heal() == 2
    assert world.put_ == [["m_2", "m_1"]]


async def test_messages_are_stored_in_batches() -> None:
    """Between two batches the store answers other callers."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 900)))
    world.will("t_1", page_of(*[message(f"m_{n:03}", n) for n in range(PUT_MESSAGES + 1, 0, -1)]))
    assert await world.heal() == PUT_MESSAGES + 1
    assert [len(one) for one in world.put_] == [PUT_MESSAGES, 1]
    assert [mid for mids in world.put_ for mid in mids] == [f"m_{n:03}" for n in range(1, PUT_MESSAGES + 2)]


async def test_the_loss_of_the_store_ends_the_healing() -> None:
    """The healing is repeated later."""
    world = World(lost=True)
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90)))
    world.will("t_1", page_of(message("m_1", 90)))
    with pytest.raises(StoreLost):
        await world.heal()


async def test_a_lost_lease_ends_the_healing_before_the_next_call() -> None:
    """Another replica may heal the Page now."""
    world = World(leases_left=1)
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90)))
    with pytest.raises(StoreLost):
        await world.heal()
    assert world.setup.facebook.told == [CONVERSATIONS]


async def test_the_log_line_has_only_ids_and_numbers() -> None:
    """The log line has no words, no person and no conversation."""
    world = World()
    world.outcomes["m_1"] = "duplicate"
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90)))
    world.will("t_1", page_of(message("m_2", 90), message("m_3", 85, **{"from": None}), message("m_1", 80)))
    with capture_logs() as lines:
        await world.heal()
    assert lines == [
        {"event": "page_healed", "log_level": "info", "shop": SHOP, "page": PAGE, "messages": 2, "stored": 1}
    ]


async def test_a_refused_conversation_is_retried_and_the_others_are_healed() -> None:
    """The list of refused conversations has the conversation with its reason, until it is fetched."""
    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90), conversation("t_2", 80)))
    world.will("t_1", refused(100, 33), page_of(message("m_2", 90)))
    world.will("t_2", page_of(message("m_1", 80)))
    assert await world.heal() == 1
    assert world.record is not None
    (entry,) = world.record.unhealed
    assert (entry.conversation, entry.reason, entry.since, entry.tries) == ("t_1", "object_not_found", SINCE, 1)
    assert world.setup.count("heal_conversations_total", outcome="refused") == 1
    assert (await world.turn(None)).next_at == entry.next_try_at, "not before its pause is over"
    await world.setup.clock.sleep(70)
    assert (await world.turn(None)).next_at is None
    assert world.record.unhealed == ()
    assert world.put_ == [["m_1"], ["m_2"]]
    assert world.setup.count("heal_conversations_total", outcome="healed") == 1


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (lambda: refused(100), "parameter_refused"),
        (lambda: refused(100, 2018001), "object_not_found"),
        (lambda: refused(1), "graph_unavailable"),
        (lambda: refused(230), "permission_missing"),
        (too_much, "too_much_data"),
    ],
    ids=["100", "100/2018001", "1", "230", "too much"],
)
async def test_any_refusal_of_one_conversation_leaves_the_others(
    refusal: Callable[[], httpx2.Response], reason: str
) -> None:
    """The reason is in the entry of the refused conversation."""

    async def refuse(_: Asked) -> httpx2.Response:
        return refusal()

    world = World()
    world.setup.facebook.will(CONVERSATIONS, page_of(conversation("t_1", 90), conversation("t_2", 80)))
    world.setup.facebook.will("GET t_1/messages", *[refuse] * 10)
    world.will("t_2", page_of(message("m_1", 80)))
    assert await world.heal() == 1
    assert world.record is not None
    assert [(one.conversation, one.reason) for one in world.record.unhealed] == [("t_1", reason)]


async def test_the_next_turn_continues_where_the_last_turn_ended() -> None:
    """Other Pages have turns in between. No conversation is fetched twice."""
    world = World()

    async def slow(_: Asked) -> httpx2.Response:
        await world.setup.clock.sleep(TURN_SECONDS)
        return page_of(message("m_2", 90))

    page = page_of(conversation("t_1", 90), conversation("t_2", 80))
    world.setup.facebook.will(CONVERSATIONS, page, page_of(conversation("t_1", 90), conversation("t_2", 80)))
    world.setup.facebook.will("GET t_1/messages", slow)
    world.will("t_2", page_of(message("m_1", 80)))
    assert not (await world.turn()).ended
    assert world.put_ == [["m_2"]]
    assert (await world.turn()).ended
    assert world.put_ == [["m_2"], ["m_1"]]
    assert world.record is not None
    assert (world.record.conversations, world.record.messages, world.record.stored) == (2, 2, 2)


async def test_an_outage_of_graph_itself_stops_the_walk() -> None:
    """If Graph fails at three conversations in a row, the healing stops. It notes these three with their reason, so
    that a later turn tries them again.
    """
    world = World()
    rows = [conversation(f"t_{n}", 90 - n) for n in range(5)]
    world.setup.facebook.will(CONVERSATIONS, page_of(*rows))
    for n in range(3):
        world.will(f"t_{n}", *[refused(2) for _ in range(3)])
    with pytest.raises(GraphUnavailable):
        await world.heal()
    assert world.record is not None
    assert [one.reason for one in world.record.unhealed] == ["graph_unavailable"] * 3
    assert world.record.status == "running"
