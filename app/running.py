"""Lets every command find the `page-inbox run` on this machine: a running `run` keeps its settings in DATA_DIR."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from domain.secret import Secret
from ops.settings import Settings

_FILE: Final = "running.json"
_DEFAULT_DATA_DIR: Final = ".data"


def note(settings: Settings, pid: int) -> None:
    """Write the settings of this `run`, secrets included, to a file that only its owner can read."""

    def shown(value: Secret | None) -> str:
        return "" if value is None else value.reveal()

    found = {
        "REDIS_URL": shown(settings.redis_url),
        "GRAPH_URL": settings.graph_url,
        "FACEBOOK_APP_ID": settings.app_id or "",
        "FACEBOOK_APP_SECRET": ",".join(map(shown, settings.app_secrets)),
        "FACEBOOK_VERIFY_TOKEN": shown(settings.verify_token),
        "TOKEN_KEYS": ",".join(map(shown, settings.token_keys)),
        "SEAL_KEYS": ",".join(map(shown, settings.seal_keys)),
    }
    path = settings.data_dir / _FILE
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"pid": pid, "settings": {name: value for name, value in found.items() if value}}))


def forget(settings: Settings) -> None:
    """Delete the settings that `note` wrote, because `run` has ended."""
    (settings.data_dir / _FILE).unlink(missing_ok=True)


def data_dir(environ: Mapping[str, str]) -> Path:
    """Returns the folder in which a `run` with this environment keeps its data."""
    return Path(environ.get("DATA_DIR") or _DEFAULT_DATA_DIR)


def settings_of_run(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the settings of the running `run` that a command needs and that this environment does not have.

    Returns {} if no `run` is running, or if REDIS_URL is set, because then the command uses another store.
    """
    if environ.get("REDIS_URL") or environ.get("REDIS_URL_FILE"):
        return {}
    try:
        noted = json.loads((data_dir(environ) / _FILE).read_text())
        os.kill(int(noted["pid"]), 0)
        found: dict[str, str] = noted["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # no file, not readable, from a `run` that was killed, or not written by `run`
    return {name: value for name, value in found.items() if not (environ.get(name) or environ.get(f"{name}_FILE"))}
