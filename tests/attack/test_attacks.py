"""Each attack, against its own service with production settings."""

from pathlib import Path

import pytest

from tests.attack.catalogue import all_attacks
from tests.attack.target import OTHER_PAGE, OTHER_SHOP, Attack, Target
from tests.servers import Server
from tests.service import APP_SECRET, TOKEN_KEY, serving

BUSY = 3
"""Factor for limits of times and shares, because this machine may be busy. `make attack` applies the limits
themselves."""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("attack", all_attacks(), ids=lambda attack: attack.title)
async def test_the_figure_of_an_attack_is_within_its_limit(attack: Attack, valkey: Server, tmp_path: Path) -> None:
    """The figure is at most the limit. The limits of times and shares have room for a busy machine."""
    with serving(valkey.url, tmp_path / "log", CONNECT_WITHOUT_TOKEN="backend") as service:
        target = Target(service.url, APP_SECRET, TOKEN_KEY, service.ops_url, service.process.pid, valkey.url)
        target.connect()
        target.connect(OTHER_SHOP, OTHER_PAGE)
        figure = await attack.run(target)
    is_timed = attack.unit.startswith(("s,", "ms", "reads"))
    assert figure <= attack.limit * (BUSY if is_timed else 1), f"{figure:,.3f} {attack.unit}"
