"""A shop's own system: a page of another origin that embeds the console or opens it, and takes orders from it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

PAGE: Final = b"""<!doctype html><title>Shop</title><script>
addEventListener("message", ({ data, source, origin }) => {
  if (data.type === "page-inbox:ready") source.postMessage({ type: "page-inbox:hello" }, origin);
  if (data.type === "page-inbox:order") window.received = data.order;
});
addEventListener("load", () => {
  const address = decodeURIComponent(location.hash.slice(1));
  document.querySelector("button").onclick = () => window.open(address);
  if (location.pathname === "/embeds") document.querySelector("iframe").src = address;
});
</script><button>Open</button><iframe width="1200" height="700"></iframe>"""
"""The console's address is the fragment, encoded."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Logs nothing, because the tests check what they need."""


@contextmanager
def serving_partner() -> Iterator[str]:
    """Yields the partner's origin while the partner answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
