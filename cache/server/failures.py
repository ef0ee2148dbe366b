"""Finds the reason for an error of the Redis client. Each cause has its own reason in logs, checks and doctor.

An error inside a script has other text around it, so words are searched in the texts. Texts are not passed on, because
they may contain keys. The searched words are from the server (`src/server.c` of Redis 7.0).
"""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis import exceptions as redis_errors

from cache.errors import Unavailable, UnavailableReason

FAILURES: Final = (redis_errors.RedisError, redis_errors.RedisClusterException, OSError)
"""The errors that a call of the client raises."""

_CLASSES: Final[tuple[tuple[tuple[type[BaseException], ...], UnavailableReason], ...]] = (
    ((ssl.SSLCertVerificationError,), "redis_certificate_untrusted"),
    ((ssl.SSLError,), "redis_tls_refused"),
    ((socket.gaierror,), "redis_host_unknown"),
    ((ConnectionRefusedError, FileNotFoundError), "redis_not_listening"),
    ((redis_errors.AuthenticationError,), "redis_login_refused"),
    ((redis_errors.NoPermissionError,), "redis_no_permission"),
    ((redis_errors.OutOfMemoryError,), "redis_full"),
    ((redis_errors.ReadOnlyError,), "redis_read_only"),
    ((redis_errors.BusyLoadingError,), "redis_loading"),
    # The node waits for another node, or for a slot that moves.
    ((redis_errors.TryAgainError, redis_errors.ClusterDownError, redis_errors.MasterDownError), "redis_unreachable"),
    ((redis_errors.TimeoutError, TimeoutError), "redis_timeout"),
)
"""The order matters, because the error of a failed connection can contain an error of TLS or of the name service."""

_WORDS: Final[tuple[tuple[str, UnavailableReason], ...]] = (
    ("NOREPLICAS", "redis_not_replicated"),
    ("MISCONF", "redis_disk_failed"),
    ("NOPERM", "redis_no_permission"),
    ("permissions", "redis_no_permission"),
    ("OOM", "redis_full"),
    ("READONLY", "redis_read_only"),
    ("BUSY", "redis_busy"),
    ("LOADING", "redis_loading"),
    ("max number of clients", "redis_too_many_clients"),
    ("unknown command", "redis_command_unknown"),
    ("Unknown Redis command", "redis_command_unknown"),  # the text of the error in a script
)
_SENTINEL: Final = "redis_sentinel_login_refused"


def reason_of(error: BaseException) -> UnavailableReason:
    """Returns the reason why a call failed."""
    if isinstance(error, redis_errors.ConnectionError) and str(error).startswith("No master found"):
        return _SENTINEL if "Authentication" in str(error) else "redis_no_master"
    causes = list(_chain(error))
    for classes, reason in _CLASSES:
        if any(isinstance(cause, classes) for cause in causes):
            return reason
    text = str(error)
    for words, reason in _WORDS:
        if words in text:
            return reason
    return "redis_refused" if isinstance(error, redis_errors.ResponseError) else "redis_unreachable"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


@contextmanager
def our_errors() -> Iterator[None]:
    """Turn errors of the client into `Unavailable`. The reason shows what the operator should check."""
    try:
        yield
    except FAILURES as error:
        raise Unavailable(reason_of(error)) from None


def raise_if_cancelled() -> None:
    """Raise CancelledError if this task was cancelled. The client sends with `asyncio.wait_for`, in which
    Python 3.11 may ignore a cancellation (https://github.com/python/cpython/issues/86296). Endless loops call this.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling() > 0:
        raise asyncio.CancelledError
