"""What can go wrong with the store: eight facts, each with its closed list of reasons."""

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
"""Reasons after which nothing was carried out, or the same call may be sent to another server."""
NOT_ALLOWED: Final = frozenset({"redis_refused", "redis_no_permission", "redis_command_unknown"})
"""Reasons of a server that does not carry out this command for this user."""
CorruptReason = Literal["corrupt_record"]
CursorReason = Literal["invalid_cursor"]
PageTakenReason = Literal["page_of_another_shop"]
NotFoundReason = Literal["message_not_found", "purge_not_found", "page_not_found"]
SealKeysMissingReason = Literal["setting_missing"]
SealBrokenReason = Literal["reconnect_page"]
EmbeddedReason = Literal[
    "server_not_found",
    "directory_unusable",
    "directory_in_use",
    "server_start_failed",
    "server_start_timeout",
    "not_main_thread",
]


class Unavailable(PageInboxError):
    """The store cannot take or answer this now; the same call may succeed later."""

    kind: ClassVar[Kind] = "unavailable"
    transient: ClassVar[bool] = True

    def __init__(self, reason: UnavailableReason, sentence: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(reason, sentence, retry_after=retry_after)


def contended() -> Unavailable:
    """Other writers changed the same thing at every try. Redis is well: the same call succeeds a little later."""
    return Unavailable("contended", retry_after=1)


class Corrupt(PageInboxError):
    """A record is there and cannot be read: cut short, of an unknown version, or sealed with a key we do not have."""

    kind: ClassVar[Kind] = "internal"

    def __init__(self, reason: CorruptReason = "corrupt_record", sentence: str = "") -> None:
        super().__init__(reason, sentence)


class CursorRefused(PageInboxError):
    """A cursor that we did not hand out, or that belongs to another question."""

    kind: ClassVar[Kind] = "invalid"

    def __init__(self, reason: CursorReason = "invalid_cursor", sentence: str = "") -> None:
        super().__init__(reason, sentence)


class PageTaken(PageInboxError):
    """The Page is connected to another shop. The sentence does not say to which."""

    kind: ClassVar[Kind] = "conflict"

    def __init__(self, reason: PageTakenReason = "page_of_another_shop", sentence: str = "") -> None:
        super().__init__(reason, sentence)


class NotFound(PageInboxError):
    """The shop has no such thing. The answer is the same if another shop has it."""

    kind: ClassVar[Kind] = "not_found"

    def __init__(self, reason: NotFoundReason, sentence: str = "") -> None:
        super().__init__(reason, sentence)


class SealKeysMissing(PageInboxError):
    """There is no key to seal a token with, and unsealed none is kept."""

    kind: ClassVar[Kind] = "not_configured"

    def __init__(self, reason: SealKeysMissingReason = "setting_missing", sentence: str = "") -> None:
        super().__init__(
            reason,
            sentence
            or "Tokens are kept sealed only: ask the operator to set SEAL_KEYS; `openssl rand -base64 32` makes a key.",
        )


class SealBroken(PageInboxError):
    """What was sealed cannot be opened: its key is not among ours, it was moved, or it is damaged."""

    kind: ClassVar[Kind] = "conflict"

    def __init__(self, reason: SealBrokenReason = "reconnect_page", sentence: str = "") -> None:
        super().__init__(
            reason,
            sentence
            or "The Page must be connected again with a token: the key that sealed the one it had is not in SEAL_KEYS.",
        )


class EmbeddedRefused(PageInboxError):
    """The private server cannot be started; the sentence says what to do about it."""

    kind: ClassVar[Kind] = "unavailable"

    def __init__(self, reason: EmbeddedReason, sentence: str = "") -> None:
        super().__init__(reason, sentence)
