"""The models of all answers and of the stream's events.

`api/answers.py` makes answers with these models. `/openapi.json` is made from them, and tests compare answers with
them.

Absent facts are left out of an answer and are never null. A field may be added later, so readers must ignore unknown
fields.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import MISSING, BaseModel, ConfigDict, Field

from api.fact_models import AttachmentModel, PostbackModel, QuickReplyModel, ReferralModel, ReplyToModel
from domain.event import NoticeKind
from domain.message import Direction, Kind
from domain.purge import PurgeTarget
from domain.shop import PageStatus
from domain.stream import Gap, SentEnd

_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
Moment = Annotated[str, Field(pattern=_MOMENT, json_schema_extra={"format": "date-time"})]
"""RFC 3339 in UTC with milliseconds."""


class ClosedModel(BaseModel):
    """An answer or a part of one, whose fields are all known."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class OpenModel(BaseModel):
    """An answer or a part of one, which passes on further fields."""

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)


NextCursor = Annotated[
    str | None, Field(description="The `cursor` of the next page. Only null is the end: a short page is not.")
]


class MessageModel(ClosedModel):
    """One message between a customer and a Page."""

    id: str = Field(description="Facebook's `mid`. It is opaque: percent-encode it in addresses.")
    page_id: str
    conversation_id: str
    direction: Direction = Field(description="`in`: from the customer; `out`: from the Page.")
    kind: Kind
    text: str | MISSING = MISSING
    attachments: list[AttachmentModel] | MISSING = MISSING
    quick_reply: QuickReplyModel | MISSING = MISSING
    reply_to: ReplyToModel | MISSING = MISSING
    postback: PostbackModel | MISSING = MISSING
    referral: ReferralModel | MISSING = MISSING
    app_id: str | MISSING = Field(MISSING, description="The app that sent an `out` message. Absent if staff wrote it.")
    metadata: str | MISSING = Field(MISSING, description="What that app noted with the message.")
    standby: bool | MISSING = Field(MISSING, description="Another application held the conversation.")
    phone_numbers: list[Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")]] | MISSING = Field(
        MISSING,
        min_length=1,
        description="Telephone numbers in the first 4,000 characters of `text`, as E.164, and a number that a quick "
        "reply sent. They are found when the message is read.",
    )
    edits: int | MISSING = Field(MISSING, ge=1, description="How often its text was edited. `text` is the newest text.")
    sent_at: Moment | MISSING = Field(MISSING, description="Facebook's time.")
    received_at: Moment = Field(description="When Page Inbox first received it.")
    expires_at: Moment = Field(
        description="When the message expires, whatever happens to it before: five days after its receipt. For a "
        "message that was fetched from Facebook, five days after it was sent."
    )


LookedAt = Annotated[int, Field(ge=0, description="How many items were examined. Present only in a search.")]


class MessagesModel(ClosedModel):
    """Messages, newest receipt first."""

    messages: list[MessageModel]
    looked_at: LookedAt | MISSING = MISSING
    next_cursor: NextCursor


class StaffMarkModel(ClosedModel):
    """The staff's notes about a conversation. All staff share them."""

    done: bool = Field(description="Whether staff are done with it. Compare `marked_at` with `last_activity_at`.")
    unread: bool = Field(description="Whether a colleague should read the conversation again.")
    labels: list[str]
    marked_at: Moment


class MarkedModel(ClosedModel):
    """A conversation and its mark."""

    conversation_id: str
    page_id: str
    mark: StaffMarkModel


class LabelsModel(ClosedModel):
    """The labels that staff may give conversations."""

    labels: list[str]


class ConversationModel(ClosedModel):
    """All messages between one customer and one Page."""

    id: str
    page_id: str
    customer_id: str = Field(description="The customer's id at this Page.")
    message_count: int = Field(ge=1, description="The number of messages that are kept.")
    last_message: MessageModel
    last_activity_at: Moment
    mark: StaffMarkModel | MISSING = MISSING


class ConversationsModel(ClosedModel):
    """Conversations, newest activity first."""

    conversations: list[ConversationModel]
    looked_at: LookedAt | MISSING = MISSING
    next_cursor: NextCursor


class ErasedModel(ClosedModel):
    """A message that its sender took back."""

    id: str
    page_id: str


class PurgeEventModel(ClosedModel):
    """Something was deleted at the shop's request. The receipt describes it."""

    purge_id: str
    what: PurgeTarget


