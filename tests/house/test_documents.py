"""The documents against the code: generated tables are up to date, named files exist, lists are complete."""

import json
import re
import time
from types import SimpleNamespace
from typing import Any, get_args

import jwt
import pytest

from api.auth import Tokens
from api.errors import TITLES
from api.openapi import describe
from api.problems import REASONS
from docs import generate
from domain.secret import Secret
from domain.stream import SentEnd
from graph_client.errors import Reason as GraphReason
from tests.house.sources import ROOT, packages
from tests.house.unplugged import application

README = (ROOT / "README.md").read_text(encoding="utf-8")
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
INTEGRATE = (ROOT / "docs" / "integrate.md").read_text(encoding="utf-8")
WRITTEN_BY_HAND = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/api.md", "docs/integrate.md", "docs/threats.md")


def rows(document: str, heading: str) -> list[list[str]]:
    """Returns the cells of the first table under a heading, without its head."""
    section = re.split(r"^#+ ", document.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    table = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_make_docs_changes_nothing() -> None:
    """Tables, types and hashes are those of the code. If this test fails, run `make docs`."""
    assert [path.name for path, text in generate.generated().items() if path.read_text(encoding="utf-8") != text] == []


def test_a_malformed_line_in_the_table_of_keys_is_refused() -> None:
    """Without this check, docs/reference.md would leave out a key, and no operator would know of the key."""
    with pytest.raises(ValueError, match="not a row"):
        generate.stored_keys("Keys.\n\n    page:{P}  which shop a Page belongs to\n")


def test_every_limit_says_why() -> None:
    """A reader cannot judge or change a number without a reason."""
    assert [row for row in generate.limits() if not row[2]] == []


def test_every_outcome_of_a_delivery_is_explained() -> None:
    """The outcomes are those that `page_inbox_deliveries_total` counts."""
    (family,) = [f for f in application().services.metrics.collect() if f.name == "page_inbox_deliveries"]
    counted = {sample.labels["outcome"] for sample in family.samples}
    assert {row[2].strip("`") for row in rows(API, "The webhook")} == counted


def test_every_failure_of_facebook_is_explained() -> None:
    """Every reason has one row, with the status that `/openapi.json` gives it."""
    listed = [(int(row[0]), row[1].strip("`")) for row in rows(API, "When Facebook fails")]
    assert sorted(reason for _, reason in listed) == sorted(get_args(GraphReason))
    responses = describe(application().routes, version="1")["components"]["responses"]
    described = {status: responses[title.replace(" ", "")]["description"] for status, title in TITLES.items()
                 if title.replace(" ", "") in responses}  # fmt: skip
    assert [(status, reason) for status, reason in listed if f"`{reason}`" not in described[status]] == []


def test_the_integration_guide_names_only_error_reasons_that_exist() -> None:
    """A program decides by these reasons. The last ones come from the client itself."""
    known = {reason for reasons in REASONS.values() for reason in reasons} | {"offline", "no_answer"}
    named = {reason for row in rows(INTEGRATE, "7. Errors") for reason in re.findall(r"`([a-z_]+)`", row[0])}
    assert named - {"transient"} <= known | {"token_unavailable"}
    assert named >= {"unknown_parameter", *REASONS[401]} - {"ticket_invalid"}


@pytest.mark.parametrize("document", [API, INTEGRATE])
def test_every_end_of_a_stream_is_explained(document: str) -> None:
    """The ends are those that a viewer can get."""
    (line,) = [one for one in re.findall(r".*`closing`.*", document) if "`slow`" in one]
    assert set(re.findall(r"`([a-z_]+)`", line)) - {"end"} == set(get_args(SentEnd))


def test_the_service_accepts_the_token_of_the_documents_example_code() -> None:
    """The example uses TOKEN_KEYS as a text. A caller who has not signed in gets no token."""
    (code,) = re.findall(r"```python\n(.*?)```", INTEGRATE, re.DOTALL)
    names: dict[str, Any] = {"app": SimpleNamespace(post=lambda _: lambda function: function), "session": {}}
    environ = {"TOKEN_KEYS": "0123456789abcdef" * 4}
    names |= {"jwt": jwt, "time": time, "os": SimpleNamespace(environ=environ)}
    exec(code, names)  # noqa: S102 - the document's own
    assert names["token"]()[1] == 401
    names["session"]["user"] = {"shop": "sokha", "id": "u7"}
    principal = Tokens([Secret(environ["TOKEN_KEYS"])]).verify(names["token"]())
    assert (principal.shop, principal.subject, set(principal.scopes)) == ("sokha", "u7", {"messages:read"})


def test_every_folder_is_in_the_readme() -> None:
    """The table has each package and the other folders."""
    listed = {row[0].strip("`/") for row in rows(README, "Where is what")}
    assert listed == {*packages(), "bench", "docs", "examples", "k8s", "proxy", "systemd", "tests"}


def test_the_example_answer_is_json() -> None:
    """A reader may copy it."""
    for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL):
        assert json.loads(block)


@pytest.mark.parametrize("name", WRITTEN_BY_HAND)
def test_every_file_named_in_a_document_exists(name: str) -> None:
    """The names are in code marks and in links. `NAME` is a placeholder for any name."""
    path = ROOT / name
    text = path.read_text(encoding="utf-8")
    named = [
        ROOT / one for one in re.findall(r"`([a-z0-9_]+/(?:[\w/.-]+\.\w+|[\w/.-]*/)?)`", text) if "NAME" not in one
    ]
    linked = [path.parent / one for one in re.findall(r"\]\((?!https?://|#)([^)#]+)", text)]
    assert named or linked
    assert [one for one in (*named, *linked) if not one.exists()] == []


def test_every_decision_has_its_four_parts() -> None:
    """Each number is used once, and every decision that code or a document names exists."""
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
