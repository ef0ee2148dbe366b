"""Pure: the text of `/docs` about the stream, in addition to the schemas of its events."""

from typing import Final

from api.fan_out import HEARTBEAT_SECONDS
from api.viewer import QUEUE, QUEUE_BYTES

STREAM: Final = f"""\
`text/event-stream`, as WHATWG HTML describes it. The `data` of each event is JSON. An event about something that is \
stored has an `id`. To resume, send the last `id` as `Last-Event-ID`: no event is missing, and none comes twice.

A browser's `EventSource` sends no token, and it does not reconnect after its ticket was used. Use the client at \
`/client/v1.js`: it resumes after restarts, lost connections and expired tokens.

`message`: a message as `readMessage` answers it. `edited`: a message after an edit. `erased`: the sender \
unsent a message.

`marked`: staff have marked a conversation. `mark` is the whole new mark.

`purge`: messages were deleted. Read again what you show. After a purge of the whole shop the stream ends.

`ready`: all earlier events are sent. Later events come as they happen. Its `id` can be the first that you see.

`live`: an event that is never stored. Only viewers who are connected at that moment get it. `kind` is `reaction` \
(`message_id`, `action`, `reaction`, `emoji`), `read` and `delivery` (`watermark`, `message_ids`), `feed` for posts \
and comments and `mention` for posts that name the Page (`item`, `verb`, `post_id`, `comment_id`, `parent_id`, `from`, \
`message` and more, as Facebook names them), `live_videos` (`video_id`, `status`), `referral`, and kinds without \
details.

`gap`: the stream cannot resume after the `id` that you sent. It starts now: read the messages again.

`end`: the stream ends. Open it again with the last `id`, with a new token after `token_expired`. `slow`: more than \
{QUEUE_BYTES // 2**20} MiB or {QUEUE} events waited for you.

A line that begins with a colon comes every {HEARTBEAT_SECONDS:.0f} seconds. Ignore it."""
