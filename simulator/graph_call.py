"""Pure: one call of Graph, and what is checked before anything is looked up: version, token, proof, permission.

Facebook serves a call without a version with the oldest version that the app may use. Here such a call is refused, so
that a test notices a client that forgets the version. https://developers.facebook.com/docs/graph-api/guides/versioning
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from domain.ids import PageId
from domain.secret import Secret
from simulator.graph_nodes import Token
from simulator.graph_refusals import (
    GraphErrorAnswer,
    bad_parameter,
    dead_token,
    permission_missing,
    unreadable_query,
)
from simulator.graph_world import World

VERSIONS = ("v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0")
"""The versions that are in use in November 2026."""

PROOF_SECONDS = 300
"""Largest difference in seconds between a proof's time and the clock (documentation/facebook-login/security)."""

Where = Literal["header", "url", "form", "nowhere"]
"""The place of the token in a call."""

EVERYWHERE = frozenset({"access_token", "appsecret_proof", "appsecret_time", "locale", "pretty", "debug", "format"})
"""Parameters that every call may have; v26.0 ignores `pretty` and `debug`."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `path` has no version. `params` are the parameters of the URL and of a POST's form, the token
    included."""

    method: str
    version: str | None
    path: tuple[str, ...]
    params: Mapping[str, str]
    token: str | None
    where: Where


def read_call(
    method: str, path: str, query: Mapping[str, str], form: Mapping[str, str], authorization: str | None
) -> Call:
    """Returns a call made from its parts. A token in the header is used before any other token."""
    parts = tuple(part for part in path.split("/") if part)
    version = parts[0] if parts and parts[0][0] == "v" and parts[0][1:].replace(".", "").isdigit() else None
    token, where = _token(query, form, authorization)
    return Call(method, version, parts[1:] if version else parts, {**query, **form}, token, where)


def _token(query: Mapping[str, str], form: Mapping[str, str], authorization: str | None) -> tuple[str | None, Where]:
    scheme, _, bearer = (authorization or "").partition(" ")
    if scheme.lower() in ("bearer", "oauth") and bearer:
        return bearer, "header"
    if "access_token" in query:
        return query["access_token"], "url"
    if "access_token" in form:
        return form["access_token"], "form"
    return None, "nowhere"


def proof(token: str, secret: Secret, at: str | None) -> str:
    """`appsecret_proof` of a token; `at` is the text of `appsecret_time`, None for the form without a time."""
    message = token if at is None else f"{token}|{at}"
    return hmac.digest(secret.reveal_bytes(), message.encode(), "sha256").hex()


def check(world: World, call: Call) -> Token:
    """Returns the token of a call that is allowed.

    Raises:
        GraphErrorAnswer: 2500 for a version, 190 for a token, 104 for a proof.
    """
    if call.version is None:
        raise unreadable_query("Unknown path components: the version is missing")
    if call.version not in VERSIONS:
        raise unreadable_query(f"Unknown path components: /{call.version}")
    if call.token is None:
        raise unreadable_query("An active access token must be used to query information about the current user.")
    token = world.tokens.get(call.token)
    if token is None:
        raise dead_token(None)
    if (subcode := why_dead(world, token)) is not None:
        raise dead_token(subcode)
    _check_proof(world, call, call.token)
    return token


def why_dead(world: World, token: Token) -> int | None:
    """Returns the subcode for a dead token, or None for a live token."""
    if token.dead is None and token.expires_at and token.expires_at * 1000 <= world.now():
        return 463
    return token.dead


def _check_proof(world: World, call: Call, token: str) -> None:
    given = call.params.get("appsecret_proof")
    if given is None:
        raise _proof_refused("API calls from the server require an appsecret_proof argument")
    at = call.params.get("appsecret_time") if world.timed_proof else None
    if at is not None:
        if not at.isascii() or not at.isdigit():
            raise _proof_refused("Invalid appsecret_time provided in the API argument")
        if abs(int(at) * 1000 - world.now()) > PROOF_SECONDS * 1000:
            raise _proof_refused("appsecret_proof has expired: appsecret_time is not within 5 minutes")
    if not any(hmac.compare_digest(proof(token, secret, at), given) for secret in world.app_secrets):
        raise _proof_refused("Invalid appsecret_proof provided in the API argument")


def _proof_refused(message: str) -> GraphErrorAnswer:
    return GraphErrorAnswer(104, f"(#104) Incorrect signature: {message}", type="GraphMethodException")


def permit(token: Token, code: int, scopes: Sequence[str]) -> None:
    """Raises GraphErrorAnswer with this code for the first of these permissions that the token lacks."""
    for scope in scopes:
        if scope not in token.scopes:
            raise permission_missing(code, scope)


def on_page(token: Token, page: PageId) -> bool:
    """Returns whether the token belongs to that Page."""
    return token.type == "PAGE" and token.profile == page


def only(call: Call, *known: str) -> None:
    """Raises GraphErrorAnswer if the call has a parameter that is neither in this list nor in `EVERYWHERE`."""
    for name in call.params:
        if name not in EVERYWHERE and name not in known:
            raise bad_parameter(f"Unknown parameter ({name})")
