"""Signs deliveries and posts them as Facebook does."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx2

from domain.errors import PageInboxError
from domain.secret import Secret
from simulator.ledger import Ledger
from simulator.plan import Plan, PlanRefused, Post, posts
from simulator.signing import Headers, forged, signed
from simulator.summary import Summary

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]
Progress = Callable[[Summary], None]

FACEBOOK_WAITS = 5.0
"""Seconds; a later answer is a failure (developers.facebook.com/docs/messenger-platform/webhooks)."""

CHECK_SECONDS = 2.0
"""Seconds to wait for the first answer of a service, before a plan starts."""

_AGAIN_AFTER = 0.02
"""Seconds between two attempts to reach a starting service."""

_UNDER_WAY = 256
"""The largest number of unfinished posts, retries included. The number bounds the memory while the receiver is down."""

_HEADERS = {"Content-Type": "application/json", "User-Agent": "facebookexternalua", "Accept": "*/*"}


def _unix_milliseconds() -> int:
    return time.time_ns() // 1_000_000


async def until_answered(url: str) -> None:
    """Return when the address gives any answer."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        while True:
            try:
                await client.get(url)
            except httpx2.TransportError:
                await asyncio.sleep(_AGAIN_AFTER)
            else:
                return


class TargetRefused(PageInboxError):
    """Raised when the address does not accept signed deliveries."""


class Sender:
    """Posts to one URL with one app secret, at most `concurrency` requests at a time. Raises PlanRefused for a bad URL.

    `transport` replaces the network in tests.
    """

    def __init__(
        self,
        url: str,
        secret: Secret,
        *,
        concurrency: int = 16,
        timeout: float = FACEBOOK_WAITS,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        try:
            self._url = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise PlanRefused("bad_url", "the address cannot be read") from error
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise PlanRefused("bad_url", "the address begins with http:// or https:// and names a host")
        self._secret = secret
        self._concurrency = concurrency
        self._timeout = timeout
        self._transport = transport

    async def check(self) -> None:
        """Check that the address accepts a signed delivery without events, or answers that it cannot store now.

        Raises:
            TargetRefused: after at most `CHECK_SECONDS`, with the cause.
        """
        body = b'{"object":"page","entry":[]}'
        try:
            async with asyncio.timeout(CHECK_SECONDS), self._client() as client:
                status = (await client.post(self._url, content=body, headers=signed(body, self._secret))).status_code
        except (TimeoutError, httpx2.RequestError):
            raise TargetRefused("no_answer", f"{self._url} does not answer. Is the service running?") from None
        if status == httpx2.codes.UNAUTHORIZED:
            sentence = "The service refuses the signature: its FACEBOOK_APP_SECRET is another one."
            raise TargetRefused("signature_refused", sentence)
        if status not in (httpx2.codes.OK, httpx2.codes.SERVICE_UNAVAILABLE):
            raise TargetRefused("no_webhook", f"{self._url} answers {status}, as no webhook does. It ends in /webhook.")

    async def run(
        self,
        plan: Plan,
        *,
        rng: random.Random,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
        now: Callable[[], int] = _unix_milliseconds,
        progress: Progress = lambda _: None,
    ) -> Summary:
        """Send the whole plan.

        `clock` (seconds) is for the rate and the latencies. `now` (Unix milliseconds) gives the events their times.
        `progress` is called after every concluded post with the growing summary, which a caller can keep for a
        cancellation. A cancellation ends every request in progress and closes every connection.
        """
        summary = Summary(ledger=None if plan.count is None else Ledger())
        room = asyncio.Semaphore(_UNDER_WAY)
        slots = asyncio.Semaphore(self._concurrency)
        async with self._client() as client, asyncio.TaskGroup() as tasks:
            run = _Run(client, self._url, self._secret, self._timeout, plan, slots, sleep, clock, summary, progress)
            drawn = posts(plan, rng, now)
            for position in itertools.count() if plan.count is None else range(plan.count):
                await run.paced(position)
                await room.acquire()
                tasks.create_task(run.deliver(next(drawn))).add_done_callback(lambda _: room.release())
        return summary

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers=_HEADERS,
            follow_redirects=False,  # as far as is known Facebook follows no redirect, and a redirect is not a 200
            limits=httpx2.Limits(max_connections=self._concurrency, max_keepalive_connections=self._concurrency),
            timeout=None,  # `_Run` limits the time of the whole attempt
            transport=self._transport,
            trust_env=False,  # requests to loopback must not use a proxy from the environment
        )


@dataclass(slots=True)
class _Run:
    """The state that all posts of one run share."""

    client: httpx2.AsyncClient
    url: httpx2.URL
    secret: Secret
    timeout: float
    plan: Plan
    slots: asyncio.Semaphore
    sleep: Sleep
    clock: Clock
    summary: Summary
    progress: Progress
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    async def paced(self, position: int) -> None:
        """Wait until the post at `position` is due. Return at once if it is overdue or there is no rate."""
        if self.plan.rate > 0:
            wait = self.started + position / self.plan.rate - self.clock()
            if wait > 0:
                await self.sleep(wait)

    async def deliver(self, post: Post) -> None:
        """Send a post. A genuine post is repeated until the answer is 200 or `RETRY_WAITS` are used up. `Retry-After`
        is ignored, as Facebook ignores it. A post holds no slot while it waits.
        """
        self.summary.sending(post)
        headers = (
            signed(post.body, self.secret) if post.forgery is None else forged(post.body, self.secret, post.forgery)
        )
        if not await self._attempt(post, headers):
            await self._retry(post, headers)
        self.summary.concluded += 1
        self.summary.seconds = self.clock() - self.started
        self.progress(self.summary)

    async def _retry(self, post: Post, headers: Headers) -> None:
        for wait in self.plan.retry_waits:
            await self.sleep(wait)
            self.summary.retried += 1
            if await self._attempt(post, headers):
                return
        self.summary.given_up += 1

    async def _attempt(self, post: Post, headers: Headers) -> bool:
        async with self.slots:
            began = self.clock()
            answer = await self._answer(post.body, headers)
            return self.summary.answered(post, answer, self.clock() - began)

    async def _answer(self, body: bytes, headers: Headers) -> str:
        """Returns the status as text, `timeout`, or `no_answer` if the connection failed."""
        try:
            async with asyncio.timeout(self.timeout):
                answer = await self.client.post(self.url, content=body, headers=headers)
        except TimeoutError:
            return "timeout"
        except httpx2.RequestError:
            return "no_answer"
        return str(answer.status_code)
