"""The API over fakes: a store with a few fixed values that records each call, and the routes of production."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import orjson
from starlette.applications import Starlette
from starlette.testclient import TestClient

import app.routes
from api.auth import Tokens
from api.docs import description_routes
from api.errors import exception_handlers
from api.route import Route, to_starlette
from app.wiring import Services
from domain.audit import Access
from domain.errors import Kind, PageInboxError
from domain.graph import Edge, Fetched, GraphQuery
from domain.heal import Heal
from domain.ids import ConversationId, MessageId, PageId, Psid, PurgeId, ShopId, conversation_of
from domain.kept import KeptConversation, KeptMessage, StaffMark
from domain.purge import PurgeTarget, Receipt
from domain.query import MessageQuery, Slice
from domain.secret import Secret
from domain.shop import SCOPES, Page, PageState, Scope, Shop

NOW = 1_770_000_000
SECRET = Secret("a secret of thirty-two bytes or more")
OTHER_SECRET = Secret("another one, which signed before now")
SHOP = "/v1/shops/demo"

PAGE = PageId("104200000000001")
CONTENT = {
    "id": "m_1",
    "page_id": "104200000000001",
    "conversation_id": "104200000000001_7",
    "direction": "in",
    "kind": "message",
    "text": "តម្លៃប៉ុន្មាន?",
    "attachments": [{"type": "image", "url": "https://cdn.example/a.jpg", "sticker_id": "1"}],
}
MESSAGE = CONTENT | {"received_at": "2026-02-02T02:40:00.000Z", "expires_at": "2026-02-07T02:40:00.000Z"}
KEPT = KeptMessage(orjson.dumps(CONTENT), NOW * 1000, (NOW + 432_000) * 1000)
CONVERSATION = {
    "id": "104200000000001_7",
    "page_id": "104200000000001",
    "customer_id": "7",
    "message_count": 1,
    "last_message": MESSAGE,
    "last_activity_at": "2026-02-02T02:40:00.000Z",
}


POST = {
    "id": "104200000000001_7701",
    "message": "ទំនិញថ្មី",
    "created_time": "2026-02-02T02:40:00.000Z",
    "attachments": [{"media_type": "photo", "target": {"id": "8802"}, "url": "https://www.example/p"}],
    "comment_count": 2,
    "reaction_count": 5,
    "share_count": 1,
    "status_of_tomorrow": "a field that Facebook has added since",
}
COMMENT = {
    "id": "7701_5501",
    "message": "ថ្លៃប៉ុន្មាន?",
    "created_time": "2026-02-02T02:41:10.000Z",
    "from": {"id": "7000000000000001", "name": "សុខា"},
    "comment_count": 1,
}
FETCHED: dict[Edge, list[dict[str, Any]]] = {
    "posts": [POST],
    "videos": [{"id": "9904", "length": 12.5, "permalink_url": "/104200000000001/videos/9904/"}],
    "live_videos": [{"id": "9", "status": "LIVE", "live_views": 12, "video": {"id": "9904"}}],
    "comments": [COMMENT],
    "live_comments": [COMMENT],
    "replies": [COMMENT | {"id": "7701_5502", "parent": {"id": "7701_5501"}}],
    "conversations": [{"id": "t_1", "updated_time": "2026-02-02T02:40:00.000Z", "participants": [{"id": "7"}]}],
    "conversation_messages": [{"id": "m_1", "message": "", "attachments": [{"mime_type": "image/jpeg"}]}],
    "attachments": [{"type": "image", "url": "https://cdn.example/a.jpg"}],
    "customer": [{"id": "7", "name": "សុខា"}],
}
CONNECTED = PageState(
    NOW * 1000, token_alive=True, subscribed_fields=("messages", "message_edits"), missing_permissions=()
)


class Refused(PageInboxError):
    """An error that a store raises, of any kind."""

    def __init__(self, kind: Kind, reason: str, *, retry_after: int | None = None) -> None:
        super().__init__(reason, f"It is {reason}.", retry_after=retry_after)
        self.kind = kind  # type: ignore[misc]


class Store:
    """Readers, purger, registry and connector in one. `asked` is the last call."""

    known: ClassVar = {"m_1", "mid.$cAAB:1.-_"}

    def __init__(self) -> None:
        self.asked: tuple[Any, ...] = ()
        self.paused = False
        self.until: int | None = None
        self.labels: tuple[str, ...] = ()
        self.blocked: ConversationId | None = None
        self.known_page = Page(PageId("104200000000001"), NOW * 1000)

    async def messages(
        self, shop: ShopId, query: MessageQuery, as_json: Callable[[KeptMessage], bytes | None], /, *, searching: bool
    ) -> Slice[bytes]:
        """Returns two messages. A search returns only those of them that match. The list continues."""
        self._note("messages", shop, query)
        found = [as_json(KEPT) for _ in range(2)]
        assert searching or None not in found
        return Slice([one for one in found if one is not None], "c1", 2)

    async def message(self, shop: ShopId, message: MessageId, /) -> KeptMessage:
        """Returns a known message."""
        self._note("message", shop, message)
        if message not in self.known:
            raise Refused("not_found", "message_not_found")
        return KEPT

    async def conversations(
        self,
        shop: ShopId,
        /,
        *,
        limit: int,
        cursor: str | None,
        page: PageId | None,
        as_item: Callable[[KeptConversation], bytes | None],
        searching: bool,
    ) -> Slice[bytes]:
        """Returns one conversation. The list ends after it."""
        self._note("conversations", shop, limit, cursor, page)
        customer = Psid("7")
        kept = KeptConversation(conversation_of(PAGE, customer), PAGE, customer, 1, NOW * 1000, KEPT)
        found = as_item(kept)
        assert searching or found is not None
        return Slice([] if found is None else [found], None, 1)

    async def purge_shop(self, shop: ShopId, requested_by: str, /) -> Receipt:
        """Returns the receipt of a purge that is still erasing."""
        return self._receipt("shop", shop, requested_by, complete=False)

    async def purge_conversation(self, shop: ShopId, conversation: ConversationId, requested_by: str, /) -> Receipt:
        """Returns the receipt of a finished purge."""
        return self._receipt("conversation", shop, conversation, requested_by)

    async def purge_message(self, shop: ShopId, message: MessageId, requested_by: str, /) -> Receipt:
        """Returns the receipt of a finished purge."""
        return self._receipt("message", shop, message, requested_by)

    async def fetch(self, shop: ShopId, query: GraphQuery, /) -> Fetched:
        """Returns one item. The list continues, but not for a customer."""
        self._note("fetch", shop, query)
        return Fetched(FETCHED[query.edge], None if query.edge == "customer" else "QVFIUmx1")

    async def disconnect(self, shop: ShopId, page: PageId, requested_by: str, /) -> Receipt:
        """Returns the receipt of a finished purge."""
        return self._receipt("page", shop, page, requested_by)

    async def receipt(self, shop: ShopId, purge: PurgeId, /) -> Receipt:
        """Returns the receipt of an earlier purge."""
        return self._receipt("shop", shop, purge)

    async def shop(self, shop: ShopId, /) -> Shop:
        """Returns a shop with one Page."""
        self._note("shop", shop)
        return Shop(shop, self.paused, (self.known_page,), self.until)

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        """Returns the known Page."""
        self._note("page", shop, page)
        if page != self.known_page.id:
            raise Refused("not_found", "page_not_found")
        return self.known_page

    async def pause(self, shop: ShopId, paused: bool, until: int | None, /) -> Shop:
        """Store the pause of the shop."""
        self._note("pause", shop, paused, until)
        self.paused, self.until = paused, until
        return await self.shop(shop)

    async def pause_page(self, shop: ShopId, page: PageId, paused: bool, until: int | None, /) -> Page:
        """Store the pause of the Page."""
        self._note("pause_page", shop, page, paused, until)
        self.known_page = replace(await self.page(shop, page), paused=paused, paused_until=until)
        return self.known_page

    async def put(
        self, shop: ShopId, conversation: ConversationId, /, *, done: bool, unread: bool, labels: Sequence[str]
    ) -> StaffMark:
        """Returns a mark that was set now."""
        self._note("put", shop, conversation, done, unread, [*labels])
        return StaffMark(conversation, PAGE, done, unread, tuple(labels), NOW * 1000)

    async def read(self, shop: ShopId, /) -> tuple[str, ...]:
        """Returns the list of labels."""
        self._note("labels", shop)
        return self.labels

    async def replace(self, shop: ShopId, labels: Sequence[str], /) -> None:
        """Replace the list of labels."""
        self._note("replace", shop, *labels)
        self.labels = tuple(labels)

    async def block(self, shop: ShopId, conversation: ConversationId, /) -> int:
        """Returns the block of this conversation, set now."""
        self._note("block", shop, conversation)
        self.blocked = conversation
        return NOW * 1000

    async def lift(self, shop: ShopId, conversation: ConversationId, /) -> None:
        """Lift the block."""
        self._note("lift", shop, conversation)
        self.blocked = None

    async def since(self, shop: ShopId, conversation: ConversationId, /) -> int | None:
        """Returns the time of the block if the conversation is blocked."""
        self._note("since", shop, conversation)
        return NOW * 1000 if conversation == self.blocked else None

    async def purge(self, shop: ShopId, customer: Psid, requested_by: str, /) -> Receipt:
        """Returns the receipt of a finished purge."""
        return self._receipt("customer", shop, customer, requested_by)

    async def connect(self, shop: ShopId, page: PageId, token: Secret | None, /, *, history: bool) -> Page:
        """Connect the Page now. Record the token's value, so that a test can see it."""
        self._note("connect", shop, page, token and token.reveal(), *(() if history else ("no history",)))
        return Page(page, NOW * 1000, state=None if token is None else CONNECTED)

    async def request(self, shop: ShopId, page: PageId, /) -> Page:
        """Returns that the service will fetch the Page's missed messages."""
        self._note("heal", shop, page)
        return Page(page, NOW * 1000, state=replace(CONNECTED, heal_since=NOW * 1000))

    async def progress(self, shop: ShopId, page: PageId, /) -> Heal | None:
        """Returns that missed messages of the Page were never fetched."""
        return None

    def _receipt(self, what: PurgeTarget, *asked: str, complete: bool = True) -> Receipt:
        self._note(what, *asked)
        return Receipt(PurgeId("p-1"), what, NOW * 1000 + 5, asked[-1], complete, 3)

    def _note(self, *asked: Any) -> None:
        self.asked = asked


