"""The target of the attacks: a running service, and what an attacker, Facebook and a shop can send to it.

An attack is an async function of a `Target` that returns one figure. The service holds when the figure is at most the
attack's limit. `tests/attack/test_attacks.py` runs each attack as a test, and `python -m tests.attack` prints all of
them.
"""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from domain.secret import Secret
from simulator.serialize import serialize
from simulator.signing import signed
from tests.callers import Facebook, Shop, mint, texts

MIB: Final = 1024 * 1024
SHOP: Final = "attack-shop"
OTHER_SHOP: Final = "attack-other-shop"
PAGE: Final = "104200000009001"
OTHER_PAGE: Final = "104200000009002"


class Unmeasured(Exception):
    """Raised if this target cannot show the figure, for example because its process runs on another machine."""


@dataclass(frozen=True, slots=True)
class Target:
    """A service, with the secrets to sign deliveries and tokens. `pid` is its process and `redis_url` its Redis. Both
    are None for a service on another machine."""

    url: str
    app_secret: Secret
    token_key: Secret
    ops_url: str | None = None
    pid: int | None = None
    redis_url: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Returns host and port, for raw sockets.

        Raises:
            Unmeasured: the address is https, and raw bytes cannot be sent there.
        """
        parts = urlsplit(self.url)
        if parts.scheme != "http":
            raise Unmeasured("raw sockets need an http:// address")
        return parts.hostname or "", parts.port or 80

    def shop(self, name: str = SHOP, *, connected_shop: str | None = None) -> Shop:
        """Returns a client of one shop. Its token is for that shop, or for `connected_shop` (`*`: every shop)."""
        return Shop(self.url, name, mint(connected_shop or name, key=self.token_key))

    def connect(self, name: str = SHOP, page: str = PAGE) -> None:
        """Connect a Page without Graph, as HangPopok's own back end may do."""
        with self.shop(name, connected_shop="*") as shop:
            shop.connect(page)

    def facebook(self) -> Facebook:
        """Returns a client that sends deliveries."""
        return Facebook(self.url)

    def delivery(self, mids: Iterable[str], page: str = PAGE) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        """Returns body and signature headers of a delivery of texts."""
        body = serialize(texts(mids, page=page))
        return body, list(signed(body, self.app_secret))

    def resident_mib(self) -> float:
        """Returns the memory of the process in MiB."""
        pages = int(Path(f"/proc/{self._local_pid()}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / MIB

    def processor_seconds(self) -> float:
        """Returns the processor time that the process has used."""
        fields = Path(f"/proc/{self._local_pid()}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def _local_pid(self) -> int:
        if self.pid is None:
            raise Unmeasured("the service's process is not on this machine; give --pid where it is")
        return self.pid


Run = Callable[[Target], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Attack:
    """`run` returns a figure in `unit`. The service holds when the figure is at most `limit`. Shops are connected
    before."""

    title: str
    limit: float
    unit: str
    run: Run


ATTACKS: Final[list[Attack]] = []


def attack(title: str, *, limit: float, unit: str) -> Callable[[Run], Run]:
    """Register an attack."""

    def register(run: Run) -> Run:
        ATTACKS.append(Attack(title, limit, unit, run))
        return run

    return register


async def slowest_delivery(target: Target, during: Awaitable[object], *, most: int = 200, pause: float = 0.05) -> float:
    """Returns the seconds until the slowest delivery is answered 200, of those that are sent while `during` runs. A
    delivery that is answered 503 is sent again, as Facebook does. A delivery with another failure, or without an answer
    in 10 s, counts as 10 s.

    At least three deliveries are sent.
    """
    slowest = 0.0
    task = asyncio.ensure_future(during)
    with target.facebook() as facebook:
        for number in range(most):
            began = time.monotonic()
            body, headers = target.delivery([f"m_beside_{number}_{time.monotonic_ns()}"])
            status = 503
            while status == 503 and time.monotonic() < began + 10.0:
                try:
                    status = (await asyncio.to_thread(facebook.deliver, body, headers)).status_code
                except Exception:  # noqa: BLE001 - any failure to answer is a failed delivery
                    status = 0
            slowest = max(slowest, time.monotonic() - began if status == 200 else 10.0)
            if task.done() and number >= 2:
                break
            await asyncio.sleep(pause)
    await task
    return slowest
