"""A shop can always delete everything."""

import asyncio
from http.client import HTTPConnection

from tests.attack.target import SHOP, Target, attack
from tests.callers import mint


@attack(
    "a token that only purges uses up the right to delete everything", limit=0, unit="refused deletions of everything"
)
async def deletion_used_up(target: Target) -> float:
    """Make 5,050 purges of made-up messages and 110 of everything. Then the back end deletes everything."""

    def attacker(paths: list[str]) -> None:
        token = mint(SHOP, ["messages:purge"], key=target.token_key)
        connection = HTTPConnection(*target.address, timeout=60)
        for path in paths:
            connection.request("DELETE", f"/v1/shops/{SHOP}{path}", headers={"Authorization": f"Bearer {token}"})
            connection.getresponse().read()
        connection.close()

    parts = [[f"/messages/m_invented_{part}_{number}" for number in range(640)] for part in range(8)]
    await asyncio.gather(*(asyncio.to_thread(attacker, part) for part in parts))
    await asyncio.to_thread(attacker, ["/messages"] * 110)
    with target.shop(SHOP, connected_shop="*") as owner:
        answer = await asyncio.to_thread(owner.client.delete, "/messages")
        if answer.status_code == 429:
            await asyncio.sleep(min(float(answer.headers["retry-after"]), 30))
            answer = await asyncio.to_thread(owner.client.delete, "/messages")
    return float(answer.status_code != 200)
