"""The parts of a message that Facebook made, as models. The service passes them on as they arrived.

The schemas name the types that Facebook documents. A value of another type is passed on too, so no model refuses a
value. developers.facebook.com/docs/messenger-platform/reference/webhook-events
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from api.shapes import ABSENT, Absent, about

_Text = Annotated[Any, Meta(extra_json_schema={"type": "string"})]
_Number = Annotated[Any, Meta(extra_json_schema={"type": "number"})]
_Flag = Annotated[Any, Meta(extra_json_schema={"type": "boolean"})]
_Object = Annotated[Any, Meta(extra_json_schema={"type": "object"})]


class _Fact(Struct):
    """Facebook may add fields."""


class CoordinatesModel(_Fact):
    """A place."""

    lat: _Number | Absent = ABSENT
    long: _Number | Absent = ABSENT


class AttachmentModel(_Fact):
    """Something sent with or instead of a text. Its fields depend on `type`.

    `image`, `video`, `audio`, `file`: `url`. `sticker`: `url`, `sticker_id`. `location`: `coordinates`, `title`, `url`.
    `fallback` (a shared link), `reel`, `post`: `url`, `title`. `template`: a product's `elements`, or `template_type`
    with `text` and `buttons`. `unsupported`: Facebook does not say what it is. Other types are passed on unchanged.
    """

    type: Annotated[str, about("`image`, `video`, `audio`, `file`, `sticker`, `location`, `template`, `fallback`, …")]
    url: Annotated[
        str | Absent, about("Facebook's address of the file. Such addresses stop working after a while.")
    ] = ABSENT
    title: str | Absent = ABSENT
    sticker_id: Annotated[_Text | Absent, about("Of a `sticker`: 369239263222822 is the thumb.")] = ABSENT
    coordinates: Annotated[CoordinatesModel | Absent, about("Of a `location`.")] = ABSENT


class QuickReplyModel(_Fact):
    """The suggestion that the customer tapped. Its title is the message's `text`."""

    payload: Annotated[_Text | Absent, about("The text that the offering app put into it.")] = ABSENT


class ReplyToModel(_Fact):
    """The message that is answered."""

    id: Annotated[_Text | Absent, about("The `id` of a message. The message may not be kept here.")] = ABSENT
    is_self_reply: Annotated[_Flag | Absent, about("Whether the sender answers their own message.")] = ABSENT
    story: Annotated[_Object | Absent, about("Instagram's older form for a story.")] = ABSENT


class ReferralModel(_Fact):
    """The ad, product or link that the customer came from."""

    source: Annotated[_Text | Absent, about("`ADS`, `SHORTLINK`, …")] = ABSENT
    type: _Text | Absent = ABSENT
    ref: Annotated[_Text | Absent, about("The value that was set in the link or ad.")] = ABSENT
    ad_id: _Text | Absent = ABSENT
    product: Annotated[_Object | Absent, about("The `id` of the product on whose page the customer asked.")] = ABSENT
    ads_context_data: Annotated[
        _Object | Absent, about("What the ad showed: `ad_title`, `photo_url`, `post_id` and others.")
    ] = ABSENT


class PostbackModel(_Fact):
    """The button of a message of the kind `postback`."""

    title: _Text | Absent = ABSENT
    payload: Annotated[_Text | Absent, about("The text that the app put into the button.")] = ABSENT
    referral: ReferralModel | Absent = ABSENT