ALL = "/v1/shops/{shop}"

_ELSEWHERE = {"openStream", "giveTicket", "exportShop", "listAudit", "fetchAttachment", "fetchCustomers"}
"""Routes that need a parameter, or more than this store. Other tests call these routes."""


def table(store: Store) -> list[Route]:
    """Returns the routes of a shop as production has them, over this store."""
    kept = ("reader", "conversations", "purger", "customers", "blocked", "staff_marks", "labels", "shops", "audit_log")
    services = SimpleNamespace(
        store=SimpleNamespace(**dict.fromkeys(kept, store), signer=SimpleNamespace(jwks=dict)),
        graph=SimpleNamespace(reader=store, pages=store, healing=store),
        fan_out=None,
        tickets=None,
        exporter=SimpleNamespace(export=None),
        withdrawal=None,
        metrics=None,
        settings=SimpleNamespace(
            connect_without_proof="shop", app_secrets=(), public_url=None, graph_url="", order_origins=()
        ),
    )
    routes = app.routes.table(cast("Services", services))
    return [route for route in routes if route.scope is not None and route.name not in _ELSEWHERE]


class Unavailable(PageInboxError):
    """The error of a store that is not available."""

    kind: ClassVar[Kind] = "unavailable"

    def __init__(self) -> None:
        super().__init__("redis_unreachable")


