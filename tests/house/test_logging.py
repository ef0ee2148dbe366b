"""docs/logging.md against the code: every event with its levels and fields, and how each field is masked."""

import ast
import re
from typing import get_args

from domain.event import Outcome
from ops.redact import ADDRESS_KEYS, MADE_KEYS, MASK, SAFE_KEYS, TEXT_KEYS, redact
from tests.house.logs_read import all_events, events_of, request_fields_of
from tests.house.sources import ROOT

DOCUMENT = (ROOT / "docs" / "logging.md").read_text(encoding="utf-8")
ALWAYS = {"timestamp", "level", "event"}
BY_HAND = {"library", "log_lines_lost"}
"""Events that ops/logs.py makes itself."""
OUTCOMES = {*get_args(Outcome), "not_kept", "skipped"}
"""The outcomes under which a delivery's line counts its events."""


def rows(heading: str) -> list[list[str]]:
    """Returns the cells of the table under a heading, without its head."""
    section = DOCUMENT.split(f"\n## {heading}\n", 1)[1].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in re.findall(r"^\|.*$", section, re.MULTILINE)[2:]
    ]


def names(cell: str) -> list[str]:
    """Returns the names in code marks."""
    return re.findall(r"`(\w+)`", cell)


EVENTS = {names(name)[0]: (set(levels.split(", ")), set(names(fields))) for name, levels, _, fields in rows("Events")}
FIELDS = {names(name)[0]: how for name, _, how in rows("Fields")}


def test_each_event_and_field_has_one_row() -> None:
    """A merge of two wordings of a row leaves both."""
    for heading in ("Events", "Fields"):
        found = [row[0] for row in rows(heading)]
        assert sorted(found) == sorted(set(found))


def test_the_table_has_exactly_the_events_of_the_code() -> None:
    """The name is the one under which the log has the event."""
    assert set(EVENTS) == set(all_events()) | BY_HAND


def test_the_table_has_the_log_levels_of_every_event() -> None:
    """A person who sets LOG_LEVEL must know which events this hides."""
    assert {name: levels for name, (levels, _) in EVENTS.items() if name not in BY_HAND} == {
        name: event.levels for name, event in all_events().items()
    }


def test_the_table_has_the_fields_of_every_event() -> None:
    """The table has exactly these fields."""
    assert {name: fields for name, (_, fields) in EVENTS.items() if name not in BY_HAND} == {
        name: event.fields for name, event in all_events().items()
    }


def test_the_table_says_for_every_field_how_it_is_redacted() -> None:
    """The table agrees with ops/redact.py. A field that is in no list is written only if it is a number."""
    used = ALWAYS.union(*(fields for _, fields in EVENTS.values()))
    assert set(FIELDS) == used
    ways = {
        **dict.fromkeys(SAFE_KEYS | {"event"}, "as it is"),
        **dict.fromkeys(ADDRESS_KEYS, "an address"),
        **dict.fromkeys(TEXT_KEYS, "searched"),
        **dict.fromkeys(MADE_KEYS, "made"),
    }
    assert {field: how for field, how in FIELDS.items() if how != "number"} == ways, "a permission that nobody needs"
    for field in (field for field, how in FIELDS.items() if how == "number"):
        assert redact(None, "info", {field: "a text"}) == {field: MASK}
        assert redact(None, "info", {field: 3}) == {field: 3}


def test_an_outcome_of_a_delivery_is_logged_only_as_a_number() -> None:
    """The names of the outcomes are fields of the delivery's line."""
    assert redact(None, "info", dict.fromkeys(OUTCOMES - {"stored"}, "x")) == dict.fromkeys(OUTCOMES - {"stored"}, MASK)


def test_the_code_reader_finds_the_events_and_their_fields() -> None:
    """If the reader found no event, the other tests would compare nothing."""
    source = 'log.info("a", b=1)\nself._log.error("c", exc_info=e)\nlog.exception("d")\nlog.info(name)\nother.info("e")'
    found = events_of(ast.parse(source))
    assert found["a"].levels == {"info"}
    assert found["a"].fields == {"b"}
    assert found["c"].fields == found["d"].fields >= {"error", "where"}
    assert set(found) == {"a", "c", "d", "log.info(name)"}
    bound = 'facts["x"] = 1\nline = {"y": 2, **more}\nlog.update(z=3)\ns.setdefault("log", {})["w"] = 4\nother["v"] = 5'
    assert request_fields_of(ast.parse(bound)) == {"w", "x", "y", "z"}
