"""The start of `page-inbox`: installs a handler for SIGTERM, then loads the command line.

Process 1 of a container gets only signals for which it has a handler. Loading takes most of a second. Without this
handler, a pod that must end during the loading would run until the end of its grace period.
"""

import importlib
import signal
import sys
from typing import Final

from app.loading import loading

ENDED: Final = 128 + signal.SIGTERM
"""The exit code that shells report for a process that SIGTERM ended."""


def main() -> None:
    """Run `page-inbox`. A serving process replaces this handler with its own (signals.py)."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))
    if sys.stdout is None:
        # The next file that is opened would get the file descriptor of standard output. Then output for the user would
        # be written into this file.
        sys.exit("Error: Standard output is closed. Give it a file, a pipe or /dev/null.")
    with loading():
        cli = importlib.import_module("app.cli")
    cli.main(prog_name="page-inbox")
