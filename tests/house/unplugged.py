"""The production application without a connection: its Redis is a socket that does not exist."""

import base64
import secrets

from app.factory import Application, create_app
from ops.settings import read_settings


def application(**settings: str) -> Application:
    """Returns an application with these settings and its own secrets."""
    environ = {
        "REDIS_URL": "unix:///nonexistent/page-inbox.sock",
        "FACEBOOK_APP_SECRET": secrets.token_hex(16),
        "FACEBOOK_VERIFY_TOKEN": secrets.token_hex(16),
        "TOKEN_KEYS": secrets.token_hex(32),
        "SEAL_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        **settings,
    }
    return create_app(read_settings(environ, command="serve"))
