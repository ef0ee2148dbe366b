"""Each alert over series: silent, then firing, then silent again; and no number of it without a test that needs it."""

from pathlib import Path

import pytest

from tests.ops.alert_cases import CASES, HEALTHY, HEALTHY_MINUTES, Case
from tests.ops.rules import (
    RULES,
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
from tests.servers import Absent

pytestmark = pytest.mark.timeout(300)
"""The first of them fetches promtool."""

DOCUMENT = read_rules()
ALERTS = alerts(DOCUMENT)


@pytest.fixture(autouse=True)
def _promtool() -> None:
    try:
        program("promtool")
    except Absent as absent:
        pytest.skip(str(absent))


def cases(alert: str) -> list[Case]:
    """Those of one alert."""
    return [case for case in CASES if case.alert == alert]


def trials(alert: str) -> list[Trial]:
    """The same, with the wait that the rule has."""
    return [case.trial(minutes(ALERTS[alert]["for"])) for case in cases(alert)]


def test_promtool_finds_nothing_to_say() -> None:
    """With every lint, on the very file that is installed."""
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(all_rules(DOCUMENT))} rules found" in done.stdout


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_when_it_should_and_not_before(alert: str, tmp_path: Path) -> None:
    """To the minute: silent until its wait is over; and silent over what lies close to it."""
    assert any(case.begins is not None for case in cases(alert))
    assert any(case.begins is None for case in cases(alert))
    assert failures(alone(DOCUMENT, alert), trials(alert), tmp_path) == ""


@pytest.mark.parametrize("alert", ALERTS)
def test_a_restarted_process_does_not_silence_an_alert(alert: str, tmp_path: Path) -> None:
    """Counters that begin anew in the middle of it change nothing."""
    chosen = [
        restarted(case.trial(minutes(ALERTS[alert]["for"])), case.begins + case.interval)
        for case in cases(alert)
        if case.begins is not None and any(is_counter(name, held) for name, held in case.series.items())
    ]
    assert failures(alone(DOCUMENT, alert), chosen, tmp_path) == ""


@pytest.mark.parametrize("alert", ALERTS)
def test_no_number_of_an_alert_can_change_unnoticed(alert: str, tmp_path: Path) -> None:
    """Half as much again, or a third less, or another wait: some trial fails each time."""
    quick_first = sorted(trials(alert), key=lambda trial: max(map(len, trial.series.values())))
    unnoticed = []
    for what, rule in shifted(ALERTS[alert]):
        changed = alone(DOCUMENT, alert)
        for group in changed["groups"]:
            group["rules"] = [rule if one.get("alert") == alert else one for one in group["rules"]]
        if not any("exp:" in failures(changed, [trial], tmp_path) for trial in quick_first):
            unnoticed.append(what)
    assert unnoticed == []


def test_all_is_silent_while_all_is_well(tmp_path: Path) -> None:
    """Also over a restart, in which every counter begins anew."""
    well = Trial(HEALTHY, {minute: [] for minute in HEALTHY_MINUTES}, 5)
    assert failures(DOCUMENT, [well, restarted(well, 900)], tmp_path) == ""


def test_without_metrics_only_their_absence_is_told(tmp_path: Path) -> None:
    """No other alert fires for a service that is not installed."""
    nothing = Trial({"something_else": [1.0] * 200}, {4: [], 5: ["PageInboxNotScraped"], 199: ["PageInboxNotScraped"]})
    assert failures(DOCUMENT, [nothing], tmp_path) == ""
