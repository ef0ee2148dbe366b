"""Pure: what `/docs` tells about the stream, which no schema can."""

from typing import Final

STREAM: Final = """\
`text/event-stream`, as WHATWG HTML describes it. An event that is kept bears an `id`: come back with the last one as \
`Last-Event-ID`, and nothing is missing and nothing comes twice. `data` is JSON.

`message`: a message as `readMessage` answers it.

`edited`: a message that was edited, as it is now. `erased`: its sender took a message back; `id` and `page_id`.

`purge`: something was deleted on the shop's word; `what` and `purge_id`, as its receipt has them. Read again what you \
show. After a purge of the whole shop the stream ends.

`ready`: everything up to here has been sent; from now on it comes as it happens. Its `id` may be the first you see.

`live`: what happens and is never kept, for those connected at that moment, without an `id`. `kind` says what: \
`reaction` (`message_id`, `action`, `reaction`, `emoji`), `read` and `delivery` (`watermark`, `message_ids`), \
`feed` for posts and comments and `mention` for posts that name the Page (`item`, `verb`, `post_id`, `comment_id`, \
`parent_id`, `from`, `message` and more, as Facebook names them), `live_videos` (`video_id`, `status`), `referral`, \
and others of which nothing else is told. Where they are known: `page_id`, `conversation_id`, `sent_at`.

`gap`: the stream cannot go on behind the id that you sent, and begins now; read the messages anew. `reason` is \
`unknown`, `expired` or `too_far`.

`end`: the stream ends; `reason` is `token_expired`, `purge`, `closing` or `failed`. Come back, with a new token where \
that is why. A viewer that does not take what is sent is cut off.

Lines that begin with a colon come every 15 seconds and mean nothing."""
