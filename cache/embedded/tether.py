"""A child process that does not outlive its parent, even one killed by SIGKILL."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_TETHER: Final = """\
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
parent = int(sys.argv[1])
if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
    sys.exit("prctl(PR_SET_PDEATHSIG): " + os.strerror(ctypes.get_errno()))
if os.getppid() != parent:
    sys.exit("the parent ended before its server began")
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Asks the kernel for a SIGTERM when the parent ends, makes sure it has not ended already, becomes the program.

A process of its own and no `preexec_fn`, which runs Python between fork and exec and may deadlock beside threads.
"""


def tethered(command: Sequence[str]) -> list[str]:
    """`command`, to be started by this process so that the kernel asks it to end (SIGTERM) when we have ended.

    On Linux, and when the thread that starts it ends (prctl(2), PR_SET_PDEATHSIG): start it from the main thread.
    Elsewhere nothing does.
    """
    if sys.platform == "linux":
        return [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), *command]
    return list(command)


def spawn(
    command: Sequence[str], *, log: Path, keep_open: int, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start `command`, its output in `log`, with the open file `keep_open` handed down; `environment` is added to ours.

    On Linux it ends with us (`tethered`); elsewhere the caller stops it at exit. Raises OSError.
    """
    log.touch(mode=0o600)
    with log.open("wb") as output:  # the log of one run only
        return subprocess.Popen(  # noqa: S603 - our own arguments, no shell
            tethered(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            pass_fds=(keep_open,),
            start_new_session=True,  # Ctrl-C is for the parent, which drains first and ends its child last
            umask=0o077,
        )
