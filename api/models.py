"""What an answer looks like: the models of all answers and of the stream's events.

`api/answers.py` makes the answers with them, `/openapi.json` is made from them, and tests compare answers with them.

Absent facts are left out of an answer, never null. A field may be added later: readers pass over what they do not know.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import MISSING, BaseModel, ConfigDict, Field

from api.fact_models import AttachmentModel, PostbackModel, QuickReplyModel, ReferralModel, ReplyToModel
from domain.event import NoticeKind
from domain.message import Direction, Kind
from domain.shop import PageStatus, PurgeTarget
from domain.stream import End, Gap

_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
Moment = Annotated[str, Field(pattern=_MOMENT, json_schema_extra={"format": "date-time"})]
"""RFC 3339 in UTC with milliseconds."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class MessageModel(_Answer):
    """What a customer and a Page said to each other, once."""

    id: str = Field(description="Facebook's `mid`. Opaque; encode it in addresses.")
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
    app_id: str | MISSING = Field(MISSING, description="The app that sent an `out` message; absent for staff's own.")
    metadata: str | MISSING = Field(MISSING, description="What that app noted with it.")
    standby: bool | MISSING = Field(MISSING, description="Another application held the conversation.")
    phone_numbers: list[Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")]] | MISSING = Field(
        MISSING,
        min_length=1,
        description="Telephone numbers in the first 4,000 characters of `text`, as E.164; also one that a quick reply "
        "sent. Found at this reading.",
    )
    edits: int | MISSING = Field(MISSING, ge=1, description="How often its text was edited; `text` is the newest.")
    sent_at: Moment | MISSING = Field(MISSING, description="Facebook's time.")
    received_at: Moment = Field(description="When Page Inbox first received it.")
    expires_at: Moment = Field(
        description="When it is gone, whatever happens to it until then: five days after its receipt, or after its "
        "sending for a message that was fetched from Facebook."
    )


LookedAt = Annotated[int, Field(ge=0, description="How many were looked at; only where something was searched for.")]


class MessagesModel(_Answer):
    """Messages, newest receipt first."""

    messages: list[MessageModel]
    looked_at: LookedAt | MISSING = MISSING
    next_cursor: str | None = Field(description="Where to go on; only null is the end, not a short page.")


class ConversationModel(_Answer):
    """What one customer and one Page said to each other."""

    id: str
    page_id: str
    customer_id: str = Field(description="The customer, as this Page knows them.")
    message_count: int = Field(ge=1, description="Messages kept.")
    last_message: MessageModel
    last_activity_at: Moment


class ConversationsModel(_Answer):
    """Conversations, newest activity first."""

    conversations: list[ConversationModel]
    looked_at: LookedAt | MISSING = MISSING
    next_cursor: str | None = Field(description="Where to go on; only null is the end, not a short page.")


class ErasedModel(_Answer):
    """A message that its sender took back."""

    id: str
    page_id: str


class PurgeEventModel(_Answer):
    """Something was deleted at the shop's request, as the receipt says."""

    purge_id: str
    what: PurgeTarget


class LiveModel(BaseModel):
    """Something that happened and is never kept; with further members that depend on the kind."""

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)

    kind: NoticeKind
    page_id: str
    conversation_id: str | MISSING = MISSING
    sent_at: Moment | MISSING = Field(MISSING, description="Facebook's time.")


class ReadyModel(_Answer):
    """Everything up to here is sent; further events come as they happen."""

    at: Moment


class GapModel(_Answer):
    """The stream cannot go on after the id that was sent. It begins now: read the messages again."""

    reason: Gap


class EndModel(_Answer):
    """The stream ends. Open it again, with a new token where that is the reason."""

    reason: End


STREAM_EVENTS: Final[Mapping[str, type[BaseModel]]] = {
    "message": MessageModel,
    "edited": MessageModel,
    "erased": ErasedModel,
    "purge": PurgeEventModel,
    "live": LiveModel,
    "ready": ReadyModel,
    "gap": GapModel,
    "end": EndModel,
}
"""The `data` of each event of a stream, by the event's name."""


class TicketModel(BaseModel):
    """A ticket for one stream."""

    ticket: str = Field(description="Open `stream?ticket=` with it within 30 seconds.", examples=["kq3vXb0m"])


class ReceiptModel(_Answer):
    """A purge: nothing of its target can be read any more. Kept 30 days."""

    purge_id: str
    what: PurgeTarget
    requested_at: Moment
    requested_by: str = Field(description="The token's `sub`.")
    status: Literal["complete", "running"] = Field(description="`complete` once the bytes are erased too.")
    messages_deleted: int = Field(ge=0)
    signature: str | MISSING = Field(
        MISSING,
        description="Of a `complete` one: a compact JWS (RFC 7515) over the other fields and the shop, by a key of "
        "`/.well-known/jwks.json`. Keep the receipt: it can be verified at any time.",
    )


class BlockedModel(_Answer):
    """Whether a conversation is blocked: nothing that is said in it is stored."""

    conversation_id: str
    blocked: bool
    since: Moment | MISSING = Field(MISSING, description="When it was blocked.")
    purge: ReceiptModel | MISSING = Field(MISSING, description="The receipt of what was deleted when it was blocked.")


class AuditEntryModel(_Answer):
    """Who asked for what, when and from where. No content, no customer."""

    at: Moment
    since: Moment | MISSING = Field(
        MISSING, description="When the first of several came; `at` is then the last, or later."
    )
    sub: str = Field(
        description="The token's `sub`; `operator` for a command on the store itself, `facebook` for its "
        "callbacks, and where a Page moves to the shop whose token Facebook has verified."
    )
    action: str = Field(description="The operationId of the call, also where a command did the same.")
    page: str | MISSING = Field(MISSING, description="The Page that was changed.")
    client: str = Field(description="The IP address it came from; `local` for a command on the store itself.")
    times: int = Field(ge=1, description="How often; reads of an hour that are alike share an entry.")


