"""The result of a run: counted during the run, and printed in a few lines at its end."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.happening import ExpectedMessage
from simulator.ledger import Ledger
from simulator.plan import Post

_LATENCIES = 200_000
"""The number of latencies that are kept, the newest. It bounds the memory of a demo shop that runs for weeks."""

_KINDS_SHOWN = 8

OK = "200"
REFUSED = "401"


def percentile(values: Iterable[float], share: float) -> float | None:
    """Returns the nearest-rank percentile, or None if there are no values. `share` is from 0 to 1."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)] if ranked else None


@dataclass(slots=True)
class Summary:
    """All counts grow during the run.

    `answers` counts every attempt by status, or as `timeout` or `no_answer`. `kinds` counts the events of genuine posts
    by kind, and `events` counts the events of all posts. `given_up` counts genuine posts that never got a 200,
    `refused` counts forged posts that got a 401, and `accepted` counts forged posts that got a 2xx. `ledger` is None
    for a run without an end, because a ledger grows with every message.
    """

    ledger: Ledger | None
    sent: int = 0
    concluded: int = 0
    duplicates: int = 0
    forged: int = 0
    retried: int = 0
    given_up: int = 0
    refused: int = 0
    accepted: int = 0
    events: int = 0
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES))

    def sending(self, post: Post) -> None:
        """A post is about to be sent for the first time."""
        self.sent += 1
        self.events += len(post.kinds)
        if post.nature == "forged":
            self.forged += 1
            return
        self.duplicates += post.nature == "duplicate"
        self.kinds.update(post.kinds)
        if self.ledger is not None:
            self.ledger.sending(post.effects)

    def answered(self, post: Post, answer: str, seconds: float) -> bool:
        """Record the answer of one attempt. Returns True if it was the expected answer, so that no retry is needed."""
        self.answers[answer] += 1
        self.latencies.append(seconds)
        if post.nature == "forged":
            self.refused += answer == REFUSED
            self.accepted += answer.startswith("2")
            return True
        if answer == OK and self.ledger is not None:
            self.ledger.acknowledged(post.effects)
        return answer == OK

    @property
    def readable(self) -> list[ExpectedMessage]:
        """Returns the messages that the receiver must have now; see `Ledger.readable`."""
        return self.ledger.readable() if self.ledger is not None else []

    @property
    def p50(self) -> float | None:
        """Median latency of all attempts in seconds, None before the first."""
        return percentile(self.latencies, 0.50)

    @property
    def p99(self) -> float | None:
        """99th percentile of the same latencies, None before the first."""
        return percentile(self.latencies, 0.99)

    def render(self) -> str:
        """Returns a short table for people. It has only counts, and no text, id or telephone number."""
        rate = f" ({self.concluded / self.seconds:,.0f}/s)" if self.seconds else ""
        lines = {
            "deliveries": f"{self.concluded:,} of {self.sent:,} in {self.seconds:.1f} s{rate}, "
            f"{self.duplicates:,} duplicates and {self.forged:,} forged ({self.refused:,} refused) among them",
            "answers": ", ".join(f"{answer}: {number:,}" for answer, number in sorted(self.answers.items())) or "none",
            "latency": f"p50 {_milliseconds(self.p50)}, p99 {_milliseconds(self.p99)}",
            "retries": f"{self.retried:,}, given up {self.given_up:,}",
            "events": f"{self.events:,} ({self._kinds_told()})",
        }
        if self.ledger is not None:
            lines["readable"] = (
                f"{len(self.readable):,} message{'s' * (len(self.readable) != 1)} should be readable now"
            )
        if self.accepted:
            lines["WARNING"] = f"{self.accepted:,} forged deliveries were accepted: signatures are not checked"
        return "\n".join(f"{name:<11} {text}" for name, text in lines.items())

    def _kinds_told(self) -> str:
        shown = self.kinds.most_common(_KINDS_SHOWN)
        rest = self.kinds.total() - sum(number for _, number in shown)
        text = [f"{kind} {number:,}" for kind, number in shown] + ([f"other {rest:,}"] if rest else [])
        return ", ".join(text) or "none"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"
