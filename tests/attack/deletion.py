"""Nothing takes away the right to delete everything."""

import asyncio

from tests.attack.target import SHOP, Target, attack
from tests.callers import Shop, mint


@attack(
    "a token that only purges uses up the right to delete everything", limit=0, unit="refused deletions of everything"
)
async def deletion_used_up(target: Target) -> float:
    """5,050 purges of invented messages and 110 of everything; then the back end deletes everything."""

    def attacker(paths: list[str]) -> None:
        token = mint(SHOP, ["messages:purge"], key=target.token_key)
        with Shop(target.url, SHOP, token) as shop:
            for path in paths:
                shop.client.delete(path)

    parts = [[f"/messages/m_invented_{part}_{number}" for number in range(640)] for part in range(8)]
    await asyncio.gather(*(asyncio.to_thread(attacker, part) for part in parts))
    await asyncio.to_thread(attacker, ["/messages"] * 110)
    with target.shop(SHOP, connected_shop="*") as owner:
        answer = await asyncio.to_thread(owner.client.delete, "/messages")
        if answer.status_code == 429:
            await asyncio.sleep(min(float(answer.headers["retry-after"]), 30))
            answer = await asyncio.to_thread(owner.client.delete, "/messages")
    return float(answer.status_code != 200)
