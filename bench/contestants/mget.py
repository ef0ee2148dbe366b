"""Starlette and one MGET: a read that only fetches the same bytes and joins them."""

import os
from typing import Any

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.contestants.serving import serve

PARTS = 50

redis: Any = Redis.from_url(os.environ["REDIS_URL"])
KEYS = {name: [f"bare:{name}:{number}" for number in (*range(PARTS), "tail")] for name in ("first", "deep")}


async def page(request: Request) -> Response:
    """Answers one page of messages. Each message is stored as the JSON that the answer contains."""
    *messages, tail = await redis.mget(KEYS[request.path_params["name"]])
    return Response(b'{"messages":[' + b",".join(messages) + tail, media_type="application/json")


app = Starlette(routes=[Route("/{name}", page)])

if __name__ == "__main__":
    serve(app)
