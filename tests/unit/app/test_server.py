"""The sockets on which the service listens."""

from contextlib import ExitStack

import pytest

from app.server import LOOPBACK, accepting, listen


def test_new_copies_of_a_listening_socket_never_let_an_older_copy_wait_in_accept() -> None:
    """At SIGHUP a second application gets copies while the first application accepts connections itself."""
    with ExitStack() as stack:
        listening = stack.enter_context(listen(LOOPBACK[0], 0, "PORT"))
        older, *_ = [stack.enter_context(copy) for copy in accepting(listening)]
        older.setblocking(False)
        for copy in accepting(listening):
            stack.enter_context(copy)
        with pytest.raises(BlockingIOError):
            older.accept()