class Recorder:
    """Remembers each caller and request. Raises `error` if it is set."""

    def __init__(self) -> None:
        self.recorded: list[tuple[str, Access]] = []
        self.error: PageInboxError | None = None

    async def record(self, shop: ShopId, access: Access) -> None:
        """Record the call."""
        if self.error is not None:
            raise self.error
        self.recorded.append((shop, access))


class Setup:
    """The API, its store, and a client with a token for everything in the shop `demo`."""

    def __init__(self) -> None:
        self.store = Store()
        self.recorder = Recorder()
        self.tokens = Tokens([SECRET], now=lambda: NOW)
        self.routes = table(self.store)
        served = [*self.routes, *description_routes(self.routes, version="1.0")]
        self.app = Starlette(
            routes=to_starlette(served, self.tokens, self.recorder), exception_handlers=exception_handlers()
        )
        from_ = ("192.0.2.7", 50_000)
        self.client = TestClient(self.app, raise_server_exceptions=False, headers=self.bearer(), client=from_)

    def bearer(self, shop: str = "demo", *scopes: Scope) -> dict[str, str]:
        """Returns the header of a token. Without a scope the token has every scope."""
        token = self.tokens.mint(ShopId(shop), scopes or SCOPES, 60, "dara", NOW)
        return {"Authorization": f"Bearer {token}"}
