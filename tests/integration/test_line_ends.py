"""A text of a customer or a caller cannot end a line in a log, a stream or an export."""

import socket

from tests.callers import Facebook, Shop
from tests.service import Service
from tests.support import wait_until_blocking
from tests.viewer import Viewer

ENDS = "a\x85b\u2028c\u2029d"


def test_a_user_agents_control_characters_are_escaped_in_the_log(service: Service) -> None:
    """U+009B begins a terminal command, and U+202E reverses the direction of the line."""
    signs = "\x9b31m\u202e\u2028"
    host, port = service.url.removeprefix("http://").split(":")
    for path in (b"/webhook", b"/v1/shops/shop-1/messages"):
        head = b"GET %b HTTP/1.1\r\nHost: x\r\nUser-Agent: canary-%b\r\nConnection: close\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head % (path, signs.encode()))
            while connection.recv(65_536):
                pass
    wait_until_blocking(lambda: service.log.read_text(encoding="utf-8").count("canary-") >= 2)
    log = service.log.read_text(encoding="utf-8")
    for sign in "\x9b\x80\u202e\u2028":
        assert sign not in log


def test_a_text_does_not_end_a_line_of_a_stream_or_an_export(service: Service, shop: Shop, facebook: Facebook) -> None:
    """A reader that splits lines by Unicode's rules gets complete events."""
    with Viewer(service.url) as viewer:
        viewer.ready()
        facebook.text("m_1", ENDS)
        (event,) = viewer.wait_for("message")
        assert event.data["text"] == ENDS
    exported = shop.client.get("/export")
    assert not set(exported.text) & set("\x85\u2028\u2029")
    assert [message["text"] for message in shop.get("/messages")["messages"]] == [ENDS]
