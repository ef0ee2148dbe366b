"""The models of the parts of a message that come from Facebook. The service passes these parts on unchanged.

The schemas name the types that Facebook documents. A value of another type is passed on too, so no model refuses a
value. developers.facebook.com/docs/messenger-platform/reference/webhook-events
"""

from typing import Annotated, Any

from pydantic import MISSING, BaseModel, ConfigDict, Field, WrapValidator

_AS_IT_CAME = WrapValidator(lambda value, _: value)
_Text = Annotated[str, _AS_IT_CAME]
_Number = Annotated[float, _AS_IT_CAME]
_Flag = Annotated[bool, _AS_IT_CAME]
_Object = Annotated[dict[str, Any], _AS_IT_CAME]


class _Fact(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)


class CoordinatesModel(_Fact):
    """A place."""

    lat: _Number | MISSING = MISSING
    long: _Number | MISSING = MISSING


class AttachmentModel(_Fact):
    """A part of a message beside or instead of its text. Its fields depend on `type`.

    `image`, `video`, `audio`, `file`: `url`. `sticker`: `url`, `sticker_id`. `location`: `coordinates`, `title`, `url`.
    `fallback` (a shared link), `reel`, `post`: `url`, `title`. `template`: a product's `elements`, or `template_type`
    with `text` and `buttons`. `unsupported`: Facebook does not say what it is. Other types are passed on unchanged.
    """

    type: str = Field(description="`image`, `video`, `audio`, `file`, `sticker`, `location`, `template`, `fallback`, …")
    url: str | MISSING = Field(
        MISSING, description="Facebook's address of the file. Such addresses stop working after a while."
    )
    title: str | MISSING = MISSING
    sticker_id: _Text | MISSING = Field(MISSING, description="Of a `sticker`: 369239263222822 is the thumb.")
    coordinates: Annotated[CoordinatesModel, _AS_IT_CAME] | MISSING = Field(MISSING, description="Of a `location`.")


class QuickReplyModel(_Fact):
    """The suggestion that the customer tapped. Its title is the message's `text`."""

    payload: _Text | MISSING = Field(MISSING, description="The text that the offering app put into it.")


class ReplyToModel(_Fact):
    """The message that is answered."""

    id: _Text | MISSING = Field(MISSING, description="The `id` of a message. The message may not be kept here.")
    is_self_reply: _Flag | MISSING = Field(MISSING, description="Whether the sender answers their own message.")
    story: _Object | MISSING = Field(MISSING, description="Instagram's older form for a story.")


class ReferralModel(_Fact):
    """The ad, product or link that the customer came from."""

    source: _Text | MISSING = Field(MISSING, description="`ADS`, `SHORTLINK`, …")
    type: _Text | MISSING = MISSING
    ref: _Text | MISSING = Field(MISSING, description="The value that was set in the link or ad.")
    ad_id: _Text | MISSING = MISSING
    product: _Object | MISSING = Field(MISSING, description="The `id` of the product on whose page the customer asked.")
    ads_context_data: _Object | MISSING = Field(
        MISSING, description="What the ad showed: `ad_title`, `photo_url`, `post_id` and others."
    )


class PostbackModel(_Fact):
    """The button of a message of the kind `postback`."""

    title: _Text | MISSING = MISSING
    payload: _Text | MISSING = Field(MISSING, description="The text that the app put into the button.")
    referral: Annotated[ReferralModel, _AS_IT_CAME] | MISSING = MISSING
