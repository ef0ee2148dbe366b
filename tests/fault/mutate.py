"""`make mutations`: removes one mechanism at a time, and expects the test of its fault to fail.

Each change is made in a copy of the project. A mutation replaces the line below the comment `# keeps: NAME` (in Lua `--
keeps: NAME`), so that the list of mutations needs no text of the code.
"""

import ast
import builtins
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

ROOT: Final = Path(__file__).parents[2]
LIST: Final = Path(__file__).with_name("mutations.toml")
LONGEST_SECONDS: Final = 300
FAILED: Final = 1
"""pytest's exit code when a test failed. A higher one means that the test could not run."""
_TAG: Final = re.compile(r"^( *)(?:#|--) keeps: (.+)\n(.*)\n", re.MULTILINE)


@dataclass(frozen=True)
class Mutation:
    """One change: `instead` replaces the line below the comment `keeps: ...`. Then `test` must fail."""

    fault: str
    keeps: str
    instead: str
    test: str
    full: bool = False
    """Whether the test runs at full length: at its short length it must also pass on a busy machine."""


@dataclass(frozen=True)
class Place:
    """One comment `keeps: ...`: its file, the file's text, where the line below it begins and ends, its indent."""

    path: Path
    text: str
    start: int
    end: int
    indent: str

    def replaced(self, instead: str) -> str:
        """Returns the text with another line there. Raises ValueError if the line is the same, is not Python, or uses
        unknown names."""
        lines = textwrap.indent(instead.strip("\n"), self.indent)
        text = f"{self.text[: self.start]}{lines}{self.text[self.end :]}"
        if text == self.text:
            raise ValueError(f"{self.path} is the same as before")
        if self.path.suffix == ".py" and (unknown := _unknown(text) - _unknown(self.text)):
            raise ValueError(f"{self.path} does not know {', '.join(sorted(unknown))}")
        return text


def _unknown(source: str) -> set[str]:
    """Returns the names that a module reads and does not define. Raises SyntaxError."""
    nodes = list(ast.walk(ast.parse(source)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    imports = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    defined = {
        *dir(builtins),
        *(node.id for node in names if isinstance(node.ctx, ast.Store)),
        *(node.arg for node in nodes if isinstance(node, ast.arg)),
        *(node.name for node in functions),
        *(alias.asname or alias.name.partition(".")[0] for alias in imports),
    }
    return {node.id for node in names} - defined


def places() -> dict[str, list[Place]]:
    """Returns every comment `keeps: ...` in the code, by its name."""
    found: dict[str, list[Place]] = {}
    for path in _files():
        if path.suffix in {".py", ".lua"} and path.relative_to(ROOT).parts[0] != "tests":
            text = path.read_text(encoding="utf-8")
            for tag in _TAG.finditer(text):
                found.setdefault(tag[2], []).append(Place(path, text, tag.start(3), tag.end(3), tag[1]))
    return found


def _files() -> list[Path]:
    """Returns the files of the project, as git lists them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)  # noqa: S607
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def mutations() -> list[Mutation]:
    """Returns the list of mutations."""
    return [Mutation(**one) for one in tomllib.loads(LIST.read_text(encoding="utf-8"))["mutation"]]


@contextmanager
def without(mutation: Mutation) -> Iterator[Path]:
    """Yields a copy of the project without the mechanism."""
    (tagged,) = places()[mutation.keeps]
    with tempfile.TemporaryDirectory(prefix="mutated-") as directory:
        place = Path(directory)
        for path in _files():
            copy = place / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        if (ROOT / ".cache").is_dir():
            (place / ".cache").symlink_to(ROOT / ".cache")
        (place / tagged.path.relative_to(ROOT)).write_text(tagged.replaced(mutation.instead), encoding="utf-8")
        yield place


def noticed(mutation: Mutation) -> bool:
    """Returns True if the test fails without the mechanism."""
    with without(mutation) as place:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutation.test]
        environ = os.environ | ({"FAULT_EFFORT": "full"} if mutation.full else {})
        done = subprocess.run(  # noqa: S603 - our own test
            command, cwd=place, env=environ, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
    if done.returncode > FAILED:
        raise click.ClickException(f"{mutation.test} could not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == FAILED


@click.command(help=__doc__)
@click.argument("words", nargs=-1)
def main(words: Sequence[str]) -> None:
    """Run the mutations whose fault contains one of the words. Without words, run all mutations."""
    chosen = [one for one in mutations() if not words or any(word.lower() in one.fault.lower() for word in words)]
    with click.progressbar(chosen, item_show_func=lambda one: one.fault if one else "", file=sys.stderr) as bar:
        unnoticed = [mutation for mutation in bar if not noticed(mutation)]
    for mutation in unnoticed:
        click.echo(f"not noticed: {mutation.fault}: {mutation.keeps}")
    click.echo(f"{len(chosen) - len(unnoticed)} of {len(chosen)} noticed")
    sys.exit(bool(unnoticed))


if __name__ == "__main__":
    main()
