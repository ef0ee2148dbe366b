"""Each alert over series: silent, then firing, then silent again. If a number of an alert changes, a test fails."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.debian import Absent
from tests.ops.alert_cases import CASES, HEALTHY, HEALTHY_MINUTES, Case
from tests.ops.rules import (
    RULES,
    Rule,
    Trial,
    alerts,
    all_rules,
    alone,
    failures,
    is_counter,
    minutes,
    read_rules,
    restarted,
    shifted,
)
from tests.prometheus import program, promtool

pytestmark = pytest.mark.timeout(300)
"""Seconds. The first test fetches promtool."""

DOCUMENT = read_rules()
ALERTS = alerts(DOCUMENT)


@pytest.fixture(autouse=True)
def _promtool() -> None:
    try:
        program("promtool")
    except Absent as absent:
        pytest.skip(str(absent))


def cases(alert: str) -> list[Case]:
    """Returns the cases of one alert."""
    return [case for case in CASES if case.alert == alert]


def trials(alert: str) -> list[Trial]:
    """Returns the trials of the cases, with the wait that the rule has."""
    return [case.trial(minutes(ALERTS[alert]["for"])) for case in cases(alert)]


def test_promtool_finds_no_fault_in_the_rules() -> None:
    """The test checks the installed file, with every lint of promtool."""
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(all_rules(DOCUMENT))} rules found" in done.stdout


def said(questions: dict[str, tuple[dict[str, Any], Sequence[Trial]]], directory: Path) -> dict[str, str]:
    """Returns what promtool reports about some of the rules."""
    found = failures(list(questions.values()), directory)
    return {name: words for name, words in zip(questions, found, strict=True) if words}


def test_an_alert_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    """The test is exact to the minute: the alert does not fire before its wait is over, and not for values close to the
    limit."""
    for alert in ALERTS:
        assert {case.begins is None for case in cases(alert)} == {True, False}, alert
    assert said({alert: (alone(DOCUMENT, alert), trials(alert)) for alert in ALERTS}, tmp_path) == {}


def test_a_restarted_process_does_not_silence_an_alert(tmp_path: Path) -> None:
    """Counters that begin again at zero in between change nothing."""
    chosen = {
        alert: [
            restarted(case.trial(minutes(ALERTS[alert]["for"])), case.begins + case.interval)
            for case in cases(alert)
            if case.begins is not None and any(is_counter(name, held) for name, held in case.series.items())
        ]
        for alert in ALERTS
    }
    assert said({alert: (alone(DOCUMENT, alert), held) for alert, held in chosen.items()}, tmp_path) == {}


def test_a_change_of_any_number_in_an_alert_fails_a_trial(tmp_path: Path) -> None:
    """Each number is made larger by half, then smaller by a third, and the wait is changed: at least one trial fails
    each time. The short trials run first."""
    quick_first = {alert: sorted(trials(alert), key=lambda one: max(map(len, one.series.values()))) for alert in ALERTS}
    unnoticed = {f"{alert}: {what}": (alert, rule) for alert, held in ALERTS.items() for what, rule in shifted(held)}
    for place in range(max(map(len, quick_first.values()))):
        questions: dict[str, tuple[dict[str, Any], Sequence[Trial]]] = {
            name: (replaced(alert, rule), quick_first[alert][place : place + 1])
            for name, (alert, rule) in unnoticed.items()
        }
        noticed = {name for name, words in said(questions, tmp_path).items() if "exp:" in words}
        unnoticed = {name: held for name, held in unnoticed.items() if name not in noticed}
    assert list(unnoticed) == []


def replaced(alert: str, rule: Rule) -> dict[str, Any]:
    """Returns one alert with another rule in its place."""
    changed = alone(DOCUMENT, alert)
    for group in changed["groups"]:
        group["rules"] = [rule if one.get("alert") == alert else one for one in group["rules"]]
    return changed


def test_no_alert_fires_for_a_healthy_service(tmp_path: Path) -> None:
    """No alert fires after a restart either, when every counter begins at 0 again."""
    well = Trial(HEALTHY, {minute: [] for minute in HEALTHY_MINUTES}, 5)
    assert failures([(DOCUMENT, [well, restarted(well, 900)])], tmp_path) == [""]


def test_without_metrics_only_the_alert_for_missing_metrics_fires(tmp_path: Path) -> None:
    """No other alert fires for a service that is not installed."""
    nothing = Trial({"something_else": [1.0] * 200}, {4: [], 5: ["PageInboxNotScraped"], 199: ["PageInboxNotScraped"]})
    assert failures([(DOCUMENT, [nothing])], tmp_path) == [""]
