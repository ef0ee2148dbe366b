"""A short soak: it finds every message, and it notices faults."""

import asyncio
import random
from typing import Any

import pytest

from tests.soak.__main__ import BEGIN, END, Soak, write
from tests.soak.measure import HEAD, Sample, complaints
from tests.soak.stage import staged
from tests.soak.watch import Found


@pytest.mark.timeout(240)
def test_a_short_soak_finds_every_message_once() -> None:
    """Any fault can be the first one."""
    with staged(ttl=15) as stage:
        run = Soak(stage, 12, 15, random.Random(), cycle=3)
        table, wrong = asyncio.run(run.run())
    assert wrong == []
    assert run.found.acknowledged > 0
    assert table.splitlines()[0] == "| " + " | ".join(HEAD) + " |"


def looked(**values: int) -> Sample:
    """Returns a sample of an idle service with these changes."""
    usual: dict[str, Any] = {"memory": 80_000_000, "open_files": 30, "tasks": 12, "connections": 9, "files": 0}
    return Sample(seconds=1.0, acknowledged=1, keys=5, redis_memory=1, **{**usual, **values})


@pytest.mark.parametrize("name", ["memory", "open_files", "tasks", "connections"])
def test_what_grows_is_told(name: str) -> None:
    """The value grows by a tenth from the second quarter to the last."""
    grown = [looked(**{name: 1000 + at * 5}) for at in range(40)]
    assert [one.split()[0] for one in complaints(grown, looked(), looked(), Found())] == [name]
    assert list(complaints([looked()] * 40, looked(), looked(), Found())) == []


@pytest.mark.parametrize("name", ["lost", "duplicated", "outlived", "returned", "unseen", "seen_twice"])
def test_a_single_message_that_is_not_as_it_should_be_is_told(name: str) -> None:
    """This is true for any number of messages."""
    assert list(complaints([], looked(), looked(), Found(acknowledged=1000))) == []
    assert len(list(complaints([], looked(), looked(), Found(**{"acknowledged": 1000, name: 1})))) == 1


def test_what_is_left_behind_is_told() -> None:
    """Tasks and temporary files are counted at the end."""
    assert len(list(complaints([], looked(), looked(tasks=40, files=9), Found()))) == 2


def test_the_table_takes_the_place_of_the_last_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All other text stays."""
    document = tmp_path_factory.mktemp("soak") / "document.md"
    document.write_text(f"before {BEGIN} old {END} after")
    write("| new |", document)
    assert document.read_text() == f"before {BEGIN}\n\n| new |\n{END} after"
