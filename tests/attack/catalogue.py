"""All attacks: every module of this folder registers its own when it is imported."""

from importlib import import_module
from pathlib import Path

from tests.attack.target import ATTACKS, Attack

NOT_ATTACKS = {"__main__", "catalogue", "target", "report"}


def all_attacks() -> list[Attack]:
    """Returns every attack, by module name and then in the order of its module."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in NOT_ATTACKS and not path.stem.startswith("test_"):
            import_module(f"tests.attack.{path.stem}")
    return ATTACKS
