"""The calculator gives the same numbers as a calculation by hand, and the documents have the numbers of the
calculator.
"""

import json

import pytest

from bench import capacity, chart, store
from bench.capacity import Load, Measured, need
from bench.check import STORED, Incomparable

ROUND = Measured(message_bytes=500, shop_bytes=1000, entry_bytes=200, delivery_seconds=100e-6, read_seconds=1e-3)
RUN = json.loads(STORED.read_text(encoding="utf-8"))


def test_the_calculated_numbers_equal_the_numbers_calculated_by_hand() -> None:
    """With 1,000 shops and 864 messages per shop and day, 10 messages arrive per second."""
    load = Load(1_000, messages_per_day=864, reads_per_day=864, reading_hours=10, peak=2, busy=0.5, headroom=2)
    found = need(load, ROUND)
    assert found.kept == 1_000 * 864 * 5
    assert found.messages_bytes == found.kept * 500
    assert found.shops_bytes == 1_000_000
    assert found.audit_bytes == 1_000 * 10 * 90 * 200
    assert found.memory_bytes == 2 * (found.messages_bytes + found.shops_bytes + found.audit_bytes)
    assert found.peak_deliveries == pytest.approx(20)
    assert found.peak_reads == pytest.approx(20)
    assert (found.pods, found.shards) == (2, 1)  # the load needs 0.022 of a core


@pytest.mark.parametrize(
    ("peak", "busy", "shard_gib", "pods", "shards"),
    [
        (2, 0.5, 16, 5, 5),  # 2.02 cores at the peak, and each core may be half busy
        (2, 0.9, 16, 3, 3),
        (0.1, 0.5, 16, 2, 2),  # the memory decides: 20.2 GiB
        (0.1, 0.5, 64, 2, 1),
    ],
)
def test_the_scarce_resource_decides_the_number_of_pods_and_shards(
    peak: float, busy: float, shard_gib: float, pods: int, shards: int
) -> None:
    """Processor time at the peak decides the number of pods, and memory decides the number of shards. One pod may
    always fail.
    """
    load = Load(
        100_000, 86.4, reads_per_day=864, reading_hours=0, peak=peak, busy=busy, headroom=1, shard_gib=shard_gib
    )
    found = need(load, ROUND)
    assert (found.pods, found.shards) == (pods, shards)


def test_twice_the_shops_need_twice_the_memory() -> None:
    """The memory grows in proportion to the number of shops."""
    one, two = (need(Load(shops), ROUND) for shops in (1_000, 2_000))
    assert two.memory_bytes == 2 * one.memory_bytes


def test_the_document_has_the_table_of_the_calculator() -> None:
    """The calculator makes the table from the stored run, which `make bench-store` writes."""
    text = store.CAPACITY.read_text(encoding="utf-8")
    assert capacity.table(store.LOADS, capacity.measured(RUN)) in text
    assert store.with_table(text, RUN) == text


def test_the_picture_shows_the_stored_run() -> None:
    """`make chart` draws the picture. It has every measured axis."""
    assert chart.CHART.read_text(encoding="utf-8") == chart.drawn(RUN)
    measured = {group for lines in chart.series(RUN).values() for group in lines}
    assert measured == set(chart.COLOURS)


def test_figures_that_the_last_run_did_not_measure_stay_stored() -> None:
    """A run may leave out slow groups. A quick run does not replace their figures."""
    old = {"rows": [{"group": "a", "name": "old"}, {"group": "b", "name": "kept"}]}
    new = {"effort": {"divisor": 1}, "rows": [{"group": "a", "name": "new"}]}
    assert [row["name"] for row in store.merged(old, new)["rows"]] == ["new", "kept"]
    with pytest.raises(Incomparable, match="quick"):
        store.merged(old, {**new, "effort": {"divisor": 10}})


def test_the_command_prints_the_values_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The command uses the usual assumptions."""
    capacity.main(["--shops", "100000"])
    told = capsys.readouterr().out
    for value in capacity.line(Load(100_000), capacity.measured(RUN)):
        assert value in told


@pytest.mark.parametrize(
    "wrong", [["--shops", "-1"], ["--shops", "5", "--busy", "0"], ["--shops", "1", "--peak", "nan"]]
)
def test_nonsense_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the option."""
    with pytest.raises(SystemExit):
        capacity.main(wrong)
    assert "must be more than nothing" in capsys.readouterr().err


def test_the_help_shows_every_assumption_with_its_default() -> None:
    """The help shows every assumption with its usual value."""
    told = " ".join(capacity._arguments().format_help().split())
    for usual in ("(100)", "(500)", "(2)", "(4)", "(0.5)", "(1.5)", "(16)"):
        assert usual in told
    assert store.CAPACITY.read_text(encoding="utf-8").count("bench.capacity") >= 2
