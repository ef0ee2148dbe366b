"""The start of a process: a signal can end it before it has loaded anything."""

import signal
import subprocess
import sys

from app.start import ENDED

SENT_WHILE_LOADING = """
import os, signal, sys
from app import start
class Loading:
    def find_spec(self, name, *_):
        if name == "app.cli":
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Loading())
start.main()
"""


def test_our_handler_ends_the_process_on_sigterm_while_the_command_line_loads() -> None:
    """Process 1 without a handler would not end. The exit code shows that our handler ended the process."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", SENT_WHILE_LOADING], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == ENDED == 128 + signal.SIGTERM, done.stderr
