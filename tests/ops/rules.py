"""The alert rules as tests read them, and `promtool test rules` over cases written in Python."""

import copy
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import yaml

from tests.house.sources import ROOT
from tests.prometheus import promtool

RULES: Final = ROOT / "ops" / "alerts.yaml"
RUNBOOK: Final = ROOT / "docs" / "runbook.md"

Rule = dict[str, Any]
Samples = Sequence[float]
"""A series' values, one for each interval, from the beginning on. Rising series whose names end in _total or _count
are counters."""
LABELS: Final = {"namespace": "shops", "job": "page-inbox", "instance": "a"}
"""The labels of a series that names no others."""


def read_rules() -> dict[str, Any]:
    """Returns the parsed file."""
    found: dict[str, Any] = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return found


def all_rules(document: dict[str, Any]) -> list[Rule]:
    """Returns every rule of every group."""
    return [rule for group in document["groups"] for rule in group["rules"]]


def alerts(document: dict[str, Any]) -> dict[str, Rule]:
    """Returns the alerts by name."""
    return {rule["alert"]: rule for rule in all_rules(document) if "alert" in rule}


def alone(document: dict[str, Any], alert: str) -> dict[str, Any]:
    """Returns the rules with only this alert and the recorded series that it needs."""
    rules = all_rules(document)
    needed = [rule for rule in rules if rule.get("alert") == alert]
    for rule in needed:
        needed += [one for one in rules if one not in needed and "record" in one and one["record"] in rule["expr"]]
    left = copy.deepcopy(document)
    for group in left["groups"]:
        group["rules"] = [rule for rule in group["rules"] if rule in needed]
    left["groups"] = [group for group in left["groups"] if group["rules"]]
    return left


@dataclass(frozen=True)
class Trial:
    """Series, and the minutes at which alerts must fire. `fires` maps a minute to the names of all firing alerts."""

    series: Mapping[str, Samples]
    fires: Mapping[int, Sequence[str]]
    interval: int = 1
    """Minutes between two samples, and between two evaluations."""


def minutes(duration: str) -> int:
    """Returns the minutes of a rule's duration, `15m` or `1h`."""
    return int(duration[:-1]) * {"m": 1, "h": 60}[duration[-1]]


def failures(questions: Sequence[tuple[dict[str, Any], Sequence[Trial]]], directory: Path) -> list[str]:
    """Returns what promtool reports for each of these rules and its trials. A rule without a failure has no text. One
    run of promtool covers all rules, because its start takes longer than most trials."""
    places: dict[str, int] = {}
    for place, (document, trials) in enumerate(questions):
        rules = f"rules-{place}.json"
        (directory / rules).write_text(json.dumps(document))  # YAML includes JSON
        for interval in sorted({trial.interval for trial in trials}):
            tests = [_test(trial) for trial in trials if trial.interval == interval]
            held = {"rule_files": [rules], "evaluation_interval": f"{interval}m", "tests": tests}
            file = directory / f"trials-{place}-{interval}.json"
            file.write_text(json.dumps(held))
            places[str(file)] = place
    if not places:
        return [""] * len(questions)
    done = promtool("test", "rules", *places)
    told = [""] * len(questions)
    said = re.findall(r"^Unit Testing: +(\S+)\n(.*?)(?=^Unit Testing: |\Z)", done.stdout, re.MULTILINE | re.DOTALL)
    assert [file for file, _ in said] == list(places), done.stdout
    for file, words in said:
        told[places[file]] += "" if words.strip() == "SUCCESS" else words
    return told


def _test(trial: Trial) -> dict[str, Any]:
    return {
        "interval": f"{trial.interval}m",
        "input_series": [
            {"series": _labelled(name), "values": " ".join(map(_written, held))} for name, held in trial.series.items()
        ],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)],
            }
            for minute, names in sorted(trial.fires.items())
        ],
    }


def _written(value: float) -> str:
    return "stale" if math.isnan(value) else f"{value:.12g}"


def _labelled(name: str) -> str:
    labels = ",".join(f'{label}="{value}"' for label, value in LABELS.items() if f'{label}="' not in name)
    return f"{name[:-1]},{labels}}}" if name.endswith("}") else f"{name}{{{labels}}}"


def is_counter(name: str, held: Samples) -> bool:
    """Returns True if a series is a counter."""
    metric = name.partition("{")[0]
    return metric.endswith(("_total", "_count", "_bucket")) and all(a <= b for a, b in pairwise(held))


def restarted(trial: Trial, at: int) -> Trial:
    """Returns the series with every counter beginning at 0 again at minute `at`, as after a restart of the process."""
    step = at // trial.interval
    series = {
        name: [*held[:step], *(value - held[step - 1] for value in held[step:])] if is_counter(name, held) else held
        for name, held in trial.series.items()
    }
    return Trial(series, trial.fires, trial.interval)


_NUMBER: Final = re.compile(r"(?<![\w.\[:\"])\d+(?:\.\d+)?(?![\w.\]:\"])")


def shifted(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """Yields copies of an alert with one changed number in its expression or its `for`, each with a description of the
    change."""
    expression: str = rule["expr"]
    bare = re.sub(r'"[^"]*"', lambda text: "_" * len(text.group()), expression)
    for found in _NUMBER.finditer(bare):
        number = float(found.group())
        for other in [1.5] if number == 0 else [number * 1.5, number / 1.5]:
            changed = f"{expression[: found.start()]}{other:.6g}{expression[found.end() :]}"
            yield f"{found.group()} to {other:.6g} at {found.start()}", {**rule, "expr": changed}
    waits = minutes(rule["for"])
    for other in (waits * 2, waits // 2):
        yield f"for {waits} to {other} minutes", {**rule, "for": f"{other}m"}
