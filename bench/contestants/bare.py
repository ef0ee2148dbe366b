"""The least: reads the body, looks at nothing, answers 200. No server in Python on this stack does more a second."""

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
