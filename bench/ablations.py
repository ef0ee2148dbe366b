"""Measures what each optimisation of a delivery saves: the processor time per delivery of a service that lacks it. The
figure is the shortest time of all rounds, because other work on the machine changes the shortest time least.
"""

import random
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import starters
from bench.contestants.ablated import VARIANTS
from bench.effort import Effort, Say
from bench.figures import Figure
from bench.inbox import PROGRAM, inbox
from bench.load import single_messages, tenants

GROUP: Final = "ablations, processor time of a delivery of one message"
OWN: Final = "as it is"
SHOPS: Final = 50
WARM_UP_SECONDS: Final = 0.3
PER_SECOND: Final = 20_000
"""Requests prepared per second of a round. Every variant answers fewer requests per second."""


def measure(directory: Path, effort: Effort, say: Say) -> list[Figure]:
    """Alternate the variants, each from an empty store, all with the same bodies in a round."""
    shops = tenants(SHOPS)
    spent: dict[str, list[float]] = {}
    with ExitStack() as stack:
        racers = [stack.enter_context(starters.bare(directory))]
        for name in (OWN, *VARIANTS):
            program = PROGRAM if name == OWN else ("bench.contestants.ablated", name)
            own = stack.enter_context(inbox(directory / name.replace(" ", "-"), program))
            racers.append(starters.racer_of(name, own))
        for number in range(effort.rounds + 1):
            prepared = single_messages(int(PER_SECOND * effort.seconds), shops, random.Random())
            found = starters.race(
                racers, shops, prepared, seconds=effort.seconds, warm_up=WARM_UP_SECONDS, patient=True
            )
            for name, poured in found.items():
                spent.setdefault(name, []).append(poured.busy / poured.per_second * 1e6)
            say(f"ablations, round {number + 1}: " + ", ".join(f"{name} {us[-1]:.0f} us" for name, us in spent.items()))
    return [Figure(GROUP, name, us, "us", OWN, spent[OWN]) for name, us in spent.items()]
