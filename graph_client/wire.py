"""Pure: a question to Graph as an HTTP request, and an HTTP answer as Graph's answer or one of our errors.

The token goes in a header and nowhere else: addresses end up in logs. `appsecret_proof` shows that the call comes from
who has the app's secret (https://developers.facebook.com/docs/facebook-login/security); its form with a time is good
for five minutes.
"""

import hmac
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

import orjson

from domain.graph import Limit
from domain.loose import refused_constant, repaired, whole_number
from domain.secret import Secret
from graph_client.errors import GraphRedirected, GraphUnavailable, ParameterRefused, Throttled, TokenDead
from graph_client.places import next_place
from graph_client.verdicts import error_of

Method = Literal["GET", "POST", "DELETE"]

_PATH_PART = re.compile(r"[A-Za-z0-9_.:$=+-]{1,512}")
"""What ids, message ids (today's have 88 characters) and edges are made of; no slash, no percent sign, no question."""
_TOKEN = re.compile(r"[!-~]{1,4096}")
"""What a header can carry. Tokens are opaque, of some hundred characters."""
_DIGITS_AS_ZEROS: Final = bytes(range(ord("0"))) + b"0" * 10 + bytes(range(ord("9") + 1, 256))
_TWENTY_DIGITS: Final = b"0" * 20
_MINUS_NINETEEN_DIGITS: Final = b"-" + b"0" * 19


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. `params` go into the address, `form` into the body of a POST.

    `lists` says that an edge is asked, whose answer is `{"data": [...]}`; `limit` is the budget it is charged to.
    """

    method: Method
    path: tuple[str, ...]
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    lists: bool = False
    limit: Limit = "pages"

    @property
    def fields(self) -> str:
        """Its `fields`; "" where it names none."""
        return self.params.get("fields", "")

    def with_fields(self, fields: str) -> "Ask":
        """The same question with other fields."""
        return replace(self, params={**self.params, "fields": fields})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Ready to be sent. Only its method may be seen: the rest holds the token, proofs and ids."""

    method: Method
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """Graph's JSON, in strings that UTF-8 can carry. Holds what people wrote."""

    body: dict[str, Any] = field(repr=False)
    missing: tuple[str, ...] = ()
    """Fields that were not asked for, because with them an item was too much for Graph."""

    def rows(self) -> list[dict[str, Any]]:
        """The objects in `data`; what is no object there is left out."""
        data = self.body.get("data")
        return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []

    def node(self, name: str) -> dict[str, Any]:
        """The object under this name. Raises GraphUnavailable where there is none."""
        found = self.body.get(name)
        if not isinstance(found, dict):
            raise GraphUnavailable
        return found

    def after(self) -> str | None:
        """The cursor to go on from; None at the end (places.py)."""
        return next_place(self.body.get("paging"))


def proof(token: Secret, app_secret: Secret, at: int | None) -> str:
    """`appsecret_proof` of a token; `at` is its `appsecret_time` in Unix seconds, None for the form without."""
    message = token.reveal() if at is None else f"{token.reveal()}|{at}"
    return hmac.digest(app_secret.reveal_bytes(), message.encode(), "sha256").hex()


def build(
    ask: Ask, *, base_url: str, version: str, token: Secret, app_secret: Secret | None, at: int | None
) -> HttpRequest:
    """The request that asks it. `at` is the time for the proof, None for one without; no secret, no proof.

    Raises:
        ParameterRefused: a part of the path is empty, too long, or could lead elsewhere.
        TokenDead: the token could not stand in a header, so it is none of Facebook's.
    """
    for part in ask.path:
        if part in {".", ".."} or not _PATH_PART.fullmatch(part):
            raise ParameterRefused(sentence="This is not an id of Facebook's.")
    if not _TOKEN.fullmatch(token.reveal()):
        raise TokenDead
    proofs: dict[str, str] = {}
    if app_secret is not None:
        proofs["appsecret_proof"] = proof(token, app_secret, at)
        if at is not None:
            proofs["appsecret_time"] = str(at)
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    content = None
    params = {**ask.params, **proofs}
    if ask.method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        params = dict(ask.params)
        content = urlencode({**(ask.form or {}), **proofs}, quote_via=quote).encode()
    address = "/".join([base_url, version, *(quote(part, safe="") for part in ask.path)])
    query = urlencode(params, quote_via=quote)
    return HttpRequest(ask.method, f"{address}?{query}" if query else address, headers, content)


def decipher(status: int, body: bytes, ask: Ask) -> GraphAnswer:
    """What came back, as Graph meant it.

    Raises:
        GraphError: an error, be it inside a success; a redirect; what is not Graph's JSON, as an outage gives.
    """
    if 300 <= status < 400:
        raise GraphRedirected
    found = _parsed(body)
    if isinstance(found, dict) and (status >= 400 or found.get("error") is not None):
        raise error_of(status, found, ask.limit)
    if not isinstance(found, dict):
        raise Throttled(ask.limit) if status == 429 else GraphUnavailable
    if ask.lists and not isinstance(found.get("data"), list):
        raise GraphUnavailable
    return GraphAnswer(found)


def _parsed(body: bytes) -> Any:
    """The JSON value, None for what is none. A whole number stays whole, however long.

    orjson refuses half of an emoji (`"\\ud83d"`), which clients that cut texts do send, and rounds whole numbers beyond
    64 bits, which have 19 digits and a minus, or 20.
    """
    with suppress(ValueError, RecursionError):
        digits = body.translate(_DIGITS_AS_ZEROS)
        if _TWENTY_DIGITS in digits or _MINUS_NINETEEN_DIGITS in digits:
            return json.loads(repaired(body).decode(), parse_int=whole_number, parse_constant=refused_constant)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            return orjson.loads(repaired(body))
    return None
