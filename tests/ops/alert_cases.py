"""For each alert: series over which it fires, the minute from which its condition holds, and series that leave it
silent.

The numbers are close to the thresholds, so that a changed threshold fails here (tests/ops/test_alerts.py tries this).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from tests.ops.rules import Samples, Trial

Series = Mapping[str, Samples]

STALE: Final = math.nan


@dataclass(frozen=True)
class Case:
    """Series for one alert, with samples and evaluations each `interval` minutes. `begins` is the minute at which the
    condition begins. If the alert must not fire, `begins` is None, and the minutes of `silent` are checked."""

    alert: str
    what: str
    series: Series
    begins: int | None = None
    silent: tuple[int, ...] = ()
    interval: int = 1

    def trial(self, waits: int) -> Trial:
        """Returns the expected result for a rule that waits this number of minutes."""
        if self.begins is None:
            return Trial(self.series, {minute: [] for minute in self.silent}, self.interval)
        fires = self.begins + waits
        return Trial(self.series, {fires - self.interval: [], fires: [self.alert]}, self.interval)


def level(*legs: tuple[float, int]) -> Samples:
    """Returns a gauge that has each value for this number of samples."""
    return [value for value, samples in legs for _ in range(samples)]


def rising(*legs: tuple[float, int]) -> Samples:
    """Returns a counter that begins at zero and grows by this amount with each sample."""
    return list(accumulate(level(*legs), initial=0.0))


def deliveries(*legs: tuple[float, float, float, int]) -> Series:
    """Returns the series of deliveries. The numbers of a phase are, for each sample: deliveries accepted in time, not
    stored, and accepted too late. The last number is the number of samples."""
    return {
        'page_inbox_deliveries_total{outcome="accepted"}': rising(*((good + late, n) for good, _, late, n in legs)),
        'page_inbox_deliveries_total{outcome="unavailable"}': rising(*((bad, n) for _, bad, _, n in legs)),
        'page_inbox_deliveries_total{outcome="signature_refused"}': rising(*((100, n) for _, _, _, n in legs)),
        'page_inbox_request_seconds_count{route="/webhook",method="POST"}': rising(
            *((100 + good + bad + late, n) for good, bad, late, n in legs)
        ),
        'page_inbox_request_seconds_bucket{route="/webhook",method="POST",le="5.0"}': rising(
            *((100 + good + bad, n) for good, bad, _, n in legs)
        ),
    }


def outcomes(**legs: Samples) -> Series:
    """Returns deliveries by outcome."""
    return {f'page_inbox_deliveries_total{{outcome="{name}"}}': held for name, held in legs.items()}


def signatures(*legs: tuple[float, float, int]) -> Series:
    """Returns the series of deliveries. The numbers of a phase are, for each sample: accepted deliveries, and
    deliveries refused for their signature. The last number is the number of samples."""
    return outcomes(
        accepted=rising(*((good, n) for good, _, n in legs)),
        signature_refused=rising(*((bad, n) for _, bad, n in legs)),
    )


def events(*legs: tuple[float, float, int]) -> Series:
    """Returns the series of events. The numbers of a phase are, for each sample: stored messages, and messages for
    unknown Pages. The last number is the number of samples. There are also twice as many read events."""
    return {
        'page_inbox_events_total{kind="message",outcome="stored"}': rising(*((good, n) for good, _, n in legs)),
        'page_inbox_events_total{kind="message",outcome="unknown_page"}': rising(*((bad, n) for _, bad, n in legs)),
        'page_inbox_events_total{kind="read",outcome="not_kept"}': rising(*((2 * good, n) for good, _, n in legs)),
    }


def graph(*legs: tuple[float, float, int], outcome: str = "graph_timeout") -> Series:
    """Returns the series of calls of Graph. The numbers of a phase are, for each sample: calls that succeeded, and
    calls that failed. The last number is the number of samples."""
    return {
        'page_inbox_graph_calls_total{edge="posts",outcome="ok"}': rising(*((good, n) for good, _, n in legs)),
        f'page_inbox_graph_calls_total{{edge="posts",outcome="{outcome}"}}': rising(*((bad, n) for _, bad, n in legs)),
    }


def checks(name: str, *legs: tuple[float, int]) -> Series:
    """Returns the series of a check of /readyz."""
    return {f'page_inbox_check_ok{{check="{name}"}}': level(*legs)}


def pages(status: str, *legs: tuple[float, int]) -> Series:
    """Returns the number of Pages of one status."""
    return {f'page_inbox_pages{{status="{status}"}}': level(*legs)}


def expiring(*legs: tuple[float, int]) -> Series:
    """Returns the number of Pages whose token expires within 14 days."""
    return {'page_inbox_pages_token_expiring{within="14d"}': level(*legs)}


def once(name: str, at: int, samples: int) -> Series:
    """Returns a counter that rises by one at that sample."""
    return {name: rising((0, at - 1), (1, 1), (0, samples - at))}


CASES: tuple[Case, ...] = (
    # One hundred deliveries per minute: after 8.64 minutes with 10 % failures, one hour has 1.44 % failures.
    Case("PageInboxDeliveriesFail", "a tenth fails", deliveries((100, 0, 0, 60), (90, 10, 0, 30)), 69),
    Case("PageInboxDeliveriesFail", "a tenth is late", deliveries((100, 0, 0, 60), (90, 0, 10, 30)), 69),
    Case("PageInboxDeliveriesFail", "1.8 % fail all the time", deliveries((98.2, 1.8, 0, 30)), 3),
    Case("PageInboxDeliveriesFail", "1.2 % fail all the time", deliveries((98.8, 1.2, 0, 90)), silent=(30, 60, 90)),
    Case("PageInboxDeliveriesFail", "over but for 1.2 %",
         deliveries((90, 10, 0, 60), (98.8, 1.2, 0, 30)), silent=(75,)),
    Case("PageInboxDeliveriesFail", "four of twelve", deliveries((0.2, 0.1, 0, 40), (0.2, 0, 0, 20)),
         silent=(20, 40, 59)),
    # Five hundred deliveries in five minutes: after 21.6 minutes with 10 % failures, six hours have 0.6 % failures.
    Case("PageInboxDeliveriesFailSteadily", "a tenth fails", deliveries((500, 0, 0, 72), (450, 50, 0, 24)), 385,
         interval=5),
    Case("PageInboxDeliveriesFailSteadily", "0.75 % fail all the time", deliveries((496.25, 3.75, 0, 24)), 10,
         interval=5),
    Case("PageInboxDeliveriesFailSteadily", "0.5 % fail all the time", deliveries((497.5, 2.5, 0, 96)),
         silent=(120, 240, 480), interval=5),
    Case("PageInboxDeliveriesFailSteadily", "over but for 0.5 %",
         deliveries((450, 50, 0, 48), (497.5, 2.5, 0, 24)), silent=(285, 300, 360), interval=5),
    # A thousand deliveries in ten minutes: after 86.4 minutes with 5 % failures, three days have 0.1 % failures.
    Case("PageInboxDeliveriesFailSlowly", "a twentieth fails", deliveries((1000, 0, 0, 432), (950, 50, 0, 36)), 4410,
         interval=10),
    Case("PageInboxDeliveriesFailSlowly", "0.13 % fail all the time", deliveries((998.7, 1.3, 0, 48)), 40,
         interval=10),
    Case("PageInboxDeliveriesFailSlowly", "0.08 % fail all the time", deliveries((999.2, 0.8, 0, 480)),
         silent=(600, 2400, 4800), interval=10),
    Case("PageInboxDeliveriesFailSlowly", "over but for 0.08 %",
         deliveries((950, 50, 0, 72), (999.2, 0.8, 0, 72)), silent=(1100, 1300, 1440), interval=10),
    Case("PageInboxEveryDeliveryFails", "the only one fails",
         outcomes(accepted=rising((1, 20), (0, 40)), unavailable=rising((0, 34), (1, 1), (0, 25))), 35),
    Case("PageInboxEveryDeliveryFails", "one succeeds",
         outcomes(accepted=rising((0.2, 60)), unavailable=rising((1, 60))), silent=(20, 40, 60)),
    Case("PageInboxEveryDeliveryFails", "there are none",
         outcomes(accepted=rising((0, 60)), unavailable=rising((0, 60))), silent=(20, 40, 60)),
    Case("PageInboxEveryDeliveryFails", "strangers only",
         outcomes(accepted=rising((0, 60)), unavailable=rising((0, 60)), signature_refused=rising((9, 60))),
         silent=(20, 40, 60)),

    Case("PageInboxNotScraped", "it goes away", {"page_inbox_build_info": level((1, 10), (STALE, 1))}, 10),
    Case("PageInboxNotScraped", "it is there", {"page_inbox_build_info": level((1, 60))}, silent=(20, 59)),
    Case("PageInboxNotScraped", "one of two goes away",
         {'page_inbox_build_info{namespace="one"}': level((1, 60)),
          'page_inbox_build_info{namespace="other"}': level((1, 10), (STALE, 1))}, 10),
    Case("PageInboxNotScraped", "one of two was removed more than a day ago",
         {'page_inbox_build_info{namespace="one"}': level((1, 60)),
          'page_inbox_build_info{namespace="other"}': level((1, 2), (STALE, 1))}, silent=(1530, 1650), interval=30),
    Case("PageInboxReplicaNotScraped", "it goes away",
         {"up": level((1, 10), (0, 30)), "page_inbox_build_info": level((1, 10), (STALE, 1))}, 10),
    Case("PageInboxReplicaNotScraped", "it is there", {"up": level((1, 40)), "page_inbox_build_info": level((1, 40))},
         silent=(20, 39)),
    Case("PageInboxReplicaNotScraped", "another program goes away",
         {'up{job="another"}': level((0, 40)), "page_inbox_build_info": level((1, 40))}, silent=(20, 39)),
    Case("PageInboxRedisUnreachable", "the check fails", checks("redis", (1, 10), (0, 30)), 10),
    Case("PageInboxRedisUnreachable", "the check passes, another fails",
         {**checks("redis", (1, 40)), **checks("accepting", (0, 40))}, silent=(20, 39)),
    Case("PageInboxWritesRefused", "one batch", once('page_inbox_store_errors_total{reason="redis_full"}', 10, 30), 10),
    Case("PageInboxWritesRefused", "slow is not refused",
         {'page_inbox_store_errors_total{reason="redis_timeout"}': rising((1, 30)),
          'page_inbox_store_errors_total{reason="redis_full"}': rising((0, 30))}, silent=(10, 30)),
    Case("PageInboxRedisMayLoseMessages", "the check fails", checks("redis_configuration", (1, 10), (0, 30)), 10),
    Case("PageInboxRedisMayLoseMessages", "a key was evicted",
         {"page_inbox_redis_evicted_keys": level((0, 10), (1, 30))}, 10),
    Case("PageInboxRedisMayLoseMessages", "all is well",
         {"page_inbox_redis_evicted_keys": level((0, 40)), **checks("redis_configuration", (1, 40))}, silent=(20, 39)),
    Case("PageInboxRedisWentBack", "once", once("page_inbox_redis_went_back_total", 10, 90), 10),
    Case("PageInboxRedisWentBack", "purges were done again",
         {"page_inbox_purges_replayed_timestamp_seconds": level((0, 10), (600, 20))}, 10),
    Case("PageInboxRedisWentBack", "purges were done again 45 minutes ago",
         {"page_inbox_purges_replayed_timestamp_seconds": level((0, 55), (600, 10))}, 55),
    Case("PageInboxRedisWentBack", "purges were done again in the first second of all time",
         {"page_inbox_purges_replayed_timestamp_seconds": level((0, 10), (1, 20))}, 10),
    Case("PageInboxRedisWentBack", "purges were done again 65 minutes ago",
         {"page_inbox_purges_replayed_timestamp_seconds": level((600, 90))}, silent=(75, 89)),
    Case("PageInboxRedisWentBack", "purges were never done again",
         {"page_inbox_purges_replayed_timestamp_seconds": level((0, 90))}, silent=(20, 89)),
    Case("PageInboxRedisWentBack", "never", {"page_inbox_redis_went_back_total": rising((0, 90))}, silent=(20, 89)),
    Case("PageInboxRedisWentBack", "a restart of the service",
         {"page_inbox_redis_went_back_total": level((0, 40), (0, 40))}, silent=(20, 79)),
    Case("PageInboxRedisUnknown", "the check fails", checks("redis_known", (1, 10), (0, 60)), 10),
    Case("PageInboxRedisUnknown", "the check passes", checks("redis_known", (1, 60)), silent=(40, 59)),
    Case("PageInboxClockOff", "Redis is 31 s behind",
         {"page_inbox_redis_clock_skew_seconds": level((0, 10), (-31, 30))}, 10),
    Case("PageInboxClockOff", "one message is too old",
         once('page_inbox_events_total{kind="message",outcome="too_old"}', 10, 30), 10),
    Case("PageInboxClockOff", "29 s ahead, and nothing is too old",
         {"page_inbox_redis_clock_skew_seconds": level((29, 40)),
          'page_inbox_events_total{kind="message",outcome="too_old"}': rising((0, 40))}, silent=(20, 39)),
    Case("PageInboxTaskCrashed", "one crash", once('page_inbox_task_crashes_total{task="sweeper"}', 10, 30), 10),
    Case("PageInboxTaskCrashed", "none", {'page_inbox_task_crashes_total{task="sweeper"}': rising((0, 30))},
         silent=(10, 30)),
    Case("PageInboxWorkerDied", "one death", once('page_inbox_worker_deaths_total{how="signal"}', 10, 30), 10),
    Case("PageInboxWorkerDied", "none", {'page_inbox_worker_deaths_total{how="signal"}': rising((0, 30))},
         silent=(10, 30)),
    Case("PageInboxSignaturesRefused", "an eighth", signatures((70, 0, 20), (70, 10, 40)), 32),
    Case("PageInboxSignaturesRefused", "23 in 15 minutes", signatures((2, 1.55, 40)), 13),
    Case("PageInboxSignaturesRefused", "17 in 15 minutes", signatures((2, 1.15, 60)), silent=(20, 40, 60)),
    Case("PageInboxSignaturesRefused", "a twelfth", signatures((110, 10, 60)), silent=(20, 40, 60)),
    Case("PageInboxEverySignatureRefused", "four, and none accepted", signatures((1, 0, 20), (0, 0.25, 40)), 35),
    Case("PageInboxEverySignatureRefused", "less than three", signatures((0, 0.18, 60)), silent=(20, 40, 60)),
    Case("PageInboxEverySignatureRefused", "one accepted in eight minutes", signatures((0.12, 9, 60)),
         silent=(20, 40, 60)),
    Case("PageInboxUnknownPage", "more than three in an hour", events((9, 0, 60), (9, 0.07, 60)), 103),
    Case("PageInboxUnknownPage", "less than three in an hour", events((9, 0.045, 120)), silent=(60, 90, 120)),
    Case("PageInboxRegistryLost", "the check fails", checks("registry", (1, 10), (0, 30)), 10),
    Case("PageInboxRegistryLost", "one delivery, and no Page was ever connected",
         once('page_inbox_store_errors_total{reason="no_page_connected"}', 10, 30), 10),
    Case("PageInboxRegistryLost", "nearly all", events((10, 0, 30), (0, 10, 30)), 36),
    Case("PageInboxRegistryLost", "four in ten minutes, and nothing else", events((0, 0.4, 40)), 8),
    Case("PageInboxRegistryLost", "less than three, and nothing else", events((0, 0.25, 40)), silent=(10, 20, 40)),
    Case("PageInboxRegistryLost", "two of five", events((6, 4, 40)), silent=(10, 20, 40)),
    # Four deliveries per hour until minute 1440, and then none. At minute 1800 the last six hours have none.
    Case("PageInboxNoDeliveries", "silent for six hours", outcomes(accepted=rising((0.35, 288), (0, 96))), 1800,
         interval=5),
    Case("PageInboxNoDeliveries", "one in five hours", outcomes(accepted=rising((0.35, 288), (0.0167, 96))),
         silent=(1800, 1860, 1920), interval=5),
    Case("PageInboxNoDeliveries", "a night as quiet as yesterday's",
         outcomes(accepted=rising((0, 72), (0.35, 216), (0, 96))), silent=(1800, 1830), interval=5),
    Case("PageInboxNoDeliveries", "a shop with few", outcomes(accepted=rising((0.22, 288), (0, 96))),
         silent=(1800, 1860, 1920), interval=5),
    Case("PageInboxPageUnsubscribed", "one", pages("unsubscribed", (0, 10), (1, 40)), 10),
    Case("PageInboxPageUnsubscribed", "none, others are dead",
         {**pages("unsubscribed", (0, 50)), **pages("reconnect", (3, 50))}, silent=(20, 49)),
    Case("PageInboxSubscriptionWasLost", "one", once("page_inbox_subscriptions_restored_total", 10, 30), 10),
    Case("PageInboxSubscriptionWasLost", "none", {"page_inbox_subscriptions_restored_total": rising((0, 30))},
         silent=(10, 30)),
    Case("PageInboxPageNeedsReconnect", "one", pages("reconnect", (0, 10), (1, 130)), 10),
    Case("PageInboxPageNeedsReconnect", "none, others are well",
         {**pages("reconnect", (0, 130)), **pages("connected", (3, 130))}, silent=(90, 129)),
    Case("PageInboxPageTokenExpires", "one", expiring((0, 10), (1, 130)), 10),
    Case("PageInboxPageTokenExpires", "none", expiring((0, 130)), silent=(20, 129)),
    Case("PageInboxConversationsUnhealed", "eleven",
         {"page_inbox_unhealed_conversations": level((0, 10), (11, 80))}, 10),
    Case("PageInboxConversationsUnhealed", "ten", {"page_inbox_unhealed_conversations": level((10, 90))},
         silent=(61, 89)),
    Case("PageInboxConversationsUnhealed", "eleven for half an hour",
         {"page_inbox_unhealed_conversations": level((11, 30), (0, 60))}, silent=(29, 61, 89)),
    Case("PageInboxExpiryLate", "by three minutes",
         {"page_inbox_oldest_kept_message_seconds": level((432_000, 10), (432_150, 20))}, 10),
    Case("PageInboxExpiryLate", "by less than two",
         {"page_inbox_oldest_kept_message_seconds": level((432_100, 30))}, silent=(15, 29)),
    Case("PageInboxNotSweeping", "none for 15 minutes",
         {"page_inbox_sweep_seconds_count": rising((2, 20), (0, 60)), **checks("redis", (1, 80))}, 35),
    Case("PageInboxNotSweeping", "one in ten minutes",
         {"page_inbox_sweep_seconds_count": rising((0.1, 80)), **checks("redis", (1, 80))}, silent=(40, 79)),
    Case("PageInboxNotSweeping", "Redis is away, which is told by another alert",
         {"page_inbox_sweep_seconds_count": rising((2, 20), (0, 60)), **checks("redis", (1, 20), (0, 60))},
         silent=(60, 79)),
    Case("PageInboxPurgeLate", "six minutes", {"page_inbox_oldest_purge_seconds": level((0, 10), (360, 20))}, 10),
    Case("PageInboxPurgeLate", "four minutes", {"page_inbox_oldest_purge_seconds": level((240, 30))}, silent=(15, 29)),
    Case("PageInboxGraphFails", "a third", graph((20, 0, 20), (20, 10, 20)), 31),
    Case("PageInboxGraphFails", "six in 15 minutes, and nothing else", graph((0, 0.4, 30)), 13),
    Case("PageInboxGraphFails", "four in 15 minutes, and nothing else", graph((0, 0.25, 40)), silent=(15, 30, 40)),
    Case("PageInboxGraphFails", "a fifth", graph((20, 5, 40)), silent=(15, 30, 40)),
    Case("PageInboxGraphFails", "what shops may expect", graph((0, 9, 40), outcome="object_not_found"),
         silent=(15, 30, 40)),
    Case("PageInboxThrottled", "four in an hour", {'page_inbox_graph_holds_total{limit="app"}': rising((0.07, 90))},
         43),
    Case("PageInboxThrottled", "less than three", {'page_inbox_graph_holds_total{limit="app"}': rising((0.045, 90))},
         silent=(30, 60, 90)),
)  # fmt: skip
"""The cases of all alerts. If an event is rare, its counter rises by a fraction with each sample."""


HEALTHY: Series = {
    **deliveries((1000, 0, 0, 360)),
    **signatures((1000, 1, 360)),
    **events((900, 0, 360)),
    **graph((10, 0.1, 360)),
    **{
        f'page_inbox_check_ok{{check="{name}"}}': level((1, 361))
        for name in ("redis", "registry", "accepting", "tasks")
    },
    **pages("connected", (7, 361)),
    **pages("unsubscribed", (0, 361)),
    **pages("reconnect", (0, 361)),
    **expiring((0, 361)),
    "up": level((1, 361)),
    "page_inbox_build_info": level((1, 361)),
    'page_inbox_store_errors_total{reason="redis_full"}': rising((0, 360)),
    'page_inbox_task_crashes_total{task="sweeper"}': rising((0, 360)),
    "page_inbox_subscriptions_restored_total": rising((0, 360)),
    "page_inbox_unhealed_conversations": level((2, 361)),
    'page_inbox_graph_holds_total{limit="pages"}': rising((0.01, 360)),
    "page_inbox_sweep_seconds_count": rising((10, 360)),
    "page_inbox_oldest_kept_message_seconds": level((431_999, 361)),
    "page_inbox_oldest_purge_seconds": level((4, 361)),
}
"""Thirty hours of an installation without faults, with a sample every five minutes."""
HEALTHY_MINUTES: Final = (30, 300, 720, 1440, 1800)
