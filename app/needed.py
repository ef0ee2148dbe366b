"""Settings that a command needs, and the error for a setting that is not set."""

from typing import TypeVar

from domain.errors import PageInboxError

T = TypeVar("T")


class SettingMissing(PageInboxError):
    """Raised when a setting that this command needs is not set."""

    def __init__(self, name: str) -> None:
        super().__init__(
            "setting_missing",
            f"{name} is not set. Set it, or the path of its file as {name}_FILE, or DATA_DIR as for a running "
            "`page-inbox run`.",
        )


def needed(value: T | None, name: str) -> T:
    """Returns the value of a setting.

    Raises:
        SettingMissing: the setting has no value.
    """
    if not value:
        raise SettingMissing(name)
    return value
