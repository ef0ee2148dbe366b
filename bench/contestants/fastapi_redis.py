"""FastAPI and redis-py with one transaction per message, as a user would write it in Python.

As the other programs do, it checks the signature, stores each message once for five days, indexes it by time, and
answers afterwards. It has no compression, shops, purges, edits, limits, metrics or log lines.
"""

import hashlib
import hmac
import json
import os
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from redis.asyncio import Redis

from bench.contestants.serving import serve

FIVE_DAYS = 5 * 24 * 60 * 60
SECRET = os.environ["FACEBOOK_APP_SECRET"].encode()

app = FastAPI()
redis: Any = Redis.from_url(os.environ["REDIS_URL"])


@app.post("/webhook")
async def webhook(request: Request) -> Response:
    """Receive one delivery."""
    body = await request.body()
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("x-hub-signature-256", "")):
        raise HTTPException(401)
    for entry in json.loads(body)["entry"]:
        for event in entry.get("messaging", []):
            if "message" not in event:
                continue
            mid = event["message"]["mid"]
            async with redis.pipeline(transaction=True) as pipe:
                pipe.set(f"message:{mid}", json.dumps(event), nx=True, ex=FIVE_DAYS)
                pipe.zadd(f"page:{entry['id']}", {mid: event["timestamp"]})
                await pipe.execute()
    return Response()


if __name__ == "__main__":
    serve(app)
