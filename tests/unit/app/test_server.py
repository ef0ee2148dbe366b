"""The sockets on which the service listens."""

import pytest

from app.server import LOOPBACK, accepting, listen


def test_new_copies_of_a_listening_socket_never_let_an_older_copy_wait_in_accept() -> None:
    """At SIGHUP a second application gets copies while the first application accepts connections itself."""
    with listen(LOOPBACK[0], 0, "PORT") as listening:
        (older,) = accepting(listening, 1)
        older.setblocking(False)
        (newer,) = accepting(listening, 1)
        with older, newer, pytest.raises(BlockingIOError):
            older.accept()
