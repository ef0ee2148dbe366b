"""One shop's token against other shops' Pages."""

from tests.attack.target import OTHER_PAGE, OTHER_SHOP, Target, attack


@attack("a shop's token takes Pages without showing their tokens", limit=0, unit="Pages taken")
async def squatting(target: Target) -> float:
    """Connect Pages that no shop has, and another shop's Page, with `{}` and with a made-up token."""
    taken = 0
    with target.shop() as shop, target.shop(OTHER_SHOP) as other:
        for page in ("104200000009101", "104200000009102", OTHER_PAGE):
            for body in ({}, {"access_token": "EAAmadeup" + "x" * 150}):
                taken += shop.client.put(f"/pages/{page}", json=body).status_code == 200
        assert [page["page_id"] for page in other.get("/pages")["pages"]] == [OTHER_PAGE]
    return taken
