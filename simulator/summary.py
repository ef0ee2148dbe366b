"""The result of a run: counted while it lasts, printed in a few lines at its end."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.happening import ExpectedMessage
from simulator.ledger import Ledger
from simulator.plan import Post

_LATENCIES = 200_000
"""As many latencies are kept, the newest; a demo shop that runs for weeks needs no more memory than that."""

_KINDS_SHOWN = 8

OK = "200"
REFUSED = "401"


def percentile(values: Iterable[float], share: float) -> float | None:
    """The nearest-rank percentile, `share` from 0 to 1; None of nothing."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)] if ranked else None


@dataclass(slots=True)
class Summary:
    """Everything here grows while the run lasts.

    `answers` counts every attempt by status, or by `timeout` and `no_answer` where there was none; `kinds` the events
    of genuine posts, `events` those of all posts. `given_up` are genuine posts that never got their 200, `refused`
    forged ones that got the 401 they deserve, `accepted` those that got a 2xx. `ledger` is None for a run without an
    end: it would grow for ever.
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
        """Notes one attempt's answer; True when it was the expected one and nothing is left to do."""
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
        """The messages the other side must be able to show now; see `Ledger.readable`."""
        return self.ledger.readable() if self.ledger is not None else []

    @property
    def p50(self) -> float | None:
        """Median latency of all attempts in seconds, None before the first."""
        return percentile(self.latencies, 0.50)

    @property
    def p99(self) -> float | None:
        """99th percentile of the same."""
        return percentile(self.latencies, 0.99)

    def render(self) -> str:
        """A short table for people; holds counts only, no text, id or telephone number."""
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
