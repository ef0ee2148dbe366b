"""The rules and the dashboard have no fault. Broken copies have faults, otherwise the check would prove nothing."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.house.sources import ROOT
from tests.ops.judge import panels, problems_of_dashboard, problems_of_rules
from tests.ops.rules import RUNBOOK, alerts, all_rules, read_rules

DASHBOARD = ROOT / "k8s" / "components" / "monitoring" / "dashboard.json"

Document = dict[str, Any]


def alert(document: Document) -> Document:
    """Returns an alert for a broken copy."""
    return alerts(document)["PageInboxWritesRefused"]


def panel(dashboard: Document) -> Document:
    """Returns a panel for a broken copy."""
    found: Document = next(one for one in panels(dashboard) if one["title"] == "Deliveries by outcome")
    return found


def query(dashboard: Document, old: str, new: str) -> None:
    """Change the expression of a broken copy."""
    target = panel(dashboard)["targets"][0]
    assert old in target["expr"]
    target["expr"] = target["expr"].replace(old, new)


RULE_FAULTS: dict[str, tuple[Callable[[Document], object], str]] = {
    "no severity": (lambda d: alert(d)["labels"].clear(), "no severity"),
    "a severity that nobody routes": (lambda d: alert(d)["labels"].update(severity="high"), "no severity"),
    "no wait": (lambda d: alert(d).pop("for"), "fires at once"),
    "no summary": (lambda d: alert(d)["annotations"].pop("summary"), "no summary"),
    "no description": (lambda d: alert(d)["annotations"].pop("description"), "no description"),
    "a summary that changes": (lambda d: alert(d)["annotations"].update(summary="{{ $value }} lost"), "new notif"),
    "another runbook": (
        lambda d: alert(d)["annotations"].update(runbook_url="docs/x.md#pageinboxwritesrefused"), "no such section"),
    "no such section": (
        lambda d: alert(d)["annotations"].update(runbook_url="docs/runbook.md#gone"), "no such section"),
    "a metric renamed": (
        lambda d: alert(d).update(expr=alert(d)["expr"].replace("store_errors", "write_errors")), "there is no metric"),
    "a label renamed": (lambda d: alert(d).update(expr=alert(d)["expr"].replace("reason=", "cause=")), "has no label"),
    "an open bracket": (lambda d: alert(d).update(expr=alert(d)["expr"].replace("))", ")")), "does not parse"),
    "an alert twice": (lambda d: d["groups"][1]["rules"].append(alert(d)), "there twice"),
    "an alert taken out": (lambda d: d["groups"][1]["rules"].remove(alert(d)), "belongs to no alert"),
    "a recorded series renamed": (
        lambda d: all_rules(d)[0].update(record="page_inbox:other:rate5m"), "there is no metric"),
    "a recorded series for nobody": (
        lambda d: d["groups"][0]["rules"].append({"record": "page_inbox:x:rate5m", "expr": "up"}), "for nobody"),
}  # fmt: skip

DASHBOARD_FAULTS: dict[str, tuple[Callable[[Document], object], str]] = {
    "another uid": (lambda d: d.update(uid="a1b2c3"), "uid has changed"),
    "an id": (lambda d: d.update(id=7), "an id of one"),
    "no datasource variable": (lambda d: d["templating"]["list"].pop(0), "no variable for the datasource"),
    "a fixed datasource": (lambda d: panel(d).update(datasource={"type": "prometheus", "uid": "PBFA97"}), "datasource"),
    "no title": (lambda d: panel(d).update(title=""), "no title"),
    "a title twice": (lambda d: panel(d).update(title="Memory"), "called Memory"),
    "no description": (lambda d: panel(d).pop("description"), "no description"),
    "no unit": (lambda d: panel(d)["fieldConfig"]["defaults"].pop("unit"), "no unit"),
    "no query": (lambda d: panel(d)["targets"].clear(), "shows nothing"),
    "a fixed window": (lambda d: query(d, "$__rate_interval", "5m"), "does not follow the zoom"),
    "a rate over all": (lambda d: query(d, "$__rate_interval", "$__range"), "a rate over another window"),
    "an unknown variable": (lambda d: query(d, "$namespace", "$cluster"), "unknown variable"),
    "every job": (lambda d: query(d, ', job=~"$job"', ""), "not of the chosen job"),
    "a metric renamed": (lambda d: query(d, "deliveries_total", "webhooks_total"), "there is no metric"),
    "an open bracket": (lambda d: query(d, "))", ")"), "does not parse"),
    "two panels in one place": (lambda d: panel(d)["gridPos"].update(x=12), "upon each other"),
    "an id twice": (lambda d: panel(d).update(id=1), "have the id 1"),
}


@pytest.mark.parametrize("fault", RULE_FAULTS)
def test_a_fault_in_the_rules_is_caught(fault: str) -> None:
    """A sentence names the fault."""
    plant, sentence = RULE_FAULTS[fault]
    broken = copy.deepcopy(read_rules())
    plant(broken)
    assert sentence in "\n".join(problems_of_rules(broken, RUNBOOK.read_text(encoding="utf-8")))


@pytest.mark.parametrize("fault", DASHBOARD_FAULTS)
def test_a_fault_in_the_dashboard_is_caught(fault: str) -> None:
    """A sentence names the fault."""
    plant, sentence = DASHBOARD_FAULTS[fault]
    broken = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    plant(broken)
    assert sentence in "\n".join(problems_of_dashboard(broken))


def test_the_dashboard_has_no_fault() -> None:
    """The uid is stable, the datasource can be chosen, each panel has texts and units, and the queries parse and follow
    the zoom."""
    assert problems_of_dashboard(json.loads(DASHBOARD.read_text(encoding="utf-8"))) == []


def test_every_rule_is_complete_and_has_its_section_in_the_runbook() -> None:
    """Each rule has a severity, texts, its own section in the runbook, and metrics and labels that exist."""
    assert problems_of_rules(read_rules(), RUNBOOK.read_text(encoding="utf-8")) == []


def test_the_runbook_explains_each_reason_that_counts_as_a_refused_write() -> None:
    """The alert lists the reasons, and its section has an item for each. Another reason there raises no alert."""
    alerting = re.search(r'reason=~"([^"]+)"', alert(read_rules())["expr"])
    assert alerting is not None
    section = RUNBOOK.read_text(encoding="utf-8").partition("\n## PageInboxWritesRefused\n")[2].partition("\n## ")[0]
    items = re.findall(r"^  - (.+?):", section, re.MULTILINE)
    explained = [reason for item in items for reason in re.findall(r"`(\w+)`", item)]
    assert sorted(explained) == sorted(alerting[1].split("|"))


def test_each_section_says_what_to_look_at_what_to_do_and_what_facebook_does() -> None:
    """The three parts come in this order."""
    sections = RUNBOOK.read_text(encoding="utf-8").split("\n## ")[1:]
    assert [section.partition("\n")[0] for section in sections] == list(alerts(read_rules()))
    for section in sections:
        marks = ["**Look", "**Do" if "**Do:**" in section else "do:**", "**Facebook meanwhile:**"]
        places = [section.find(mark) for mark in marks]
        assert -1 not in places, section[:60]
        assert places == sorted(places), section[:60]
