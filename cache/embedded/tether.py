"""Starts a child process that ends when its parent ends, even if SIGKILL kills the parent."""

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
"""This program asks the kernel for a SIGTERM when the parent ends, checks that the parent still runs, and executes the
server.

This is a separate process and not a `preexec_fn`. A `preexec_fn` runs Python between fork and exec, and may deadlock if
there are threads.
"""


def tethered(command: Sequence[str]) -> list[str]:
    """Returns a command that executes `command`. The kernel sends it a SIGTERM when this process ends.

    This works on Linux only. The kernel also sends the signal when the thread that started the command ends (prctl(2),
    PR_SET_PDEATHSIG), so start it from the main thread. On other systems this returns `command` unchanged.
    """
    if sys.platform == "linux":
        return [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), *command]
    return list(command)


def spawn(
    command: Sequence[str], *, log: Path, keep_open: int, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start `command` as a new process. The new process writes its output to `log`, inherits the open file `keep_open`,
    and gets this process's environment with `environment` added.

    On Linux the new process ends when this process ends (`tethered`). On other systems the caller stops it at exit.
    Raises OSError.
    """
    log.touch(mode=0o600)
    with log.open("wb") as output:  # the log has the output of one run only
        return subprocess.Popen(  # noqa: S603 - our own arguments, no shell
            tethered(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            pass_fds=(keep_open,),
            start_new_session=True,  # only the parent gets Ctrl-C: it finishes its work, then ends its child
            umask=0o077,
        )
