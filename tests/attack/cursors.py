"""Made-up, changed and borrowed cursors, event ids and tickets."""

import struct
from base64 import urlsafe_b64encode
from collections.abc import Iterator

import httpx2

from tests.attack.target import OTHER_PAGE, OTHER_SHOP, PAGE, Target, attack
from tests.callers import Facebook, Shop
from tests.support import NO_TLS

LISTS = ("messages", "conversations", "audit")


def _unsigned() -> Iterator[str]:
    """Yields the first and the last moments, in the forms that cursors had before they were signed."""
    for moment in (0, 1, 2**53 - 1, 2**64 - 1):
        for raw in (b"m%b", b"a%b", b"s%b", b"c" + struct.pack(">Q", 1) + b"%b", b"%b", b"c%b" + bytes(8)):
            yield urlsafe_b64encode(raw % struct.pack(">Q", moment)).rstrip(b"=").decode()


def _changed(cursor: str) -> Iterator[str]:
    for at, old in enumerate(cursor):
        yield cursor[:at] + ("A" if old != "A" else "B") + cursor[at + 1 :]
    yield cursor + "A"
    yield cursor[:-1]


def _fill(facebook: Facebook) -> None:
    for number in range(3):
        for page in (PAGE, OTHER_PAGE):
            facebook.text(f"m_{number}", page=page, customer=f"700000000000000{number}")


def _genuine(shop: Shop) -> dict[str, str]:
    """Returns a cursor of each list."""
    return {path: shop.get(f"/{path}", limit=1)["next_cursor"] for path in LISTS}


@attack("a cursor that the service did not hand out is taken", limit=0, unit="answers that are not 400")
async def foreign_cursors(target: Target) -> float:
    """Send made-up cursors, changed cursors, and cursors of another list and of another shop."""
    with target.facebook() as facebook:
        _fill(facebook)
    taken = 0
    with target.shop() as shop, target.shop(OTHER_SHOP) as other:
        own, foreign = _genuine(shop), _genuine(other)
        for path in LISTS:
            assert shop.client.get(f"/{path}", params={"limit": 1, "cursor": own[path]}).status_code == 200
            tried = [*_unsigned(), *_changed(own[path]), *foreign.values(), *(own[at] for at in LISTS if at != path)]
            for cursor in tried:
                taken += shop.client.get(f"/{path}", params={"limit": 1, "cursor": cursor}).status_code != 400
    return taken


@attack("an event id that the service did not hand out is resumed from", limit=0, unit="streams without a gap")
async def foreign_event_ids(target: Target) -> float:
    """Each stream must say `gap` and begin now."""
    with target.facebook() as facebook:
        _fill(facebook)
    resumed = 0
    with target.shop() as shop, target.shop(OTHER_SHOP) as other:
        tried = [*_unsigned(), *_genuine(shop).values(), *_changed(_first_id(shop)), _first_id(other)]
        for event_id in tried:
            with shop.client.stream("GET", "/stream", headers={"Last-Event-ID": event_id}) as answer:
                resumed += "event: gap" not in next(answer.iter_text())
    return resumed


@attack("a made-up ticket opens a stream", limit=0, unit="answers that are not 401")
async def foreign_tickets(target: Target) -> float:
    """Send made-up tickets, a changed ticket, a ticket of another shop, and a used ticket."""
    with (
        target.shop() as shop,
        target.shop(OTHER_SHOP) as other,
        httpx2.Client(trust_env=False, verify=NO_TLS) as stranger,
    ):
        genuine = shop.client.post("/stream-ticket").json()["ticket"]
        foreign = other.client.post("/stream-ticket").json()["ticket"]
        tried = ["x", *_unsigned(), *_changed(genuine), foreign]
        address = f"{target.url}/v1/shops/{shop.name}/stream"
        refused = sum(stranger.get(address, params={"ticket": one}).status_code == 401 for one in tried)
        with stranger.stream("GET", address, params={"ticket": genuine}) as answer:
            assert answer.status_code == 200
        return len(tried) + 1 - refused - (stranger.get(address, params={"ticket": genuine}).status_code == 401)


def _first_id(shop: Shop) -> str:
    with shop.client.stream("GET", "/stream", params={"since": "0"}) as answer:
        for part in answer.iter_lines():
            if part.startswith("id: "):
                return part.removeprefix("id: ")
    raise AssertionError("the stream ended before an event with an id")
