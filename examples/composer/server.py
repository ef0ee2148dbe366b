"""The back end of the example: sends the page, and makes a token for its shop that is valid for five minutes.

It runs beside `page-inbox run`. A real back end checks first that its user is signed in and works for this shop, and
makes the token itself with a JWT library: docs/integrate.md says how.
"""

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

INBOX = os.environ.get("INBOX_URL", "http://127.0.0.1:8000")
SHOP = os.environ.get("SHOP", "demo-shop")
PORT = int(os.environ.get("COMPOSER_PORT", "8100"))
MINT = (sys.executable, "-m", "app", "token", "--shop", SHOP, "--scope", "messages:read", "--ttl", "5m")


class Handler(BaseHTTPRequestHandler):
    """Answers `GET /` and `POST /token`."""

    def do_GET(self) -> None:
        """Send the page, with the addresses that it uses."""
        if self.path != "/":
            self.send_error(404)
            return
        page = Path(__file__).with_name("index.html").read_text(encoding="utf-8")
        self._answer("text/html; charset=utf-8", page.replace("{inbox}", INBOX).replace("{shop}", SHOP))

    def do_POST(self) -> None:
        """Send a token. A page of another origin can send this request, but it cannot read the answer."""
        if self.path != "/token":
            self.send_error(404)
            return
        root = Path(__file__).parents[2]
        minted = subprocess.run(MINT, cwd=root, capture_output=True, text=True, check=False)
        if minted.returncode:
            self.send_error(503, "page-inbox token failed")
            return
        self._answer("text/plain", minted.stdout.strip())

    def _answer(self, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", PORT), Handler) as server:
        print(f"The order composer is at http://127.0.0.1:{PORT}", flush=True)
        server.serve_forever()
