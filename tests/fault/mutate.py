"""`make mutations`: takes each mechanism away, one at a time, and wants the test of its fault to fail.

Each change is made in a copy of its own, so nothing happens to the sources here.
"""

import shutil
import subprocess
import sys
import tempfile
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
"""What pytest ends with when a test failed; anything above says that it could not run."""


@dataclass(frozen=True)
class Mutation:
    """One change that takes a mechanism away: `old`, which stands once in `file`, becomes `new`; `test` must notice."""

    fault: str
    file: str
    old: str
    new: str
    test: str


def mutations() -> list[Mutation]:
    """The list."""
    return [Mutation(**one) for one in tomllib.loads(LIST.read_text(encoding="utf-8"))["mutation"]]


@contextmanager
def without(mutation: Mutation) -> Iterator[Path]:
    """A copy of the project in which the mechanism is gone."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)  # noqa: S607
    with tempfile.TemporaryDirectory(prefix="mutated-") as directory:
        place = Path(directory)
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, place / name)
        if (ROOT / ".cache").is_dir():
            (place / ".cache").symlink_to(ROOT / ".cache")
        file = place / mutation.file
        text = file.read_text(encoding="utf-8")
        assert text.count(mutation.old) == 1, f"{mutation.file} does not have once: {mutation.old!r}"
        file.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
        yield place


def noticed(mutation: Mutation) -> bool:
    """Whether the test fails without the mechanism."""
    with without(mutation) as place:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutation.test]
        done = subprocess.run(  # noqa: S603 - our own test
            command, cwd=place, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
    if done.returncode > FAILED:
        raise click.ClickException(f"{mutation.test} could not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == FAILED


@click.command(help=__doc__)
@click.argument("words", nargs=-1)
def main(words: Sequence[str]) -> None:
    """Those whose fault has one of the words in it; all of them without any."""
    chosen = [one for one in mutations() if not words or any(word.lower() in one.fault.lower() for word in words)]
    with click.progressbar(chosen, item_show_func=lambda one: one.fault if one else "", file=sys.stderr) as bar:
        unnoticed = [mutation for mutation in bar if not noticed(mutation)]
    for mutation in unnoticed:
        click.echo(f"not noticed: {mutation.fault}: {mutation.file}: {mutation.old!r} as {mutation.new!r}")
    click.echo(f"{len(chosen) - len(unnoticed)} of {len(chosen)} noticed")
    sys.exit(bool(unnoticed))


if __name__ == "__main__":
    main()
