"""Pure: JSON in Facebook's own spelling, which no JSON library writes by itself.

The signature covers the bytes of the body. A receiver that parses and serialises the body before the check therefore
fails here, as it does with Facebook.
"""

import json
from typing import Any

Document = dict[str, Any]
"""A JSON object in Facebook's form."""


def serialize(document: Document) -> bytes:
    r"""Compact ASCII with `\uXXXX` in lower case hex and surrogate pairs, `/` as `\/`, and `<` as `\u003C`.

    Lone surrogates are kept, because a few of Facebook's texts contain them. The spellings of `/` and `<` are as in
    developers.facebook.com/docs/messenger-platform/webhooks ("escaped unicode"). Raises ValueError for NaN.
    """
    plain = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    # JSON has these two characters only inside strings, so replacing them in the whole text is safe.
    return plain.replace("/", "\\/").replace("<", "\\u003C").encode("ascii")
