"""The faults of alert rules and of a dashboard, as sentences.

The functions take parsed files, so that a test can give them broken copies (tests/ops/test_faults.py).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import promql_parser

from ops.metrics import METRICS
from tests.ops.rules import Rule, all_rules, minutes

SEVERITIES: Final = {"critical", "warning"}
UID: Final = "page-inbox"

FOREIGN: Final = {
    "up": (),
    "process_resident_memory_bytes": (),
    "process_cpu_seconds_total": (),
    "process_open_fds": (),
    "process_max_fds": (),
    "process_start_time_seconds": (),
    "python_gc_collections_total": ("generation",),
}
"""Metrics of Prometheus and of the process, with their labels. Our table does not have these metrics."""
TARGET_LABELS: Final = {"namespace", "job", "instance", "pod"}
"""Labels that the scraper adds."""
_SERIES: Final = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
KNOWN: Final[Mapping[str, tuple[str, ...]]] = FOREIGN | {
    row.full_name + ending: (*row.labels, "le") if ending == "_bucket" else row.labels
    for row in METRICS
    for ending in _SERIES[row.type]
}
"""Every series that is scraped, with its labels."""

VARIABLES: Final = {"$__rate_interval": "5m", "$__range": "1h", "$namespace": ".*", "$job": ".*"}
"""The variables that Grafana replaces, and the values that replace them here."""


def filled(expression: str) -> str:
    """Returns a panel's expression as Prometheus gets it."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def problems_of_expression(expression: str, recorded: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yields a fault if the expression does not parse, or asks for a series or a label that does not exist."""
    try:
        tree = promql_parser.parse(expression)
    except ValueError as error:
        yield f"does not parse: {error}"
        return
    for selector in _selectors(tree):
        name = selector.name
        if name in recorded:
            continue
        if name not in KNOWN:
            yield f"there is no metric {name}"
            continue
        labels = {matcher.name for matcher in selector.matchers.matchers} - TARGET_LABELS - set(KNOWN[name])
        if labels:
            yield f"{name} has no label {', '.join(sorted(labels))}"


def _selectors(tree: Any) -> Iterator[Any]:
    """Yields every selector in a parsed expression."""
    if isinstance(tree, promql_parser.VectorSelector):
        yield tree
    for name in ("vector_selector", "expr", "lhs", "rhs", "param"):
        child = getattr(tree, name, None)
        if child is not None and not isinstance(child, str):
            yield from _selectors(child)
    for child in getattr(tree, "args", None) or ():
        yield from _selectors(child)


def anchors(markdown: str) -> list[str]:
    """Returns the anchors of a document's headings."""
    headings = re.findall(r"^#+ +(.+)$", markdown, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def problems_of_rules(document: dict[str, Any], runbook: str) -> list[str]:
    """Returns the problems of the alert rules and of the runbook to which they lead."""
    told: list[str] = []
    rules = all_rules(document)
    recorded = frozenset(rule["record"] for rule in rules if "record" in rule)
    known = anchors(runbook)
    names = [rule["alert"] for rule in rules if "alert" in rule]
    told += [f"{name} is there twice" for name in names if names.count(name) > 1]
    for rule in rules:
        name = rule.get("alert") or rule.get("record")
        told += [f"{name}: {problem}" for problem in problems_of_expression(rule["expr"], recorded)]
        if "alert" in rule:
            told += [f"{name}: {problem}" for problem in _of_alert(rule, known)]
    unused = [name for name in recorded if not any(re.search(rf"\b{name}\b", rule["expr"]) for rule in rules)]
    told += [f"{name} is recorded for nobody" for name in unused]
    told += [f"the runbook's section {anchor} belongs to no alert" for anchor in known
             if anchor.startswith("pageinbox") and anchor not in {name.lower() for name in names}]  # fmt: skip
    return told


def _of_alert(rule: Rule, known: list[str]) -> Iterator[str]:
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        yield "no severity, or an unknown one"
    if not re.fullmatch(r"\d+[mh]", rule.get("for", "")) or minutes(rule["for"]) < 1:
        yield "fires at once: a restart would wake somebody"
    notes = rule.get("annotations", {})
    for name in ("summary", "description", "runbook_url"):
        if not notes.get(name):
            yield f"no {name}"
    if "$value" in notes.get("summary", "") or "{{" in notes.get("summary", ""):
        yield "the summary changes with each value, and so would be a new notification"
    place, _, anchor = notes.get("runbook_url", "").partition("#")
    if place != "docs/runbook.md" or known.count(anchor) != 1 or anchor != rule["alert"].lower():
        yield "the runbook has no such section"


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns every panel that shows something, including those in collapsed rows."""
    found = []
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            found += panel.get("panels", [])
        else:
            found.append(panel)
    return found


def problems_of_dashboard(dashboard: dict[str, Any]) -> list[str]:
    """Returns the problems of the dashboard."""
    told: list[str] = []
    if dashboard.get("uid") != UID:
        told.append("the uid has changed: links to it break")
    if dashboard.get("id") is not None:
        told.append("an id of one Grafana's own")
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    if variables.get("datasource", {}).get("type") != "datasource":
        told.append("no variable for the datasource")
    every = [panel for panel in dashboard["panels"] if panel["type"] == "row"] + panels(dashboard)
    ids = [panel["id"] for panel in every]
    told += [f"two panels have the id {one}" for one in sorted(set(ids)) if ids.count(one) > 1]
    titles = [panel.get("title", "") for panel in every]
    told += [f"two panels are called {one}" for one in sorted(set(titles)) if titles.count(one) > 1]
    told += [f"{a['title']} and {b['title']} lie upon each other" for a, b in _overlaps(every)]
    for panel in panels(dashboard):
        told += [f"{panel.get('title')}: {problem}" for problem in _of_panel(panel, set(variables))]
    return told


def _of_panel(panel: dict[str, Any], variables: set[str]) -> Iterator[str]:
    for name in ("title", "description"):
        if not panel.get(name):
            yield f"no {name}"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "no unit"
    if panel.get("datasource") != {"type": "prometheus", "uid": "${datasource}"}:
        yield "not the chosen datasource"
    if not panel.get("targets"):
        yield "shows nothing"
    for target in panel.get("targets", []):
        expression = target["expr"]
        unknown = set(re.findall(r"\$(\w+)", expression)) - variables - {"__rate_interval", "__range"}
        if unknown:
            yield f"an unknown variable: {', '.join(sorted(unknown))}"
        windows = set(re.findall(r"\[([^\]]+)\]", expression)) - {"$__rate_interval", "$__range"}
        if windows:
            yield f"a window that does not follow the zoom: {', '.join(sorted(windows))}"
        for call, window in re.findall(r"\b(rate|increase)\([^\[]*\[([^\]]+)\]", expression):
            if call == "rate" and window != "$__rate_interval":
                yield "a rate over another window than $__rate_interval"
        for one in re.findall(r"\b(?:(?:page_inbox|process|python)_\w+|up\b)(?:\{[^}]*\})?", expression):
            if 'job=~"$job"' not in one and not one.startswith("page_inbox:"):
                yield f"{one} is not of the chosen job"
        yield from problems_of_expression(filled(expression))


def _overlaps(every: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for index, a in enumerate(every):
        for b in every[index + 1 :]:
            one, other = a["gridPos"], b["gridPos"]
            beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            apart = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            if not beside and not apart:
                yield a, b
