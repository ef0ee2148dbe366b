"""The command line without a running service."""

from click.testing import CliRunner

from app.cli import COMMANDS, main


def test_the_help_has_a_whole_sentence_for_each_command() -> None:
    """click cuts a long sentence, and shows dots in place of the rest."""
    text = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    lines = text.partition("Commands:\n")[2].splitlines()
    assert len(lines) == len(COMMANDS)
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []
