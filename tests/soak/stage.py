"""The parts of a soak: a Valkey, two replicas of which one may get faults, a fake Graph, temporary files."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from simulator.graph_nodes import FakePage
from tests.breakable import Breakable
from tests.facebook import graph_settings, new_page, running_facebook
from tests.graph import FakeGraph
from tests.service import Service, serving_program


@dataclass
class Stage:
    """`steady` runs all the time and is measured. `mortal` is replaced after each kill."""

    valkey: Breakable
    steady: Service
    mortal: Service
    graph: FakeGraph
    page: FakePage
    """A Page that the fake Graph knows, to be read on demand."""
    place: Path
    settings: dict[str, str]
    _of_mortal: ExitStack

    def replace_mortal(self, number: int) -> None:
        """End that replica (SIGKILL or SIGTERM), and start another one on the same ports."""
        ports = {"PORT": str(self.mortal.port), "OPS_PORT": str(self.mortal.ops_port)}
        if number == signal.SIGKILL:
            self.mortal.kill()
        else:
            assert self.mortal.terminate() == 0
        self._of_mortal.close()
        self.mortal = self._of_mortal.enter_context(
            serving_program(self.valkey.url, self.place / "mortal.log", ready="/livez", **self.settings, **ports)
        )


@contextmanager
def staged(ttl: int) -> Iterator[Stage]:
    """Yields all parts and ends them afterwards."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        (place / "tmp").mkdir()
        valkey = Breakable(place / "valkey")
        stack.callback(valkey.stop)
        graph = stack.enter_context(running_facebook())
        settings = {"MESSAGE_TTL": str(ttl), "TMPDIR": str(place / "tmp"), **graph_settings(graph)}
        steady = stack.enter_context(serving_program(valkey.url, place / "steady.log", **settings))
        of_mortal = stack.enter_context(ExitStack())
        mortal = of_mortal.enter_context(serving_program(valkey.url, place / "mortal.log", **settings))
        page = new_page(graph.world)
        yield Stage(valkey, steady, mortal, graph, page, place, settings, of_mortal)
