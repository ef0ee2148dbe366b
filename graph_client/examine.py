"""The checks of `page-inbox doctor` about Facebook: does Facebook accept the app's secret and each Page's token, and
which conversations does Facebook refuse? The call about the app is sent with the app's own token in a header, so no
address contains a secret. https://developers.facebook.com/docs/graph-api/reference/application
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

from domain.errors import PageInboxError
from domain.finding import Finding, Level
from domain.ids import PageId, ShopId
from domain.moment import rfc3339
from domain.secret import Secret
from domain.shop import TOKEN_WARNING_MS, Page, PageState
from graph_client.client import Client
from graph_client.errors import (
    NO_ANSWER,
    GraphError,
    GraphRedirected,
    GraphTimeout,
    PolicyBlocked,
    Throttled,
    TokenDead,
)
from graph_client.fields import KEPT_FIELDS, NEEDED_FIELDS, missing
from graph_client.page_setup import PageSetup
from graph_client.store import Heals, Registry
from graph_client.token_facts import TokenFacts
from graph_client.wire import Ask

CALL_SECONDS: Final = 5.0
"""Seconds for one call about the app. Facebook usually answers within one second."""

PAGE_SECONDS: Final = 15.0
"""Seconds for all calls about one Page. A single call ends after at most twelve seconds."""

AT_ONCE: Final = 4
"""Pages that are checked at the same time. The check of a thousand Pages takes some minutes. The service can make its
own calls at the same time.
"""

GIVE_UP: Final = 3
"""If Facebook does not answer for this number of Pages in a row, the other Pages are not checked, because each call
would wait until its time limit.
"""

_OUTAGE: Final = (*NO_ANSWER, GraphRedirected)
_AWAY: Final = (*_OUTAGE, Throttled, PolicyBlocked)
"""Errors that do not concern the app or the token, because Facebook did not answer the question."""


async def examine_app(
    app_id: str, app_secrets: Sequence[Secret], make_client: Callable[[Secret], Client]
) -> AsyncIterator[Finding]:
    """Yield one finding for each secret: does Facebook accept it for the app? The first secret signs calls. The other
    secrets only verify webhooks.

    `make_client` returns a client that signs with the given secret. This function closes the client.
    """
    for number, secret in enumerate(app_secrets, 1):
        about = "the first of FACEBOOK_APP_SECRET" if number == 1 else f"FACEBOOK_APP_SECRET, number {number}"
        client = make_client(secret)
        try:
            token = Secret(f"{app_id}|{secret.reveal()}")
            reply = await client.send(Ask("GET", (app_id,), {"fields": "id"}), token, page=None, timeout=CALL_SECONDS)
        finally:
            await client.close()
        yield _of_app(reply.result, about, first=number == 1)
        if isinstance(reply.result, _OUTAGE):
            return


def _of_app(result: object, about: str, *, first: bool) -> Finding:
    if not isinstance(result, GraphError):
        return Finding("app", "ok", "Facebook knows the app by this secret.", about=about)
    if isinstance(result, _AWAY):
        level: Level = "fail" if first and isinstance(result, _OUTAGE) else "warn"
        return Finding("app", level, f"{result}", _away(result), about)
    if first:
        sentence = "Facebook does not know the app by this secret: no call of ours is answered."
        remedy = "Compare FACEBOOK_APP_ID and FACEBOOK_APP_SECRET with the app's dashboard (Settings, Basic)."
        return Finding("app", "fail", sentence, remedy, about)
    sentence = "Facebook does not know the app by this secret (any more); webhooks signed with it are still taken."
    return Finding("app", "warn", sentence, "Take it out, unless Facebook is about to begin using it.", about)


def _away(error: GraphError) -> str:
    if isinstance(error, Throttled | PolicyBlocked):
        return "Look again when the time is over; the app's dashboard shows its limits and blocks."
    return "Does this machine reach GRAPH_URL (port 443, DNS)? Facebook's own state: metastatus.com."


async def examine_pages(
    pages: Iterable[PageId],
    registry: Registry,
    facebook: PageSetup,
    *,
    now: Callable[[], int],
    ask_facebook: bool = True,
) -> AsyncIterator[Finding]:
    """Yield one finding for each Page, in no fixed order. Without `ask_facebook`, only the stored state is checked.

    `now` returns Unix milliseconds.
    A call about a Page uses the Page's own budget, as in the service. If Facebook has demanded a wait for a Page, no
    call is made for this Page. After `GIVE_UP` Pages in a row without an answer, no further call is made.
    """
    left = iter(pages)
    unanswered = 0
    under_way: set[asyncio.Task[tuple[Finding, bool]]] = set()
    try:
        while True:
            asking = ask_facebook and unanswered < GIVE_UP
            while len(under_way) < AT_ONCE and (page := next(left, None)) is not None:
                under_way.add(asyncio.create_task(_examined(page, registry, facebook, now, ask_facebook=asking)))
            if not under_way:
                return
            done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                finding, outage = task.result()
                unanswered = unanswered + 1 if outage else 0 if unanswered < GIVE_UP else unanswered
                yield finding
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _examined(
    page: PageId, registry: Registry, facebook: PageSetup, now: Callable[[], int], *, ask_facebook: bool
) -> tuple[Finding, bool]:
    """Returns a finding, and True if Facebook did not answer."""
    try:
        async with asyncio.timeout(PAGE_SECONDS):
            return await _page(page, registry, facebook, now(), ask_facebook=ask_facebook), False
    except TimeoutError:
        return _found(page, "fail", "Not known: the questions took too long.", _away(GraphTimeout())), True
    except TokenDead as dead:
        remedy = "Get a new token from the shop: `page-inbox pages connect --shop S --token-file F PAGE`."
        return _found(page, "fail", f"{dead}", remedy), False
    except _AWAY as error:
        return _found(page, "warn", f"Not known: {error}", _away(error)), isinstance(error, _OUTAGE)
    except PageInboxError as error:
        remedy = "Connect it again, or disconnect it: `page-inbox pages connect`, `page-inbox pages disconnect`."
        if error.kind == "unavailable":
            remedy = "Look at Redis first."
        return _found(page, "fail", f"{error}", remedy), False


async def _page(page: PageId, registry: Registry, facebook: PageSetup, now: int, *, ask_facebook: bool) -> Finding:
    shop = await registry.owner(page)
    if shop is None:
        return _found(page, "ok", "It was disconnected just now.")
    known = await registry.page(shop, page)
    credentials = await registry.credentials(shop, page)
    if credentials is None:
        return _found(page, "ok", f"Connected to {shop} for webhooks alone{_last_event(known)}.")
    state = credentials.state
    if not state.token_alive:
        raise TokenDead(state.reason)
    if not ask_facebook:
        return _unasked(page, shop, known, state)
    facts = await facebook.inspect(credentials.token, page)
    fields = await facebook.subscribed_fields(shop, page)
    return _judged(page, shop, known, facts, fields, now)


def _unasked(page: PageId, shop: ShopId, known: Page, state: PageState) -> Finding:
    last_state = f"{known.status} when it was last looked at, {rfc3339(state.checked_at)}"
    sentence = f"Connected to {shop}; Facebook was not asked. It was {last_state}{_last_event(known)}."
    return _found(page, "warn", sentence, "Fix what prevents a call of Facebook, then run this again.")


def _judged(page: PageId, shop: ShopId, known: Page, facts: TokenFacts, fields: Sequence[str], now: int) -> Finding:
    lacking = facts.missing_permissions
    if missing(NEEDED_FIELDS, fields):
        sentence = f"Connected to {shop}; Facebook delivers none of its messages{_last_event(known)}."
        remedy = "The running service subscribes it again within a day; `page-inbox pages connect` does so at once."
        return _found(page, "fail", sentence, remedy)
    if undelivered := missing(KEPT_FIELDS, fields):
        sentence = f"Connected to {shop}; Facebook does not deliver {', '.join(undelivered)}."
        return _found(page, "warn", sentence, "Subscribe it again with `page-inbox pages connect`.")
    if facts.expires_at is not None and facts.expires_at - now <= TOKEN_WARNING_MS:
        sentence = f"Connected to {shop}; its token ends at {rfc3339(facts.expires_at)}."
        remedy = "Connect the Page before that with a token made from a long-lived user token: it has no end."
        return _found(page, "warn", sentence, remedy)
    if lacking:
        sentence = f"Connected to {shop}; its token lacks {', '.join(lacking)}."
        return _found(page, "warn", sentence, "Let the shop grant that, and connect the Page with the new token.")
    return _found(page, "ok", f"Connected to {shop}; token alive, webhooks subscribed{_last_event(known)}.")


def _last_event(page: Page) -> str:
    return f"; last event {rfc3339(page.last_event_at)}" if page.last_event_at else "; no event yet"


def _found(page: PageId, level: Level, sentence: str, remedy: str = "") -> Finding:
    return Finding("page", level, sentence, remedy, page)


async def examine_heals(pages: Iterable[PageId], registry: Registry, records: Heals) -> AsyncIterator[Finding]:
    """Yield a warning for each Page whose healing has refused conversations. Facebook is not asked."""
    for page in pages:
        try:
            shop = await registry.owner(page)
            heal = None if shop is None else await records.read(shop, page)
        except PageInboxError:
            continue  # the finding about the Page itself reports this
        if heal is not None and heal.unhealed:
            reasons = Counter(entry.reason for entry in heal.unhealed)
            counts = ", ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
            sentence = f"Facebook refuses {len(heal.unhealed)} of the conversations of this Page of {shop}: {counts}."
            remedy = (
                "The running service tries them again. `GET pages/{page}` lists them; "
                f"`page-inbox pages heal --wait --shop {shop} {page}` tries at once."
            )
            yield Finding("unhealed", "warn", sentence, remedy, page)
