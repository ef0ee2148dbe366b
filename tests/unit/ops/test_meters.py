"""Counters, gauges and histograms."""

import math

from ops.meters import Counter, Distribution, Gauge, Histogram


def test_a_counter_counts_by_labels() -> None:
    """A count of zero makes a series visible."""
    counter = Counter()
    counter.add(1, ("a",))
    counter.add(2, ("a",))
    counter.add(0, ("b",))
    assert counter.series() == [(("a",), 3), (("b",), 0)]


def test_a_gauge_has_the_last_value_that_was_set() -> None:
    """The value can go up and down."""
    gauge = Gauge()
    gauge.set(5)
    gauge.set(2)
    assert gauge.series() == [((), 2)]


def test_a_histogram_counts_up_to_and_including_each_bound() -> None:
    """Prometheus' `le` includes the bound."""
    histogram = Histogram((1, 2))
    for value in (0.5, 1, 1.5, 2, 3):
        histogram.observe((), value)
    assert histogram.series() == [((), Distribution(((1, 2), (2, 4), (math.inf, 5)), 8.0))]


def test_the_number_of_series_of_a_metric_is_limited() -> None:
    """After a thousand series, all further label values share one series."""
    counter, histogram = Counter(), Histogram((1,))
    for number in range(3000):
        counter.add(1, (str(number), "x"))
        histogram.observe((str(number), "x"), 0)
    assert len(counter.series()) == len(histogram.series()) == 1001
    assert dict(counter.series())["other", "other"] == 2000
    assert dict(histogram.series())["other", "other"].buckets[-1] == (math.inf, 2000)
