"""Pure: turns a question to Graph into an HTTP request, and an HTTP answer into Graph's answer or an error of
errors.py.

The token is sent in a header and nowhere else, because addresses appear in logs. `appsecret_proof` shows that the
caller has the app's secret (https://developers.facebook.com/docs/facebook-login/security). Its form with a time is
valid for five minutes.
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
"""The characters of ids, message ids (today's have 88 characters) and edges: no slash, no percent sign, no question
mark.
"""
_TOKEN = re.compile(r"[!-~]{1,4096}")
"""The characters that a header allows. Tokens are opaque and have some hundred characters."""
_DIGITS_AS_ZEROS: Final = bytes(range(ord("0"))) + b"0" * 10 + bytes(range(ord("9") + 1, 256))
_TWENTY_DIGITS: Final = b"0" * 20
_MINUS_NINETEEN_DIGITS: Final = b"-" + b"0" * 19


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. `params` are part of the address. `form` is the body of a POST.

    `lists` says that the question is for an edge, whose answer is `{"data": [...]}`. The call is charged to the budget
    `limit`.
    """

    method: Method
    path: tuple[str, ...]
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    lists: bool = False
    limit: Limit = "pages"

    @property
    def fields(self) -> str:
        """Returns the question's `fields`, or "" if it names none."""
        return self.params.get("fields", "")

    def with_fields(self, fields: str) -> "Ask":
        """Returns the same question with other fields."""
        return replace(self, params={**self.params, "fields": fields})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request that is ready to be sent. Only its method may be shown. The rest holds the token, proofs and ids."""

    method: Method
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """Graph's JSON, in strings that UTF-8 can encode. It holds texts of people."""

    body: dict[str, Any] = field(repr=False)
    missing: tuple[str, ...] = ()
    """Fields that were left out, because an item with them was too large for Graph."""

    def rows(self) -> list[dict[str, Any]]:
        """Returns the objects in `data`. Other values are left out."""
        data = self.body.get("data")
        return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []

    def node(self, name: str) -> dict[str, Any]:
        """Returns the object under this name. Raises GraphUnavailable if there is none."""
        found = self.body.get(name)
        if not isinstance(found, dict):
            raise GraphUnavailable
        return found

    def after(self) -> str | None:
        """Returns the cursor of the next list page, or None at the end (places.py)."""
        return next_place(self.body.get("paging"))


def proof(token: Secret, app_secret: Secret, at: int | None) -> str:
    """Returns the `appsecret_proof` of a token. `at` is its `appsecret_time` in Unix seconds, or None for the form
    without a time.
    """
    message = token.reveal() if at is None else f"{token.reveal()}|{at}"
    return hmac.digest(app_secret.reveal_bytes(), message.encode(), "sha256").hex()


def build(
    ask: Ask, *, base_url: str, version: str, token: Secret, app_secret: Secret | None, at: int | None
) -> HttpRequest:
    """Returns the request for the question. `at` is the time for the proof, or None for a proof without a time. Without
    a secret there is no proof.

    Raises:
        ParameterRefused: a part of the path is empty, too long, or could change the address.
        TokenDead: a header cannot hold the token, so it is not a token of Facebook.
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
    """Returns Graph's answer.

    Raises:
        GraphError: an error, even inside a success; a redirect; a body that is not Graph's JSON, as in an outage.
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
    """Returns the JSON value, or None if the body is not JSON. A whole number stays exact at any length.

    orjson refuses half of an emoji (`"\\ud83d"`), which some clients send when they cut texts. It also rounds whole
    numbers beyond 64 bits, which have 19 digits and a minus, or 20 digits.
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
