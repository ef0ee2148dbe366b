"""Pure: JSON in Facebook's own spelling, which no JSON library writes by itself.

The signature is over the text as it travels, so a receiver that parses and serialises again fails with these bodies
just as it does with Facebook's.
"""

import json
from typing import Any

Document = dict[str, Any]
"""A JSON object in the shape Facebook posts it."""


def serialize(document: Document) -> bytes:
    r"""Compact ASCII with `\uXXXX` in lower case hex and surrogate pairs, `/` as `\/`, and `<` as `\u003C`.

    Lone surrogates are written as they are: Facebook's texts hold them now and then. The last two spellings are as in
    developers.facebook.com/docs/messenger-platform/webhooks ("escaped unicode"). Raises ValueError for NaN.
    """
    plain = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    # Outside of strings JSON knows neither sign, so replacing them in the finished text touches strings alone.
    return plain.replace("/", "\\/").replace("<", "\\u003C").encode("ascii")
