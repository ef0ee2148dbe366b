"""`page-inbox serve`: runs the service in production."""

import os
import sys

import click

from app import server
from app.loading import loading
from app.version import VERSION
from ops import logs
from ops.settings import read_settings
from ops.tracing_switch import hooks


@click.command()
def serve() -> None:
    """Run the service in production. If settings are missing or weak, the command names all of them and ends.

    \b
    Example:
      export REDIS_URL=redis://cache:6379/0 FACEBOOK_APP_SECRET_FILE=/run/secrets/app
      export FACEBOOK_VERIFY_TOKEN_FILE=/run/secrets/verify TOKEN_KEYS_FILE=/run/secrets/tokens
      export SEAL_KEYS_FILE=/run/secrets/seal
      page-inbox serve
    """
    settings = read_settings(os.environ, command="serve")

    logs.configure(sys.stdout.buffer, level=settings.log_level)
    # Only the needed modules are loaded: a supervisor does not need the application, nor a single process a supervisor.
    if settings.workers > 1:
        with loading():
            from app.supervisor import supervise

        server.run(lambda: supervise(settings))
        return
    with loading():
        from app.factory import Application, create_app
        from app.process import serve as serve_here

    def make() -> Application:
        return create_app(read_settings(os.environ, command="serve"), hooks(os.environ, version=VERSION))

    server.run(lambda: serve_here(make(), again=make))