class LiveModel(OpenModel):
    """An event that is never stored. Its further members depend on the kind."""

    kind: NoticeKind
    page_id: str
    conversation_id: str | MISSING = MISSING
    sent_at: Moment | MISSING = Field(MISSING, description="Facebook's time.")


class ReadyModel(ClosedModel):
    """All earlier events are sent. Later events come as they happen."""

    at: Moment


class GapModel(ClosedModel):
    """The stream cannot continue after the id that was sent. It starts now: read the messages again."""

    reason: Gap


class EndModel(ClosedModel):
    """The stream ends. Open it again, with a new token if `reason` is `token_expired`."""

    reason: SentEnd


STREAM_EVENTS: Final[Mapping[str, type[BaseModel]]] = {
    "message": MessageModel,
    "edited": MessageModel,
    "erased": ErasedModel,
    "marked": MarkedModel,
    "purge": PurgeEventModel,
    "live": LiveModel,
    "ready": ReadyModel,
    "gap": GapModel,
    "end": EndModel,
}
"""The `data` of each event of a stream, by the event's name."""


class TicketModel(ClosedModel):
    """A ticket for one stream."""

    ticket: str = Field(description="Open `stream?ticket=` with it within 30 seconds.", examples=["kq3vXb0m"])


class ReceiptModel(ClosedModel):
    """A purge. Its target cannot be read any more. The receipt is kept for 30 days."""

    purge_id: str
    what: PurgeTarget
    requested_at: Moment
    requested_by: str = Field(description="The token's `sub`.")
    status: Literal["complete", "running"] = Field(description="`complete` when the bytes are erased too.")
    messages_deleted: int = Field(ge=0)
    signature: str | MISSING = Field(
        MISSING,
        description="Present if `complete`: a compact JWS (RFC 7515) over the other fields and the shop. The "
        "key is in `/.well-known/jwks.json`. Keep the receipt: it can be verified at any time.",
    )


class BlockedModel(ClosedModel):
    """Whether a conversation is blocked. No message of a blocked conversation is stored."""

    conversation_id: str
    blocked: bool
    since: Moment | MISSING = Field(MISSING, description="When it was blocked.")
    purge: ReceiptModel | MISSING = Field(MISSING, description="The receipt of what was deleted with the block.")


class AuditEntryModel(ClosedModel):
    """A recorded action: the caller, the time and the address. It has no content and no customer."""

    at: Moment
    since: Moment | MISSING = Field(
        MISSING, description="The time of the first of several calls. Then `at` is the time of the last call, or later."
    )
    sub: str = Field(
        description="The token's `sub`. `operator`: a command on the store itself. `facebook`: a callback of Facebook, "
        "or a Page moved to the shop whose token Facebook has verified."
    )
    action: str = Field(description="The operationId of the call. A command with the same effect has the same action.")
    page: str | MISSING = Field(MISSING, description="The Page that was changed.")
    client: str = Field(description="The IP address of the caller, or `local` for a command on the store itself.")
    times: int = Field(ge=1, description="How often. Equal reads of one hour share an entry.")


class AuditModel(ClosedModel):
    """Entries of the audit log, newest first."""

    entries: list[AuditEntryModel]
    next_cursor: NextCursor


class WarningModel(ClosedModel):
    """A warning about a Page, which the shop must act on."""

    reason: str = Field(description="A slug for programs: `token_expires_soon`, `fields_refused`.")
    detail: str = Field(description="A sentence for people.")


class MissingFieldModel(ClosedModel):
    """A webhook field that Facebook does not deliver."""

    field: str = Field(description="Facebook's own name, for example `message_edits`.")
    permission: str | MISSING = Field(
        MISSING, description="The permission that the field needs, if Facebook names one."
    )


class HealingModel(ClosedModel):
    """The last fetch of messages that no webhook brought: the history after connecting, or missed messages."""

    status: Literal["waiting", "running", "complete", "cut_short"] = Field(
        description="`cut_short`: Facebook's list of conversations did not end. It is tried again later."
    )
    since: Moment = Field(description="Messages that were sent from this time on are fetched.")
    began_at: Moment | MISSING = MISSING
    ended_at: Moment | MISSING = MISSING
    conversations: int | MISSING = Field(MISSING, description="Conversations that were read so far.")
    messages: int | MISSING = Field(MISSING, description="Messages that were fetched so far.")
    stored: int | MISSING = Field(MISSING, description="Fetched messages that were not stored before.")
    reason: str | MISSING = Field(MISSING, description="Why the fetch was cut short.")


