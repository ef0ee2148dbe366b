"""The server of every Python contestant, with the settings of `app/server.py`."""

import os
from typing import Any

import uvicorn


def serve(app: Any) -> None:
    """Serve `app` on PORT until SIGTERM."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
    )
