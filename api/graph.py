"""A shop's requests to Facebook, made by this service. Answers are fetched now and never stored."""

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from api.call import AuthorizedCall, answer_json, call_of
from api.graph_params import CommentsQuery, EdgeQuery, InboxQuery, PostsQuery
from domain.graph import Fetched, GraphQuery
from domain.ids import PageId, ShopId


class GraphReader(Protocol):
    """Asks Facebook's Graph API with a Page's own token."""

    async def fetch(self, shop: ShopId, query: GraphQuery, /) -> Fetched:
        """Returns one list page of an edge, as JSON objects in the shape of the API's answers.

        Raises an error of kind not_found if the Page is not the shop's or Facebook has no such object. Kind conflict
        means that the Page's token is missing, dead or lacks a permission. The other kinds are throttled,
        upstream_failed and upstream_timeout.
        """
        ...


class Graph:
    """The handlers. All paths begin with pages/{page}."""

    def __init__(self, reader: GraphReader) -> None:
        self._reader = reader

    async def posts(self, request: Request) -> Response:
        """GET posts"""
        call = call_of(request)
        return await self._fetch(call, call.query_as(PostsQuery).query("posts", _page(call)))

    async def videos(self, request: Request) -> Response:
        """GET videos"""
        call = call_of(request)
        return await self._fetch(call, call.query_as(EdgeQuery).query("videos", _page(call)))

    async def live_videos(self, request: Request) -> Response:
        """GET live-videos"""
        call = call_of(request)
        return await self._fetch(call, call.query_as(EdgeQuery).query("live_videos", _page(call)))

    async def live_comments(self, request: Request) -> Response:
        """GET live-videos/{video}/comments"""
        call = call_of(request)
        return await self._fetch(
            call, call.query_as(CommentsQuery).query("live_comments", _page(call), call.ids["video"])
        )

    async def comments(self, request: Request) -> Response:
        """GET posts/{post}/comments"""
        call = call_of(request)
        return await self._fetch(call, call.query_as(CommentsQuery).query("comments", _page(call), call.ids["post"]))

    async def replies(self, request: Request) -> Response:
        """GET comments/{comment}/replies"""
        call = call_of(request)
        return await self._fetch(call, call.query_as(CommentsQuery).query("replies", _page(call), call.ids["comment"]))

    async def conversations(self, request: Request) -> Response:
        """GET conversations"""
        call = call_of(request)
        return await self._fetch(call, call.query_as(InboxQuery).of_page(_page(call)))

    async def conversation_messages(self, request: Request) -> Response:
        """GET conversations/{id}/messages"""
        call = call_of(request)
        query = call.query_as(EdgeQuery).query("conversation_messages", _page(call), call.ids["id"])
        return await self._fetch(call, query)

    async def customer(self, request: Request) -> Response:
        """GET customers/{psid}: one item. `limit` and `after` are accepted, as on the other routes, but have no
        effect."""
        call = call_of(request)
        return await self._fetch(call, GraphQuery("customer", _page(call), call.ids["psid"]))

    async def _fetch(self, call: AuthorizedCall, query: GraphQuery) -> Response:
        found = await self._reader.fetch(call.shop, query)
        return answer_json({"items": found.items, "after": found.after})


def _page(call: AuthorizedCall) -> PageId:
    return PageId(call.ids["page"])
