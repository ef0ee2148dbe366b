"""The minimum: reads the body, does not examine it, and answers 200. No Python server on uvicorn answers more requests
per second."""

from typing import Any

from bench.contestants.serving import serve

HEADERS = [(b"content-length", b"0")]


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Answer one request."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    serve(app)
