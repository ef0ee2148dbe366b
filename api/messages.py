"""The handlers with which a shop reads its messages and conversations. They add the telephone numbers of messages."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from api.answers import conversation_json, message_json
from api.at_once import AtOnce
from api.call import AuthorizedCall, answer_bytes, slice_body
from api.compression import Compression
from api.params import ConversationsQuery, MessagesQuery
from api.phone_places import PhoneNumbers
from domain import limits
from domain.ids import MessageId, PageId, ShopId
from domain.kept import KeptConversation, KeptMessage
from domain.query import MessageQuery, Slice

Kept = TypeVar("Kept", KeptMessage, KeptConversation)


def _matching(fits: Callable[[Kept], bool], as_json: Callable[[Kept], bytes]) -> Callable[[Kept], bytes | None]:
    """Returns `as_json` of an item that matches a search, and None for other items."""
    return lambda found: as_json(found) if fits(found) else None


class MessageReader(Protocol):
    """Reads the stored data of one shop."""

    async def messages(
        self, shop: ShopId, query: MessageQuery, as_json: Callable[[KeptMessage], bytes | None], /, *, searching: bool
    ) -> Slice[bytes]:
        """Returns the results of `as_json` for the messages, newest receipt first. A result None is left out."""
        ...

    async def message(self, shop: ShopId, message: MessageId, /) -> KeptMessage:
        """Returns one message. Raises an error of kind not_found."""
        ...


class ConversationReader(Protocol):
    """Lists the conversations of one shop."""

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
        """Returns the results of `as_item` for the conversations, newest activity first. A result None is left out."""
        ...


class Messages:
    """The handlers."""

    def __init__(
        self,
        reader: MessageReader,
        conversations: ConversationReader,
        compression: Compression,
    ) -> None:
        self._reader = reader
        self._conversations = conversations
        self._phone_numbers = PhoneNumbers()
        self._compression = compression
        self._searches = AtOnce(
            limits.SEARCHES_AT_ONCE,
            "too_many_searches",
            f"This shop does {limits.SEARCHES_AT_ONCE} searches at present; wait until one has ended.",
            retry_after=1,
        )

    async def list(self, call: AuthorizedCall) -> Response:
        """GET messages"""
        query = call.query_as(MessagesQuery)
        search = query.search()
        searching = search is not None
        as_json: Callable[[KeptMessage], bytes | None] = self._message
        if search is not None:
            as_json = _matching(search.of_messages(self._phone_numbers.find), self._message)
        with self._searches.one_more(call.shop) if searching else nullcontext():
            found = await self._reader.messages(call.shop, query.query(), as_json, searching=searching)
        return self._answer(call.request, "messages", found, searching)

    async def one(self, call: AuthorizedCall) -> Response:
        """GET messages/{id}"""
        found = await self._reader.message(call.shop, MessageId(call.ids["id"]))
        return answer_bytes(self._message(found))

    async def conversations(self, call: AuthorizedCall) -> Response:
        """GET conversations"""
        query = call.query_as(ConversationsQuery)
        page = None if query.page is None else PageId(query.page)
        search = query.search(query.answered)
        searching = search is not None
        as_json: Callable[[KeptConversation], bytes | None] = self._conversation
        if search is not None:
            as_json = _matching(search.of_conversations(self._phone_numbers.find), self._conversation)
        with self._searches.one_more(call.shop) if searching else nullcontext():
            found = await self._conversations.conversations(
                call.shop, limit=query.limit, cursor=query.cursor, page=page, as_item=as_json, searching=searching
            )
        return self._answer(call.request, "conversations", found, searching)

    def _message(self, message: KeptMessage) -> bytes:
        return message_json(message, self._phone_numbers.find(message.content))

    def _conversation(self, conversation: KeptConversation) -> bytes:
        return conversation_json(conversation, self._phone_numbers.find(conversation.last_message.content))

    def _answer(self, request: Request, name: str, found: Slice[bytes], searched: bool) -> Response:
        body = slice_body(name, found.items, found.next_cursor, found.looked_at if searched else None)
        return self._compression.answer(body, request.headers.get("accept-encoding", ""))