class AuditModel(_Answer):
    """Entries of the audit log, newest first."""

    entries: list[AuditEntryModel]
    next_cursor: str | None = Field(description="Where to go on; only null is the end, not a short page.")


class WarningModel(_Answer):
    """Something that the shop must do about a Page."""

    reason: str = Field(description="A slug for programs: `token_expires_soon`, `fields_refused`.")
    detail: str = Field(description="A sentence for people.")


class MissingFieldModel(_Answer):
    """A webhook field that Facebook does not deliver."""

    field: str = Field(description="Facebook's own name, as `message_edits`.")
    permission: str | MISSING = Field(MISSING, description="The permission that it needs, where Facebook names one.")


class HealingModel(_Answer):
    """The last fetching of messages that no webhook brought: the history at connecting, or what was missed."""

    status: Literal["waiting", "running", "complete", "cut_short"] = Field(
        description="`cut_short`: Facebook's list of conversations did not end; it is tried again later."
    )
    since: Moment = Field(description="Messages that were sent from then on are fetched.")
    began_at: Moment | MISSING = MISSING
    ended_at: Moment | MISSING = MISSING
    conversations: int | MISSING = Field(MISSING, description="Gone through so far.")
    messages: int | MISSING = Field(MISSING, description="Fetched so far.")
    stored: int | MISSING = Field(MISSING, description="Of these, the messages that were not here yet.")
    reason: str | MISSING = Field(MISSING, description="Why it was cut short.")


class UnhealedModel(_Answer):
    """A conversation that Facebook refuses. It is tried again with growing pauses."""

    conversation: str | MISSING = Field(
        MISSING, description="Facebook's own id, `t_…`; absent where the list of conversations itself was cut short."
    )
    reason: str = Field(description="As of a problem: `object_not_found`, `too_much_data`, `graph_unavailable`, …")
    since: Moment = Field(description="Messages that were sent from then on may be missing.")
    tries: int = Field(ge=1)
    next_try_at: Moment
    given_up_at: Moment = Field(description="All that may be missing is older than five days then.")


class PageModel(_Answer):
    """A connected Page. What is known of its token is absent where it is connected for webhooks alone."""

    page_id: str
    connected_at: Moment
    status: PageStatus = Field(
        description="`webhooks_only`: its messages, nothing on demand. `connected`: everything. `unsubscribed`: "
        "everything but new messages; the subscription is restored by itself. `reconnect`: its token is dead; nothing "
        "on demand until the Page is connected with a new one."
    )
    paused: bool = Field(description="While true, nothing that arrives for this Page is stored.")
    last_event_at: Moment | MISSING = Field(MISSING, description="When a message, edit or unsend came last.")
    token_alive: bool | MISSING = Field(MISSING, description="What Facebook said when it was asked last.")
    token_reason: str | MISSING = Field(
        MISSING, description="Why the token is dead: `expired`, `password_changed`, `role_lost`, …"
    )
    subscribed: bool | MISSING = Field(MISSING, description="Whether Facebook delivers the Page's messages.")
    subscribed_fields: list[str] | MISSING = Field(MISSING, description="What Facebook delivers, by its own names.")
    missing_permissions: list[str] | MISSING = Field(
        MISSING, description="Permissions that the token lacks, and without which some calls are `permission_missing`."
    )
    checked_at: Moment | MISSING = Field(MISSING, description="When Facebook was asked last.")
    missing_fields: list[MissingFieldModel] | MISSING = Field(
        MISSING, description="What Facebook refused to deliver. Absent where it delivers everything."
    )
    token_expires_at: Moment | MISSING = Field(
        MISSING, description="When the token ends; absent for one without an end."
    )
    warnings: list[WarningModel] | MISSING = Field(
        MISSING, description="What works now and will not for long, or works in part. Absent where all is well."
    )
    healing_since: Moment | MISSING = Field(
        MISSING, description="Messages from here on may be missing; they are being fetched."
    )
    healing: HealingModel | MISSING = Field(
        MISSING, description="How far the fetching is, or how the last one ended; in the answer for one Page alone."
    )
    unhealed: list[UnhealedModel] | MISSING = Field(
        MISSING, description="Conversations that could not be fetched; in the answer for one Page alone."
    )


class PagesModel(_Answer):
    """The shop's connected Pages."""

    pages: list[PageModel]


class ShopModel(_Answer):
    """The state of a shop."""

    shop: str
    paused: bool = Field(description="While true, nothing that arrives is stored.")
    pages: list[PageModel]


class KeyModel(BaseModel):
    """A public key (RFC 7517)."""

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)

    kid: str = Field(description="The `kid` in the header of a receipt's signature.")
    kty: str
    crv: str | MISSING = MISSING
    x: str | MISSING = MISSING
    use: str | MISSING = MISSING
    alg: str | MISSING = MISSING


class JwksModel(_Answer):
    """The public keys that sign receipts."""

    keys: list[KeyModel]


class ProblemModel(_Answer):
    """An error (RFC 9457)."""

    type: str = Field(description="`about:blank`: the status says it all; `reason` is the finer name.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="A sentence for people.")
    reason: str = Field(description="A slug for programs.")
    request_id: str = Field(description="Quote it when you ask for help: the log line has it too.")
