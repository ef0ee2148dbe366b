"""The rights of the service's user in Redis: all rights that the code uses, and no others."""

import re
from pathlib import Path

from tests.house.sources import ROOT
from tests.servers import service_rights

OF_THE_CLIENT = {"HELLO", "AUTH", "SELECT", "CLIENT"}
"""Commands that redis-py sends when it connects."""


def test_the_redis_user_has_no_right_that_the_code_does_not_use() -> None:
    """When the code no longer needs a command, the command must leave the list."""
    paths = [path for ending in ("py", "lua") for path in Path(ROOT / "cache").rglob(f"*.{ending}")]
    used = {word for path in paths for word in re.findall(r"[A-Z]{3,}", path.read_text(encoding="utf-8"))}
    given = {right[1:].partition("|")[0].upper() for right in service_rights() if right.startswith("+")}
    assert given - used == OF_THE_CLIENT
    assert "-@all" in service_rights()
    assert not any(right.startswith("+@") for right in service_rights())
