"""Where the files of the client are."""

from pathlib import Path
from typing import Final

MODULE: Final = Path(__file__).parent / "page-inbox.js"
TYPES: Final = tuple(sorted(MODULE.parent.glob("*.d.ts")))
