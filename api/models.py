"""The models of all answers and of the stream's events.

`api/answers.py` makes answers with these models. `/openapi.json` is made from them, and tests compare answers with
them.

Absent facts are left out of an answer and are never null. A field may be added later, so readers must ignore unknown
fields.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from api.fact_models import AttachmentModel, PostbackModel, QuickReplyModel, ReferralModel, ReplyToModel
from api.shapes import ABSENT, Absent, about
from domain.event import NoticeKind
from domain.message import Direction, Kind
from domain.shop import PageStatus, PurgeTarget
from domain.stream import Gap, SentEnd

_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
Moment = Annotated[str, Meta(pattern=_MOMENT, extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC with milliseconds."""


class _Answer(Struct, forbid_unknown_fields=True):
    """Tests refuse an answer with other fields."""


class MessageModel(_Answer, kw_only=True):
    """One message between a customer and a Page."""

    id: Annotated[str, about("Facebook's `mid`. It is opaque: percent-encode it in addresses.")]
    page_id: str
    conversation_id: str
    direction: Annotated[Direction, about("`in`: from the customer; `out`: from the Page.")]
    kind: Kind
    text: str | Absent = ABSENT
    attachments: list[AttachmentModel] | Absent = ABSENT
    quick_reply: QuickReplyModel | Absent = ABSENT
    reply_to: ReplyToModel | Absent = ABSENT
    postback: PostbackModel | Absent = ABSENT
    referral: ReferralModel | Absent = ABSENT
    app_id: Annotated[str | Absent, about("The app that sent an `out` message. Absent if staff wrote it.")] = ABSENT
    metadata: Annotated[str | Absent, about("What that app noted with the message.")] = ABSENT
    standby: Annotated[bool | Absent, about("Another application held the conversation.")] = ABSENT
    phone_numbers: Annotated[
        Annotated[list[Annotated[str, Meta(pattern=r"^\+[1-9]\d{6,14}$")]], Meta(min_length=1)] | Absent,
        about(
            "Telephone numbers in the first 4,000 characters of `text`, as E.164, and a number that a "
            "quick reply sent. They are found when the message is read."
        ),
    ] = ABSENT
    edits: Annotated[
        Annotated[int, Meta(ge=1)] | Absent, about("How often its text was edited. `text` is the newest text.")
    ] = ABSENT
    sent_at: Annotated[Moment | Absent, about("Facebook's time.")] = ABSENT
    received_at: Annotated[Moment, about("When Page Inbox first received it.")]
    expires_at: Annotated[
        Moment,
        about(
            "When the message expires, whatever happens to it before: five days after its receipt. For a "
            "message that was fetched from Facebook, five days after it was sent."
        ),
    ]


LookedAt = Annotated[int, Meta(ge=0, description="How many items were examined. Present only in a search.")]


class MessagesModel(_Answer, kw_only=True):
    """Messages, newest receipt first."""

    messages: list[MessageModel]
    looked_at: LookedAt | Absent = ABSENT
    next_cursor: Annotated[
        str | None, about("The `cursor` of the next page. Only null is the end: a short page is not.")
    ]


class StaffMarkModel(_Answer):
    """What staff have noted about a conversation. All staff share it."""

    done: Annotated[bool, about("Whether staff are done with it. Compare `marked_at` with `last_activity_at`.")]
    unread: Annotated[bool, about("Whether somebody shall look at it again.")]
    labels: list[str]
    marked_at: Moment


class MarkedModel(_Answer):
    """A conversation and its mark."""

    conversation_id: str
    page_id: str
    mark: StaffMarkModel


class LabelsModel(_Answer):
    """The labels that staff may give conversations."""

    labels: list[str]


class ConversationModel(_Answer):
    """All messages between one customer and one Page."""

    id: str
    page_id: str
    customer_id: Annotated[str, about("The customer's id at this Page.")]
    message_count: Annotated[int, about("The number of messages that are kept.", ge=1)]
    last_message: MessageModel
    last_activity_at: Moment
    mark: StaffMarkModel | Absent = ABSENT


class ConversationsModel(_Answer, kw_only=True):
    """Conversations, newest activity first."""

    conversations: list[ConversationModel]
    looked_at: LookedAt | Absent = ABSENT
    next_cursor: Annotated[
        str | None, about("The `cursor` of the next page. Only null is the end: a short page is not.")
    ]


class ErasedModel(_Answer):
    """A message that its sender took back."""

    id: str
    page_id: str


