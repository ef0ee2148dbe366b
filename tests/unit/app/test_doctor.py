"""The result of all findings together."""

import json

import pytest

from app.doctor import Verdict
from domain.finding import Finding, Level, worst

OK = Finding("a", "ok", "Well.")
WARN = Finding("b", "warn", "Look.", "Do.", "one")
FAIL = Finding("c", "fail", "Broken.", "Mend.")


@pytest.mark.parametrize(
    ("findings", "level", "code", "strict_code"),
    [
        ((), "ok", 0, 0),
        ((OK, OK), "ok", 0, 0),
        ((OK, WARN, OK), "warn", 0, 1),
        ((FAIL, WARN, OK), "fail", 1, 1),
    ],
)
def test_the_worst_finding_decides_the_level_and_the_exit_code(
    findings: tuple[Finding, ...], level: Level, code: int, strict_code: int
) -> None:
    """Warnings fail only if the caller asks for it."""
    assert worst(findings) == Verdict(findings).level == level
    assert (Verdict(findings).exit_code, Verdict(findings, strict=True).exit_code) == (code, strict_code)


def test_the_document_has_every_field_of_every_finding() -> None:
    """The document has every field of every finding by name, in the order of the findings."""
    document = json.loads(json.dumps(Verdict((FAIL, WARN, OK)).document()))
    assert (document["level"], document["exit_code"]) == ("fail", 1)
    assert document["counts"] == {"ok": 1, "warn": 1, "fail": 1}
    assert [finding["name"] for finding in document["findings"]] == ["c", "b", "a"]
    assert document["findings"][1] == {
        "name": "b",
        "level": "warn",
        "about": "one",
        "sentence": "Look.",
        "remedy": "Do.",
    }
