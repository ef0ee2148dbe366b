"""`page-inbox doctor`: shows what works, what does not work, and how to correct it."""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

import click
import orjson

from app.counted import counted
from app.doctor import Verdict, diagnose
from domain.finding import Finding
from ops import logs

MOST_WELL_PAGES: Final = 20
"""Up to this number of Pages without a problem are printed, each in its own line. Of more, only the number is printed.
"""

_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--strict", is_flag=True, help="Exit with code 1 for warnings too.")
def doctor(as_json: bool, strict: bool) -> None:
    """Check the settings, Redis, Facebook and each Page.

    The command also checks the public address. It needs no running service. Run it with the service's own settings:
    then it finds the problems that the service would have. It changes nothing and prints no secret. It asks Facebook
    about a few Pages at a time, and these calls count in the budget of each Page.

    The exit code is 0 when no check failed, and 1 when a check failed.

    \b
    Examples:
      page-inbox doctor
      page-inbox doctor --json | jq '.findings[] | select(.level != "ok")'
    """
    logs.configure(sys.stderr.buffer, level="critical")
    verdict = Verdict(asyncio.run(_findings(as_json)), strict)
    if as_json:
        click.echo(orjson.dumps(verdict.document(), option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(f"\n{verdict.count('ok')} well, {verdict.count('warn')} to look at, {verdict.count('fail')} failed.")
    sys.exit(verdict.exit_code)


async def _findings(as_json: bool) -> tuple[Finding, ...]:
    """Returns all findings. Prints each finding at once. Only the Pages follow at the end, below the progress bar."""
    findings: list[Finding] = []
    pages: list[Finding] = []
    with ExitStack() as stack:
        bar: Any = None

        def show_bar(length: int) -> None:
            nonlocal bar
            if length and sys.stderr.isatty():
                bar = stack.enter_context(click.progressbar(length=length, label="Pages", file=sys.stderr))

        async for finding in diagnose(os.environ, show_bar):
            findings.append(finding)
            if finding.name == "page":
                pages.append(finding)
                if bar is not None:
                    bar.update(1)
            elif not as_json:
                _print(finding)
    if not as_json:
        print_pages(sorted(pages, key=lambda page: page.about))
    return tuple(findings)


def print_pages(pages: Sequence[Finding]) -> None:
    """Print the findings about Pages: first the Pages without a problem, or their number, then the others."""
    well = [page for page in pages if page.level == "ok"]
    for page in well if len(well) <= MOST_WELL_PAGES else ():
        _print(page)
    if len(well) > MOST_WELL_PAGES:
        _print(Finding("page", "ok", f"{counted(len(well), 'Page is', 'Pages are')} well."))
    for page in pages:
        if page.level != "ok":
            _print(page)


def _print(finding: Finding) -> None:
    level = click.style(f"{finding.level:4}", fg=_COLOURS[finding.level], bold=True)
    about = f" ({finding.about})" if finding.about else ""
    click.echo(f"{level}  {finding.name}{about}: {finding.sentence}")
    if finding.remedy:
        click.echo(f"      -> {finding.remedy}")