class PurgeEventModel(_Answer):
    """Something was deleted at the shop's request. The receipt describes it."""

    purge_id: str
    what: PurgeTarget


class LiveModel(Struct):
    """Something that happened and is never stored. It has further members that depend on the kind."""

    kind: NoticeKind
    page_id: str
    conversation_id: str | Absent = ABSENT
    sent_at: Annotated[Moment | Absent, about("Facebook's time.")] = ABSENT


class ReadyModel(_Answer):
    """All earlier events are sent. Later events come as they happen."""

    at: Moment


class GapModel(_Answer):
    """The stream cannot continue after the id that was sent. It starts now: read the messages again."""

    reason: Gap


class EndModel(_Answer):
    """The stream ends. Open it again, with a new token if `reason` is `token_expired`."""

    reason: SentEnd


STREAM_EVENTS: Final[Mapping[str, type[Struct]]] = {
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


class TicketModel(Struct):
    """A ticket for one stream."""

    ticket: Annotated[str, about("Open `stream?ticket=` with it within 30 seconds.", examples=["kq3vXb0m"])]


class ReceiptModel(_Answer):
    """A purge. Nothing of its target can be read any more. The receipt is kept for 30 days."""

    purge_id: str
    what: PurgeTarget
    requested_at: Moment
    requested_by: Annotated[str, about("The token's `sub`.")]
    status: Annotated[Literal["complete", "running"], about("`complete` when the bytes are erased too.")]
    messages_deleted: Annotated[int, Meta(ge=0)]
    signature: Annotated[
        str | Absent,
        about(
            "Present if `complete`: a compact JWS (RFC 7515) over the other fields and the shop. The key "
            "is in `/.well-known/jwks.json`. Keep the receipt: it can be verified at any time."
        ),
    ] = ABSENT


class BlockedModel(_Answer):
    """Whether a conversation is blocked. No message of a blocked conversation is stored."""

    conversation_id: str
    blocked: bool
    since: Annotated[Moment | Absent, about("When it was blocked.")] = ABSENT
    purge: Annotated[ReceiptModel | Absent, about("The receipt of what was deleted with the block.")] = ABSENT


class AuditEntryModel(_Answer, kw_only=True):
    """Who asked for what, when and from where. It holds no content and no customer."""

    at: Moment
    since: Annotated[
        Moment | Absent,
        about("The time of the first of several calls. Then `at` is the time of the last call, or later."),
    ] = ABSENT
    sub: Annotated[
        str,
        about(
            "The token's `sub`. `operator`: a command on the store itself. `facebook`: a callback of "
            "Facebook, or a Page moved to the shop whose token Facebook has verified."
        ),
    ]
    action: Annotated[str, about("The operationId of the call. A command with the same effect has the same action.")]
    page: Annotated[str | Absent, about("The Page that was changed.")] = ABSENT
    client: Annotated[str, about("The IP address of the caller, or `local` for a command on the store itself.")]
    times: Annotated[int, about("How often. Equal reads of one hour share an entry.", ge=1)]


class AuditModel(_Answer):
    """Entries of the audit log, newest first."""

    entries: list[AuditEntryModel]
    next_cursor: Annotated[
        str | None, about("The `cursor` of the next page. Only null is the end: a short page is not.")
    ]


class WarningModel(_Answer):
    """Something that the shop must do about a Page."""

    reason: Annotated[str, about("A slug for programs: `token_expires_soon`, `fields_refused`.")]
    detail: Annotated[str, about("A sentence for people.")]


class MissingFieldModel(_Answer):
    """A webhook field that Facebook does not deliver."""

    field: Annotated[str, about("Facebook's own name, for example `message_edits`.")]
    permission: Annotated[str | Absent, about("The permission that the field needs, if Facebook names one.")] = ABSENT


class HealingModel(_Answer):
    """The last fetch of messages that no webhook brought: the history after connecting, or missed messages."""

    status: Annotated[
        Literal["waiting", "running", "complete", "cut_short"],
        about("`cut_short`: Facebook's list of conversations did not end. It is tried again later."),
    ]
    since: Annotated[Moment, about("Messages that were sent from this time on are fetched.")]
    began_at: Moment | Absent = ABSENT
    ended_at: Moment | Absent = ABSENT
    conversations: Annotated[int | Absent, about("Conversations that were read so far.")] = ABSENT
    messages: Annotated[int | Absent, about("Messages that were fetched so far.")] = ABSENT
    stored: Annotated[int | Absent, about("Fetched messages that were not stored before.")] = ABSENT
    reason: Annotated[str | Absent, about("Why the fetch was cut short.")] = ABSENT


class UnhealedModel(_Answer, kw_only=True):
    """A conversation that Facebook refuses. It is tried again after growing pauses."""

    conversation: Annotated[
        str | Absent, about("Facebook's own id, `t_…`. Absent if the list of conversations itself was cut short.")
    ] = ABSENT
    reason: Annotated[
        str, about("The same reasons as in a problem: `object_not_found`, `too_much_data`, `graph_unavailable`, …")
    ]
    since: Annotated[Moment, about("Messages that were sent from this time on may be missing.")]
    tries: Annotated[int, Meta(ge=1)]
    next_try_at: Moment
    given_up_at: Annotated[Moment, about("At this time, all messages that may be missing are older than five days.")]


Until = Annotated[Moment, Meta(description="When the pause ends. Absent if it lasts until the shop resumes.")]


class PageModel(_Answer):
    """A connected Page. Without a token (connected for webhooks alone), the fields about the token are absent."""

    page_id: str
    connected_at: Moment
    status: Annotated[
        PageStatus,
        about(
            '`webhooks_only`: its messages, but no calls "on demand". `connected`: everything. '
            "`unsubscribed`: everything except new messages. The service restores the subscription by "
            'itself. `reconnect`: its token is dead. No calls "on demand" until the Page is connected with '
            "a new token."
        ),
    ]
    paused: Annotated[bool, about("While true, nothing that arrives for this Page is stored.")]
    until: Until | Absent = ABSENT
    last_event_at: Annotated[Moment | Absent, about("When the last message, edit or unsend came.")] = ABSENT
    token_alive: Annotated[bool | Absent, about("Whether Facebook accepted the token at the last check.")] = ABSENT
    token_reason: Annotated[
        str | Absent, about("Why the token is dead: `expired`, `password_changed`, `role_lost`, …")
    ] = ABSENT
    subscribed: Annotated[bool | Absent, about("Whether Facebook delivers the Page's messages.")] = ABSENT
    subscribed_fields: Annotated[list[str] | Absent, about("The webhook fields that Facebook delivers.")] = ABSENT
    missing_permissions: Annotated[
        list[str] | Absent,
        about("Permissions that the token lacks. Without them some calls answer `permission_missing`."),
    ] = ABSENT
    checked_at: Annotated[Moment | Absent, about("When Facebook was last asked.")] = ABSENT
    missing_fields: Annotated[
        list[MissingFieldModel] | Absent,
        about("Webhook fields that Facebook refused to deliver. Absent if it delivers all."),
    ] = ABSENT
    token_expires_at: Annotated[Moment | Absent, about("When the token ends. Absent if it has no end.")] = ABSENT
    warnings: Annotated[
        list[WarningModel] | Absent,
        about("What will stop working soon, or works only in part. Absent if there is nothing to do."),
    ] = ABSENT
    healing_since: Annotated[
        Moment | Absent, about("Messages from this time on may be missing. They are being fetched.")
    ] = ABSENT
    healing: Annotated[
        HealingModel | Absent,
        about("The progress of the fetch, or how the last fetch ended. Only in the answer for one Page."),
    ] = ABSENT
    unhealed: Annotated[
        list[UnhealedModel] | Absent, about("Conversations that could not be fetched. Only in the answer for one Page.")
    ] = ABSENT


class PagesModel(_Answer):
    """The shop's connected Pages."""

    pages: list[PageModel]


class ShopModel(_Answer, kw_only=True):
    """The state of a shop."""

    shop: str
    paused: Annotated[bool, about("While true, nothing that arrives is stored.")]
    until: Until | Absent = ABSENT
    pages: list[PageModel]


class KeyModel(Struct):
    """A public key (RFC 7517)."""

    kid: Annotated[str, about("The `kid` in the header of a receipt's signature.")]
    kty: str
    crv: str | Absent = ABSENT
    x: str | Absent = ABSENT
    use: str | Absent = ABSENT
    alg: str | Absent = ABSENT


class JwksModel(_Answer):
    """The public keys that sign receipts."""

    keys: list[KeyModel]


class ProblemModel(_Answer):
    """An error (RFC 9457)."""

    type: Annotated[str, about("Always `about:blank`. `reason` is more exact than the status.")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, about("A sentence for people.")]
    reason: Annotated[str, about("A slug for programs.")]
    request_id: Annotated[str, about("Give this id when you ask for help. The log line has it too.")]