class UnhealedModel(ClosedModel):
    """A conversation that Facebook refuses. It is tried again after growing pauses."""

    conversation: str | MISSING = Field(
        MISSING, description="Facebook's own id, `t_…`. Absent if the list of conversations itself was cut short."
    )
    reason: str = Field(
        description="The same reasons as in a problem: `object_not_found`, `too_much_data`, `graph_unavailable`, …"
    )
    since: Moment = Field(description="Messages that were sent from this time on may be missing.")
    tries: int = Field(ge=1)
    next_try_at: Moment
    given_up_at: Moment = Field(description="At this time, all messages that may be missing are older than five days.")


Until = Annotated[Moment, Field(description="When the pause ends. Absent if it lasts until the shop resumes.")]


class PageModel(ClosedModel):
    """A connected Page. Without a token (connected for webhooks only), the fields about the token are absent."""

    page_id: str
    connected_at: Moment
    status: PageStatus = Field(
        description='`webhooks_only`: its messages, but no calls "on demand". `connected`: everything. `unsubscribed`: '
        "everything except new messages. The service restores the subscription by itself. `reconnect`: its token is "
        'dead. No calls "on demand" until the Page is connected with a new token.'
    )
    paused: bool = Field(description="While true, nothing that arrives for this Page is stored.")
    until: Until | MISSING = MISSING
    last_event_at: Moment | MISSING = Field(MISSING, description="When the last message, edit or unsend came.")
    token_alive: bool | MISSING = Field(MISSING, description="Whether Facebook accepted the token at the last check.")
    token_reason: str | MISSING = Field(
        MISSING, description="Why the token is dead: `expired`, `password_changed`, `role_lost`, …"
    )
    subscribed: bool | MISSING = Field(MISSING, description="Whether Facebook delivers the Page's messages.")
    subscribed_fields: list[str] | MISSING = Field(MISSING, description="The webhook fields that Facebook delivers.")
    missing_permissions: list[str] | MISSING = Field(
        MISSING, description="Permissions that the token lacks. Without them some calls answer `permission_missing`."
    )
    checked_at: Moment | MISSING = Field(MISSING, description="When Facebook was last asked.")
    missing_fields: list[MissingFieldModel] | MISSING = Field(
        MISSING, description="Webhook fields that Facebook refused to deliver. Absent if it delivers all."
    )
    token_expires_at: Moment | MISSING = Field(MISSING, description="When the token ends. Absent if it has no end.")
    warnings: list[WarningModel] | MISSING = Field(
        MISSING, description="What will stop working soon, or works only in part. Absent if there is nothing to do."
    )
    healing_since: Moment | MISSING = Field(
        MISSING, description="Messages from this time on may be missing. They are being fetched."
    )
    healing: HealingModel | MISSING = Field(
        MISSING, description="The progress of the fetch, or how the last fetch ended. Only in the answer for one Page."
    )
    unhealed: list[UnhealedModel] | MISSING = Field(
        MISSING, description="Conversations that could not be fetched. Only in the answer for one Page."
    )


class PagesModel(ClosedModel):
    """The shop's connected Pages."""

    pages: list[PageModel]


class ShopModel(ClosedModel):
    """The state of a shop."""

    shop: str
    paused: bool = Field(description="While true, nothing that arrives is stored.")
    until: Until | MISSING = MISSING
    pages: list[PageModel]


class KeyModel(OpenModel):
    """A public key (RFC 7517)."""

    kid: str = Field(description="The `kid` in the header of a receipt's signature.")
    kty: str
    crv: str | MISSING = MISSING
    x: str | MISSING = MISSING
    use: str | MISSING = MISSING
    alg: str | MISSING = MISSING


class JwksModel(ClosedModel):
    """The public keys that sign receipts."""

    keys: list[KeyModel]


class ProblemModel(ClosedModel):
    """An error (RFC 9457)."""

    type: str = Field(description="Always `about:blank`. `reason` is more exact than the status.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="A sentence for people.")
    reason: str = Field(description="A slug for programs.")
    request_id: str = Field(description="Give this id when you ask for help. The log line has it too.")
