"""README.md against the code: what it lists is what there is, word for word."""

import re
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from starlette.routing import Route as StarletteRoute

from api.errors import TITLES
from api.openapi import describe
from app import demo
from app.cli import main
from cache import keys
from graph_client.errors import Reason as GraphReason
from ops.metrics import METRICS
from ops.settings import SETTINGS, Setting, read_settings
from tests.house.sources import ROOT, packages
from tests.house.unplugged import application
from webhook import answers as webhook

README = (ROOT / "README.md").read_text(encoding="utf-8")


def rows(heading: str, number: int = 0) -> list[list[str]]:
    """The cells of the `number`th table under a heading, without its head."""
    section = re.split(r"^#+ ", README.split(f" {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    table = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[number]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def code(text: str) -> str:
    """As README writes code; nothing as nothing."""
    return f"`{text}`" if text else ""


def default(setting: Setting) -> str:
    """As README writes it."""
    if setting.required:
        return "needed by `serve`"
    if setting.default_for_run:
        return f"`{setting.default}`; for `run` `{setting.default_for_run}`"
    return code(setting.default)


def commands(group: click.Group = main, prefix: str = "page-inbox") -> dict[str, click.Command]:
    """Every command by all its words."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        words = f"{prefix} {name}"
        found |= commands(command, words) if isinstance(command, click.Group) else {words: command}
    return found


def test_settings() -> None:
    """Name, meaning and default of each."""
    assert rows("Settings") == [[code(s.name), s.meaning, default(s)] for s in SETTINGS]


def test_routes() -> None:
    """Method, path, scope and summary of each, in the order of the table; before them the webhook."""
    listed = rows("Routes")
    assert [row[:2] for row in listed[:2]] == [["GET", code(webhook.PATH)], ["POST", code(webhook.PATH)]]
    assert listed[2:] == [
        [route.method, code(route.path), code(route.scope or "") or "public", route.summary]
        for route in application().routes
    ]


def test_routes_of_the_operators_port() -> None:
    """Each of them."""
    served = [route for route in application().ops.routes if isinstance(route, StarletteRoute)]
    assert [row[:2] for row in rows("Routes", 1)] == [["GET", code(route.path)] for route in served]


def test_the_answers_of_the_webhook() -> None:
    """Each status with the outcome under which it is counted."""
    listed = {int(status): outcome for status, _, outcome in rows("What `POST /webhook` answers")}
    counted = {status: code(outcome) for status, outcome in (webhook._DELIVERIES | {500: "failed"}).items()}
    assert listed == counted


def test_the_failures_of_facebook() -> None:
    """Every reason there is, once; and each stands in the description of the API, under the same status."""
    assert sorted(row[1] for row in rows("When Facebook fails")) == sorted(map(code, get_args(GraphReason)))
    listed = {(int(status), reason.strip("`")) for status, reason, *_ in rows("When Facebook fails")}
    responses = describe(application().routes, version="1")["components"]["responses"]
    described = {
        status: responses[title.replace(" ", "")]["description"]
        for status, title in TITLES.items()
        if title.replace(" ", "") in responses
    }
    assert [(status, reason) for status, reason in sorted(listed) if code(reason) not in described[status]] == []


def test_metrics() -> None:
    """Name, type, labels, unit and meaning of each."""
    assert rows("Metrics") == [
        [code(m.full_name), m.type, ", ".join(map(code, m.labels)), m.unit, m.meaning] for m in METRICS
    ]


def test_what_is_kept_where() -> None:
    """The same table as above `cache/keys.py`."""
    form = re.compile(r"^    (\S+) +(string|hash|zset) +(.+?)  +(.+)$", re.MULTILINE)
    told = [[code(m[1]), m[2], m[3].strip(), m[4]] for m in form.finditer(keys.__doc__ or "")]
    assert rows("What is kept where, and for how long") == told


def test_recipes() -> None:
    """With the words that `make help` prints."""
    recipes = re.findall(r"^([a-z-]+):.*## (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    listed = [row for row in rows("Commands") if row[0].startswith("`make ")]
    assert listed == [[code(f"make {name}"), what] for name, what in recipes]


def test_commands() -> None:
    """Each by its words, with each of its options."""
    listed = [row[0].strip("`") for row in rows("Commands") if row[0].startswith("`page-inbox ")]
    found: dict[str, Any] = {}
    for line in listed:
        words = re.match(r"[a-z-]+(?: [a-z][a-z-]*)+", line)
        assert words is not None
        found[words.group()] = set(re.findall(r"--[a-z-]+", line))
    assert found == {
        words: {option for param in command.params if isinstance(param, click.Option) for option in param.opts}
        for words, command in commands().items()
    }


def test_what_make_run_prints() -> None:
    """Word for word, but for the token."""
    settings = read_settings({"TOKEN_KEYS": "k" * 32}, command="run")
    log = settings.data_dir / "page-inbox.log"
    banner = demo.banner(settings, settings.port, settings.ops_port, log, customers=True, graph=True)
    assert re.sub(r"eyJ[\w.-]+", "eyJ...", banner).strip("\n") in README


def test_folders() -> None:
    """Every package and what stands beside them; whatever is named is there."""
    listed = rows("Where is what")
    assert {row[0].strip("`/") for row in listed} == {*packages(), "bench", "tests", "tests/image", "k8s", "docs/adr"}
    named = re.findall(r"`([a-z_]+/[a-z_/.]*)`", README)
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    "path",
    [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")],
    ids=lambda p: p.name,
)
def test_links_lead_somewhere(path: Path) -> None:
    """Within the repository."""
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_decision_has_its_four_parts() -> None:
    """Each number once; and whoever is named in code or README is there."""
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert len({int(record.name[:4]) for record in records}) == len(records)
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Status", "Context", "Decision", "Consequences"]
    sources = [
        *ROOT.glob("*.md"),
        ROOT / "pyproject.toml",
        *(p for name in packages() for p in ROOT.glob(f"{name}/**/*.py")),
    ]
    named = {n for path in sources for n in re.findall(r"docs/adr/(\d{4})", path.read_text(encoding="utf-8"))}
    assert named <= {record.name[:4] for record in records}
