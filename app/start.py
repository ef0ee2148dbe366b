"""The way in: obeys SIGTERM from the first moment on, then loads the command line.

As process 1 of a container we get no signal that we have no handler for, and loading takes most of a second: a pod that
is told to end meanwhile would wait out its whole grace.
"""

import importlib
import signal
import sys
from typing import Final

ENDED: Final = 128 + signal.SIGTERM
"""What shells call the exit code of a process that SIGTERM ended."""


def main() -> None:
    """`page-inbox`. Whatever serves puts a handler of its own in place of this one (server.py)."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))
    if sys.stdout is None:
        # The next file that is opened would take its number, and get what is meant for a person.
        sys.exit("Error: Standard output is closed. Give it a file, a pipe or /dev/null.")
    importlib.import_module("app.cli").main(prog_name="page-inbox")
