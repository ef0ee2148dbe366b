"""An export is kept as a copy only if it ends with its last line."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.export_command import ExportFailed, save

WHOLE = (
    b'{"type":"shop","shop":"s","message_count":2}\n{"type":"message","id":"m_1"}\n'
    b'{"type":"message","id":"m_2"}\n{"type":"end","messages":2}\n'
)


async def pieces(text: bytes, size: int) -> AsyncIterator[bytes]:
    """Yields the pieces in which a network delivers the data."""
    for at in range(0, len(text), size):
        yield text[at : at + size]


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
async def test_a_complete_export_is_kept_for_any_size_of_its_pieces(tmp_path: Path, size: int) -> None:
    """The export replaces an earlier one."""
    out = tmp_path / "copy"
    out.write_text("older")
    assert "2 messages" in await save(pieces(WHOLE, size), out)
    assert out.read_bytes() == WHOLE
    assert not (tmp_path / "copy.part").exists()


@pytest.mark.parametrize("text", [b"", WHOLE[:-1], WHOLE[:60], WHOLE.replace(b'"messages":2', b'"messages":3')])
async def test_an_incomplete_export_does_not_replace_the_earlier_copy(tmp_path: Path, text: bytes) -> None:
    """The incomplete file stays under another name. An earlier copy stays."""
    out = tmp_path / "copy"
    out.write_text("older")
    with pytest.raises(ExportFailed, match="no whole copy"):
        await save(pieces(text, 20), out)
    assert out.read_text() == "older"
    assert (tmp_path / "copy.part").read_bytes() == text
