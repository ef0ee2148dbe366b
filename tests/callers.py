"""Callers of a running service over HTTP: Facebook, a shop, an operator."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, Self

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from api.auth import Tokens
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.secret import Secret
from domain.shop import SCOPES, Scope
from simulator.happening import Container
from simulator.payloads import delivery, entry, from_customer
from simulator.serialize import Document, serialize
from simulator.signing import signed
from tests.service import APP_SECRET, TOKEN_KEY
from tests.support import NO_TLS, WITHIN, wait_until_blocking

PAGE: Final = PageId("104200000000001")
CUSTOMER: Final = Psid("7000000000000001")
FACEBOOK_WAITS: Final = 5.0
"""Seconds. Facebook counts a later answer as a failure."""


def mint(
    shop: str,
    scopes: Sequence[Scope] = SCOPES,
    *,
    ttl: int = 3600,
    key: Secret = TOKEN_KEY,
    subject: str = "owner@shop",
) -> str:
    """Returns a token as the service's own issuer makes it. It is valid for longer than all tests take."""
    return Tokens([key]).mint(ShopId(shop), scopes, ttl, subject, time.time())


def text_part(mid: str, words: str = "សួស្តី", *, page: str = PAGE, customer: str = CUSTOMER, at: int = 0) -> Document:
    """Returns an element of `messaging` with a text. It was sent now, unless `at` (Unix milliseconds) names another
    time."""
    content = {"mid": mid, "text": words}
    return from_customer(PageId(page), Psid(customer), at or int(time.time() * 1000), message=content)


def texts(mids: Iterable[str], *, page: str = PAGE) -> Document:
    """Returns a delivery of texts for one Page."""
    parts = [text_part(MessageId(mid), page=page) for mid in mids]
    return delivery([entry(PageId(page), int(time.time() * 1000), "messaging", parts)])


class Patient(httpx2.HTTPTransport):
    """Repeats a request while Redis is too slow for the service, because a busy machine may slow Redis."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Returns the first answer that is not about a slow Redis, or the last one after `WITHIN` seconds."""
        end = time.monotonic() + WITHIN
        while True:
            response = super().handle_request(request)
            if response.status_code != 503 or time.monotonic() > end or b"redis_timeout" not in response.read():
                return response
            response.close()
            time.sleep(0.1)


class _Caller:
    """A client of one address, and a context manager that closes its connections. `patient` is the same as in
    `Patient`: a test that slows Redis sets it to False."""

    def __init__(self, url: str, headers: dict[str, str] | None = None, *, patient: bool = True) -> None:
        transport = Patient(verify=NO_TLS) if patient else None
        self.client = httpx2.Client(
            base_url=url, headers=headers or {}, trust_env=False, verify=NO_TLS, timeout=WITHIN, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


class Facebook(_Caller):
    """Sends deliveries that are signed with the app secret."""

    def deliver(self, body: Document | bytes, headers: Sequence[tuple[bytes, bytes]] | None = None) -> httpx2.Response:
        """Send one delivery. `headers` replace the right signature."""
        raw = body if isinstance(body, bytes) else serialize(body)
        given = [(b"Content-Type", b"application/json"), *(signed(raw, APP_SECRET) if headers is None else headers)]
        return self.client.post("/webhook", content=raw, headers=given)

    def text(self, mid: str, words: str = "សួស្តី", *, page: str = PAGE, customer: str = CUSTOMER) -> httpx2.Response:
        """Deliver one text."""
        part = text_part(mid, words, page=page, customer=customer)
        return self.deliver(delivery([entry(PageId(page), int(time.time() * 1000), "messaging", [part])]))

    def part(self, part: Document, *, page: str = PAGE, container: Container = "messaging") -> httpx2.Response:
        """Deliver one element."""
        return self.deliver(delivery([entry(PageId(page), int(time.time() * 1000), container, [part])]))

    def edit(self, mid: str, words: str, number: int = 1) -> httpx2.Response:
        """Deliver one edit."""
        content = {"mid": mid, "text": words, "num_edit": number}
        return self.part(from_customer(PAGE, CUSTOMER, int(time.time() * 1000), message_edit=content))

    def unsend(self, mid: str) -> httpx2.Response:
        """Deliver one unsend."""
        content = {"mid": mid, "is_deleted": True}
        return self.part(from_customer(PAGE, CUSTOMER, int(time.time() * 1000), message=content))


class Shop(_Caller):
    """Reads and purges one shop with a token for it."""

    def __init__(self, url: str, name: str = "shop-1", token: str | None = None, *, patient: bool = True) -> None:
        super().__init__(f"{url}/v1/shops/{name}", {"Authorization": f"Bearer {token or mint(name)}"}, patient=patient)
        self.name = name

    def connect(self, page: str = PAGE) -> None:
        """Connect a Page for webhooks."""
        assert self.client.put(f"/pages/{page}", json={}).status_code == 200

    def get(self, path: str, **query: str | int) -> Any:
        """Returns the JSON of a call that must be answered 200."""
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def purge(self, path: str = "/messages") -> dict[str, Any]:
        """Purge, and return the receipt."""
        answer = self.client.delete(path)
        assert answer.status_code == 200, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    def purge_completely(self, path: str = "/messages") -> dict[str, Any]:
        """Purge, and return the receipt once everything is erased. On a busy machine, the answer to the purge may come
        before everything is erased."""
        return self.completed(self.purge(path)["purge_id"])

    def completed(self, purge: str) -> dict[str, Any]:
        """Returns the receipt of a purge once everything is erased."""
        wait_until_blocking(lambda: self.get(f"/purges/{purge}")["status"] == "complete")
        receipt: dict[str, Any] = self.get(f"/purges/{purge}")
        return receipt

    def walk(self, path: str = "/messages", **filters: str) -> list[dict[str, Any]]:
        """Returns all items, read page by page."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(path, limit=100, cursor=cursor, **filters)
            found += page[path.removeprefix("/")]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def walk_audit(self) -> list[dict[str, Any]]:
        """Returns the audit log, newest first."""
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.get("/audit", limit=100, cursor=cursor)
            found += page["entries"]
            cursor = page["next_cursor"]
        return found

    def ids(self, **filters: str) -> list[str]:
        """Returns the ids of all messages, newest first."""
        return [message["id"] for message in self.walk(**filters)]


class Operator(_Caller):
    """Reads the operators' port."""

    def counts(self, name: str) -> "Counter[tuple[str, ...]]":
        """Returns a metric's numbers by their label values, in the alphabetical order of the labels. `name` has no
        prefix.

        Subtract an earlier answer to see what has been counted since.
        """
        found: Counter[tuple[str, ...]] = Counter()
        name = f"page_inbox_{name}"
        lines = [line for line in self.client.get("/metrics").text.splitlines() if line.startswith(name)]
        for family in text_string_to_metric_families("\n".join(lines)):  # parsing all metrics takes 10 ms
            for sample in family.samples:
                if sample.name == name:
                    found[tuple(value for _, value in sorted(sample.labels.items()))] = int(sample.value)
        return found

    def checks(self) -> dict[str, bool]:
        """Returns the result of each check of /readyz."""
        return {check["name"]: check["ok"] for check in self.client.get("/readyz").json()["checks"]}
