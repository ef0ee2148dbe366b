"""Pure: what `/docs` tells about the stream, which no schema can."""

from typing import Final

STREAM: Final = """\
`text/event-stream`, as WHATWG HTML describes it. An event that is kept bears an `id`: come back with the last one as \
`Last-Event-ID`, and nothing is missing and nothing comes twice. `data` is JSON.

`message`: a message as `readMessage` answers it.

`ready`: everything up to here has been sent; from now on it comes as it happens. Its `id` may be the first you see.

`gap`: the stream cannot go on behind the id that you sent, and begins now; read the messages anew. `reason` is \
`unknown`, `expired` or `too_far`.

`end`: the stream ends; `reason` is `token_expired`, `purge`, `closing` or `failed`. Come back, with a new token where \
that is why. A viewer that does not take what is sent is cut off.

Lines that begin with a colon come every 15 seconds and mean nothing."""
