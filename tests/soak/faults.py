"""The faults of a soak, in random order. Each function returns when its fault is over."""

import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from domain.secret import Secret
from simulator.serialize import serialize
from simulator.signing import signed
from tests.callers import Facebook, texts
from tests.soak.stage import Stage

IDLE: Final = 500
FORGED: Final = 500
LASTS_SECONDS: Final = 1.5


def _hangs(stage: Stage) -> None:
    stage.valkey.hang()
    try:
        time.sleep(LASTS_SECONDS)
    finally:
        stage.valkey.go_on()


def _restarts(stage: Stage) -> None:
    stage.valkey.stop()
    stage.valkey.start()


def _full(stage: Stage) -> None:
    stage.valkey.fill_up()
    time.sleep(LASTS_SECONDS)
    stage.valkey.make_room()


def _forgets_scripts(stage: Stage) -> None:
    with stage.valkey.client() as client:
        client.script_flush()


def _cuts(stage: Stage) -> None:
    with stage.valkey.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)


def _killed(stage: Stage) -> None:
    stage.replace_mortal(signal.SIGKILL)


def _stopped(stage: Stage) -> None:
    stage.replace_mortal(signal.SIGTERM)


def _idle(stage: Stage) -> None:
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(socket.create_connection(("127.0.0.1", stage.steady.port)))
        time.sleep(LASTS_SECONDS)


def _half(stage: Stage) -> None:
    """Send a hundred requests that end in the middle of their bodies."""
    head = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", stage.steady.port)) as connection:
            connection.sendall(head)


def _forged(stage: Stage) -> None:
    body = serialize(texts(["m_forged"]))
    headers = signed(body, Secret("a-secret-that-is-not-the-app's"))
    with Facebook(stage.steady.url) as facebook:
        for _ in range(FORGED):
            assert facebook.deliver(body, headers).status_code == 401


FAULTS: Final[dict[str, Callable[[Stage], None]]] = {
    "Redis hangs": _hangs,
    "Redis restarts": _restarts,
    "Redis is full": _full,
    "Redis forgets the scripts": _forgets_scripts,
    "Redis drops every connection": _cuts,
    "a replica is killed": _killed,
    "a replica is stopped": _stopped,
    "idle connections": _idle,
    "half bodies": _half,
    "forged deliveries": _forged,
}

IN_MAIN_THREAD: Final = {"Redis restarts"}
"""A server that is tied to the thread that started it ends with this thread (cache/embedded/tether.py)."""
