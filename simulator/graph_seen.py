"""Records the calls that Graph received, for tests that count calls or search them for secrets."""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.graph_call import Call, Where

_REMEMBERED = 20_000
"""The number of calls that are kept. The counters continue after that."""
_SECRET = frozenset({"access_token", "appsecret_proof", "input_token"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: `params` without token and proof, only the names of `headers`, and the Page of the token."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: tuple[str, ...]
    page: str | None
    where: Where
    """Returns the place of the token."""
    proof: str
    """`timed`, `untimed` or `none`."""


class Seen:
    """The recorded calls. `at_once` has the highest number of simultaneous calls for each Page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self.forget()

    def forget(self) -> None:
        """Forget all calls."""
        self.requests: deque[Asked] = deque(maxlen=_REMEMBERED)
        self.total = 0
        self.tokens_in_urls: list[str] = []
        """The paths of calls whose address had a token. The `input_token` of /debug_token does not count."""
        self.at_once: Counter[str] = Counter()

    def of(self, part: str) -> list[Asked]:
        """Returns the calls whose path contains this part, the oldest first."""
        return [asked for asked in list(self.requests) if part in asked.path]

    def enter(self, call: Call, path: str, headers: tuple[str, ...], page: str | None, *, exposed: bool) -> None:
        """Record the start of a call. `exposed` is true if its address had a token. Call `leave` at its end."""
        proof = "none"
        if "appsecret_proof" in call.params:
            proof = "timed" if "appsecret_time" in call.params else "untimed"
        shown = {name: value for name, value in call.params.items() if name not in _SECRET}
        self.requests.append(Asked(call.method, path, shown, headers, page, call.where, proof))
        self.total += 1
        if exposed:
            self.tokens_in_urls.append(path)
        if page is not None:
            with self._lock:
                self._under_way[page] += 1
                self.at_once[page] = max(self.at_once[page], self._under_way[page])

    def leave(self, page: str | None) -> None:
        """Record the end of a call, with or without an answer."""
        if page is not None:
            with self._lock:
                self._under_way[page] -= 1
