"""Commands in documents, as a newcomer copies them: the blocks marked `sh` under one heading, in their order."""

import re
import textwrap
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_BLOCK: Final = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def commands(document: str, heading: str) -> list[str]:
    """Returns the blocks under a heading, up to the next heading of the same or a higher level."""
    text = (ROOT / document).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"{document} has no heading {heading!r}"
    rank = heading.split()[0]
    ends = [at for mark in range(1, len(rank) + 1) if (at := rest.find(f"\n{'#' * mark} ")) >= 0]
    section = rest[: min(ends)] if ends else rest
    return [textwrap.dedent(block) for _, block in _BLOCK.findall(section)]
