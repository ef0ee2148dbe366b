"""The errors of the store: eight classes, each with one reason or a fixed list of reasons."""

from typing import ClassVar, Final, Literal

from domain.errors import Kind, PageInboxError

UnavailableReason = Literal[
    "redis_unreachable",
    "redis_host_unknown",
    "redis_not_listening",
    "redis_no_master",
    "redis_certificate_untrusted",
    "redis_tls_refused",
    "redis_login_refused",
    "redis_sentinel_login_refused",
    "redis_too_many_clients",
    "redis_no_permission",
    "redis_command_unknown",
    "redis_disk_failed",
    "redis_busy",
    "redis_timeout",
    "redis_full",
    "redis_read_only",
    "redis_loading",
    "redis_not_replicated",
    "redis_refused",
    "redis_unfit",
    "redis_clock_wrong",
    "redis_went_back",
    "purge_journal_failed",
    "no_page_connected",
    "registry_lost",
    "seal_key_missing",
    "queue_full",
    "closing",
    "contended",
]
UNREACHED: Final = frozenset({"redis_unreachable", "redis_host_unknown", "redis_not_listening", "redis_no_master"})
"""Reasons of a failed connection. After them, a call that may be carried out twice is sent again."""
NOT_ALLOWED: Final = frozenset({"redis_refused", "redis_no_permission", "redis_command_unknown"})
"""Reasons that mean: the server does not carry out this command for this user."""
NotFoundReason = Literal["message_not_found", "purge_not_found", "page_not_found", "conversation_not_found"]
EmbeddedReason = Literal[
    "server_not_found",
    "directory_unusable",
    "directory_in_use",
    "server_start_failed",
    "server_start_timeout",
    "not_main_thread",
]


class Unavailable(PageInboxError):
    """The store cannot carry out this call now. The same call may succeed later."""

    kind: ClassVar[Kind] = "unavailable"

    def __init__(self, reason: UnavailableReason, sentence: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(reason, sentence, retry_after=retry_after)


def contended() -> Unavailable:
    """Returns the error of a call that failed because other writers changed the same value at every try. The caller may
    try again 1 s later."""
    return Unavailable("contended", retry_after=1)


class Corrupt(PageInboxError):
    """A stored record cannot be read: it is damaged, has an unknown version, or its shop's secret was erased."""

    kind: ClassVar[Kind] = "internal"

    def __init__(self) -> None:
        super().__init__("corrupt_record")


class CursorRefused(PageInboxError):
    """Raised for a cursor that the service did not make, or that belongs to another list."""

    kind: ClassVar[Kind] = "invalid"

    def __init__(self, sentence: str) -> None:
        super().__init__("invalid_cursor", sentence)


class PageTaken(PageInboxError):
    """The Page is connected to another shop. The error's sentence does not name the other shop."""

    kind: ClassVar[Kind] = "conflict"

    def __init__(self) -> None:
        super().__init__("page_of_another_shop", "This Page is connected to another shop.")


class NotFound(PageInboxError):
    """The shop does not have what was asked for. The answer is the same if another shop has it."""

    kind: ClassVar[Kind] = "not_found"

    def __init__(self, reason: NotFoundReason, sentence: str) -> None:
        super().__init__(reason, sentence)


class SealKeysMissing(PageInboxError):
    """There is no key to seal or sign with. The store keeps no unsealed token."""

    kind: ClassVar[Kind] = "not_configured"

    def __init__(self, sentence: str = "") -> None:
        super().__init__(
            "setting_missing",
            sentence
            or "Tokens are kept sealed only: ask the operator to set SEAL_KEYS; `openssl rand -base64 32` makes a key.",
        )


class SealBroken(PageInboxError):
    """A sealed value cannot be opened: its key is not in SEAL_KEYS, the value was moved, or it is damaged."""

    kind: ClassVar[Kind] = "conflict"

    def __init__(self) -> None:
        super().__init__(
            "reconnect_page",
            "The Page must be connected again with a token: the key that sealed the one it had is not in SEAL_KEYS.",
        )


class EmbeddedRefused(PageInboxError):
    """The private server cannot be started. The sentence says what to do."""

    kind: ClassVar[Kind] = "unavailable"

    def __init__(self, reason: EmbeddedReason, sentence: str) -> None:
        super().__init__(reason, sentence)
