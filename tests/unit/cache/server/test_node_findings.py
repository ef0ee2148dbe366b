"""The findings about a server, for each possible fault."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from cache.errors import Unavailable, UnavailableReason
from cache.server.examine import NodeFacts
from cache.server.node_findings import REASONS, judge, unreachable
from domain.finding import Finding, Level

INFO = {
    "server_name": "valkey",
    "redis_version": "7.2.4",
    "valkey_version": "9.1.2",
    "redis_mode": "standalone",
    "maxmemory": "0",
    "maxmemory_policy": "noeviction",
    "used_memory": "1000000",
    "evicted_keys": "0",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "role": "master",
    "connected_slaves": "0",
}
CONFIG = {
    "appendfsync": "everysec",
    "auto-aof-rewrite-percentage": "100",
    "min-replicas-to-write": "0",
    "slowlog-log-slower-than": "-1",
    "slowlog-max-len": "128",
}
WELL = NodeFacts("node-1:6379", INFO, CONFIG, 0.01, 0.001, scripts=True, cluster_state=None)


def found(facts: NodeFacts) -> dict[str, Finding]:
    """Returns the findings by name. Each sentence names its node, and says what to do unless the finding is "ok"."""
    findings = list(judge(facts))
    assert len({finding.name for finding in findings}) == len(findings)
    for finding in findings:
        assert finding.about == facts.name
        assert finding.sentence.endswith(".")
        assert bool(finding.remedy) == (finding.level != "ok")
    return {finding.name: finding for finding in findings}


def test_a_server_with_our_own_settings_has_no_fault() -> None:
    """The check has eight findings."""
    told = found(WELL)
    assert {finding.level for finding in told.values()} == {"ok"}
    assert len(told) == 8
    assert "Valkey 9.1.2" in told["redis.version"].sentence


@pytest.mark.parametrize(
    ("changed", "name", "level", "word"),
    [
        ({"valkey_version": "7.0.1"}, "redis.version", "fail", "Valkey 7.0.1"),
        ({"maxmemory_policy": "allkeys-lru"}, "redis.policy", "fail", "allkeys-lru"),
        ({"evicted_keys": "12"}, "redis.policy", "warn", ": 12"),
        ({"maxmemory": "2000000", "used_memory": "1900000"}, "redis.memory", "warn", "of"),
        ({"maxmemory": "2000000", "used_memory": "1500000"}, "redis.memory", "ok", "of"),
        ({"aof_enabled": "0"}, "redis.persistence", "warn", "append-only"),
        ({"aof_last_write_status": "err"}, "redis.persistence", "fail", "write"),
        ({"aof_last_bgrewrite_status": "err"}, "redis.persistence", "warn", "rewrite"),
        ({"role": "slave"}, "redis.replication", "fail", "replica"),
        ({"connected_slaves": "1", "slave0": "{'state': 'wait_bgsave'}"}, "redis.replication", "warn", "1 of 1"),
        ({"connected_slaves": "1", "slave0": "{'state': 'online'}"}, "redis.replication", "ok", "1 replicas"),
        ({"server_name": "keydb", "valkey_version": ""}, "redis.version", "fail", "too old"),
        ({"dragonfly_version": "df-1.2"}, "redis.version", "warn", "neither"),
    ],
)
def test_the_values_of_info_decide_the_findings(changed: dict[str, str], name: str, level: Level, word: str) -> None:
    """Each wrong value changes one finding."""
    told = found(replace(WELL, info={**INFO, **changed}))
    assert (told[name].level, word in told[name].sentence) == (level, True)
    assert {one for one, finding in told.items() if finding.level != "ok"} <= {name}


@pytest.mark.parametrize(
    ("version", "level"), [("6.2.14", "fail"), ("7.0.15", "ok"), ("8.2.1", "ok"), ("10.0", "ok"), ("", "fail")]
)
def test_the_redis_version_must_be_seven_or_higher(version: str, level: Level) -> None:
    """The versions are compared as numbers, not as text."""
    info = {name: value for name, value in INFO.items() if name not in {"server_name", "valkey_version"}}
    assert found(replace(WELL, info={**info, "redis_version": version}))["redis.version"].level == level


def test_an_unknown_eviction_policy_gives_a_warning() -> None:
    """The result is a warning, because a person must check it."""
    info = {name: value for name, value in INFO.items() if name != "maxmemory_policy"}
    assert found(replace(WELL, info=info))["redis.policy"].level == "warn"


@pytest.mark.parametrize(
    ("changed", "name", "level"),
    [
        ({"appendfsync": "no"}, "redis.persistence", "warn"),
        ({"appendfsync": "always"}, "redis.persistence", "ok"),
        ({"auto-aof-rewrite-percentage": "0"}, "redis.leftovers", "warn"),
        ({"slowlog-log-slower-than": "10000"}, "redis.leftovers", "warn"),
        ({"slowlog-log-slower-than": "10000", "slowlog-max-len": "0"}, "redis.leftovers", "ok"),
        ({"min-replicas-to-write": "1"}, "redis.replication", "fail"),
    ],
)
def test_the_values_of_the_configuration_decide_the_findings(changed: dict[str, str], name: str, level: Level) -> None:
    """The settings decide how soon a write is on disk, and whether bodies outlive their deadline."""
    assert found(replace(WELL, config={**CONFIG, **changed}))[name].level == level


def test_a_server_that_hides_its_configuration_gives_a_warning() -> None:
    """Managed servers hide their configuration. INFO still shows whether they write to disk."""
    told = found(replace(WELL, config=None))
    assert (told["redis.leftovers"].level, told["redis.persistence"].level) == ("warn", "ok")


def test_a_server_without_info_gives_one_warning() -> None:
    """The server still answers, and its clock is known."""
    told = found(replace(WELL, info=None))
    assert {name: finding.level for name, finding in told.items()} == {
        "redis": "ok",
        "redis.clock": "ok",
        "redis.version": "warn",
    }


@pytest.mark.parametrize(
    ("ahead", "level", "word"),
    [
        (1.9, "ok", ""),
        (-1.9, "ok", ""),
        (2.1, "warn", "ahead"),
        (-29.9, "warn", "behind"),
        (30.1, "fail", "ahead"),
        (-86_400.0, "fail", "behind"),
    ],
)
def test_the_difference_of_the_clocks_decides_the_level(ahead: float, level: Level, word: str) -> None:
    """Two seconds are a warning, and half a minute is a failure."""
    clock = found(replace(WELL, clock_ahead=ahead))["redis.clock"]
    assert (clock.level, word in clock.sentence) == (level, True)


def test_a_slow_answer_does_not_count_as_a_wrong_clock() -> None:
    """The service does not know at which moment of a round trip the server read its clock."""
    told = found(replace(WELL, clock_ahead=2.4, round_trip=0.9))
    assert (told["redis.clock"].level, told["redis"].level) == ("ok", "warn")


def test_scripts_and_slots_are_needed() -> None:
    """Without scripts nothing is stored. Without all slots a part of the shops is not stored."""
    assert found(replace(WELL, scripts=False))["redis.scripts"].level == "fail"
    assert found(replace(WELL, cluster_state="fail"))["redis.cluster"].level == "fail"
    assert found(replace(WELL, cluster_state="ok"))["redis.cluster"].level == "ok"


@pytest.mark.parametrize("reason", get_args(UnavailableReason))
def test_the_finding_of_an_unreachable_server_has_a_reason_and_a_remedy(reason: Any) -> None:
    """The test covers every reason."""
    finding = unreachable(Unavailable(reason), "node-1")
    assert (finding.name, finding.level, finding.about) == ("redis.unreachable", "fail", "node-1")
    assert finding.sentence
    assert finding.remedy


def test_every_reason_of_a_failure_has_a_sentence_and_a_remedy() -> None:
    """The runbook and the command `doctor` show the sentences and the remedies."""
    assert set(REASONS) == set(get_args(UnavailableReason))
