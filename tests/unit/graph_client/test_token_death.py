"""What is recorded about a token that died."""

from dataclasses import dataclass, field, replace
from typing import Any

from structlog.testing import capture_logs

from domain.ids import PageId, ShopId
from domain.shop import PageState, PageStatus
from graph_client.errors import ErrorDetails, TokenDead
from graph_client.schedule import DAY
from graph_client.token_death import TokenDeath
from tests.unit.graph_client.fakes import ALIVE, CREDENTIALS, PAGE, SHOP, TOKEN, NoStore

NOW = 1_770_000_500_000
DIED = TokenDead("logged_out", ErrorDetails(190, 467, "Ab1-_x"))


@dataclass
class World(NoStore):
    """Registry and watchlist. `replaced` says if the Page has another token now."""

    replaced: bool = False
    told: list[tuple[Any, ...]] = field(default_factory=list)

    async def note_state(self, shop: ShopId, page: PageId, seal: bytes, state: PageState, /) -> bool:
        """Record the state unless the token was replaced."""
        self.told.append((shop, page, seal, state))
        return not self.replaced

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Record the call."""
        self.told.append((page, due_ms, status))


async def test_a_dead_token_is_marked_in_the_store_and_on_the_watch_list() -> None:
    """The state has the reason. The Page is not healed with this token, and the missing messages stay recorded."""
    world = World()
    alive = replace(CREDENTIALS, state=replace(ALIVE, heal_since=5, missing_permissions=("pages_read_user_content",)))
    await TokenDeath(world, world, now=lambda: NOW)(SHOP, PAGE, alive, DIED)
    state = PageState(
        NOW,
        token_alive=False,
        reason="logged_out",
        missing_permissions=("pages_read_user_content",),
        heal_since=5,
    )
    assert world.told == [(SHOP, PAGE, b"seal", state), (PAGE, NOW + DAY, "reconnect")]


async def test_the_log_line_of_a_dead_token_does_not_contain_the_token() -> None:
    """The line has what an operator needs for a question to Facebook."""
    world = World()
    with capture_logs() as lines:
        await TokenDeath(world, world, now=lambda: NOW)(SHOP, PAGE, CREDENTIALS, DIED)
    assert lines == [
        {
            "event": "token_dead",
            "log_level": "warning",
            "shop": SHOP,
            "page": PAGE,
            "token_reason": "logged_out",
            "trace": "Ab1-_x",
        }
    ]
    assert TOKEN.reveal() not in str(lines)


async def test_a_failure_of_a_replaced_token_does_not_change_the_page() -> None:
    """The failed call had begun with the old token."""
    world = World(replaced=True)
    with capture_logs() as lines:
        await TokenDeath(world, world, now=lambda: NOW)(SHOP, PAGE, CREDENTIALS, DIED)
    assert len(world.told) == 1
    assert lines == []
