"""docs/facebook-app.md against the code: every permission, webhook field and way for a token to die is in it."""

import re
from typing import Final, get_args

from graph_client.errors import TokenReason
from graph_client.fields import FIELDS, NEEDED_PERMISSIONS, WANTED_PERMISSIONS
from tests.house.sources import ROOT

TEXT: Final = (ROOT / "docs" / "facebook-app.md").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """Returns the names in code letters in the first cell of each row of the section's first table."""
    section = re.split(rf"^#+ .*{re.escape(title)}.*$", TEXT, maxsplit=1, flags=re.MULTILINE)[1]
    table = re.search(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
    assert table is not None
    lines = table[0].splitlines()[2:]
    return [re.findall(r"`([a-z_]+)`", line.split("|")[1]) for line in lines]


def test_every_webhook_field_that_is_subscribed_has_its_row() -> None:
    """The table has these fields and no others. An app gets no events of a field that the operator has not chosen."""
    assert sorted(name for row in rows("3. Choose the webhook fields") for name in row) == sorted(FIELDS)


def test_every_permission_has_a_reason_a_recording_and_a_text() -> None:
    """Each permission has a sentence with the reason, the steps that the recording shows, and the text for the form."""
    permissions = sorted(NEEDED_PERMISSIONS + WANTED_PERMISSIONS)
    assert sorted(name for row in rows("4. Permissions") for name in row) == permissions
    review = TEXT.partition("**Recordings.**")[2].partition("**Data handling questions.**")[0]
    recordings, _, texts = review.partition("**Texts.**")
    for permission in permissions:
        assert f"| `{permission}` |" in recordings
        assert f'- `{permission}`: "' in texts


def test_every_reason_for_an_invalid_page_token_has_its_row() -> None:
    """The row says what happened and what to do."""
    assert [name for row in rows("A token dies") for name in row] != []
    assert {name for row in rows("A token dies") for name in row} == {*get_args(TokenReason)}
