"""Makes the public server of an application, and configures the garbage collector of a serving process."""

import gc
import resource
from functools import partial
from typing import Any, Final

import uvicorn

from app.asgi_connection import AsgiConnection
from app.delivery_connection import DeliveryConnection
from app.edge import MOST_CONNECTIONS, SPARE_FILES, Edge
from app.factory import Application
from app.server import make_server

GARBAGE_OBJECTS: Final = 10_000
"""The number of new objects after which the garbage collector checks the youngest objects. This number of objects has
about 2 MB, and the check takes a millisecond."""


def most_connections() -> int:
    """Returns how many connections the public port may hold: as many as open files allow, at most MOST_CONNECTIONS."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(min(MOST_CONNECTIONS, soft - SPARE_FILES), 1)


def make_public(app: Application) -> uvicorn.Server:
    """Returns the public server. Call this inside the event loop."""
    settings = app.services.settings
    edge = Edge(most_connections(), app.services.metrics.dropped)
    connection: Any = AsgiConnection
    if app.outermost is app:  # with tracing, the ASGI application handles each request
        connection = partial(DeliveryConnection, app.receiver)
    protocol = partial(connection, edge, app.busy, settings.max_body_bytes)
    public = make_server(
        app.outermost,
        lifespan=True,
        proxies=settings.trusted_proxies,
        protocol=protocol,
    )
    keep_what_is_here()
    return public


def keep_what_is_here() -> None:
    """Let the garbage collector ignore all objects that exist now, and check new objects less often.

    A request makes no reference cycles. If the collector searched for cycles after every 700 new objects, the searches
    would take an eighth of the CPU time.
    """
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 20, 20)


def stop_serving(server: uvicorn.Server, app: Application) -> None:
    """Stop the server and end all streams now. The server waits for open requests, and a stream has no end of its
    own."""
    server.should_exit = True
    # keeps: streams end in order
    app.services.fan_out.end_all("closing")
