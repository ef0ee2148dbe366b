"""The errors of refused calls from Facebook.

    PageInboxError
    ├── SignatureRefused   unauthenticated   the body is not from Facebook
    ├── PayloadRefused     invalid           signed, but not JSON
    ├── RequestRefused     invalid           no signed request, or one that is not valid now
    ├── BodyTooLarge       too_large         more bytes than the service reads
    ├── NotInTime          unavailable       it could not be stored before Facebook's time limit
    └── HandshakeRefused   forbidden         the GET challenge is incomplete or wrong

Each reason comes from a closed list, and contains nothing from the request.
"""

from typing import ClassVar, Literal

from domain.errors import Kind, PageInboxError

SignatureReason = Literal["signature_missing", "signature_malformed", "signature_mismatch"]
RequestReason = Literal[
    "host_malformed",
    "signed_request_missing",
    "signed_request_malformed",
    "signed_request_algorithm",
    "signed_request_expired",
]
HandshakeReason = Literal["handshake_incomplete", "handshake_repeated", "handshake_mode", "handshake_token"]


class SignatureRefused(PageInboxError):
    """Raised when the signature is missing, has the wrong form, or was not made for this body with an app secret."""

    kind: ClassVar[Kind] = "unauthenticated"

    def __init__(self, reason: SignatureReason) -> None:
        super().__init__(reason)


class PayloadRefused(PageInboxError):
    """Raised when the body is not JSON. A body that is JSON is accepted, even if the service does not understand it."""

    kind: ClassVar[Kind] = "invalid"

    def __init__(self) -> None:
        super().__init__("not_json")


class RequestRefused(PageInboxError):
    """Raised for a callback whose signed request is missing, malformed or expired, or whose host is malformed."""

    kind: ClassVar[Kind] = "invalid"

    def __init__(self, reason: RequestReason) -> None:
        super().__init__(reason)


class BodyTooLarge(PageInboxError):
    """Raised when a body has more bytes than the limit. It is raised before the signature is checked, because hashing
    takes processor time.
    """

    kind: ClassVar[Kind] = "too_large"

    def __init__(self) -> None:
        super().__init__("body_too_large")


class NotInTime(PageInboxError):
    """Raised when storing a delivery took too long. Some events may be stored. Facebook may repeat the delivery."""

    kind: ClassVar[Kind] = "unavailable"

    def __init__(self) -> None:
        super().__init__("not_in_time")


class HandshakeRefused(PageInboxError):
    """Raised when a parameter of the GET challenge is missing, repeated or wrong."""

    kind: ClassVar[Kind] = "forbidden"

    def __init__(self, reason: HandshakeReason) -> None:
        super().__init__(reason)
