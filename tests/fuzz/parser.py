"""`python -m tests.fuzz.parser`: inputs that reach new lines of the parser.

Each input is a delivery, or it is refused as not JSON. The fast and the exact reading give the same result, and the
result can be written as UTF-8. atheris makes the inputs (`make fuzz` installs it). It takes libFuzzer's own options,
for example `-max_total_time=60`, and begins with bodies that a world has drawn.
"""

import dataclasses
import random
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris
import orjson

with atheris.instrument_imports(include=["webhook", "domain"]):
    from webhook import normalize
    from webhook.values import parse_exactly

from cache.codec import decode, encode_message
from cache.keys import shop_keys
from domain.ids import ShopId
from domain.message import Message
from tests.fuzz.world import World, garbled
from webhook.errors import PayloadRefused
from webhook.normalize import Delivery

SEEDS = 300


def one(body: bytes) -> None:
    """Check one body."""
    read = exact = None
    with suppress(PayloadRefused):
        read = normalize.normalize(body)
    with suppress(PayloadRefused):
        exact = normalize._delivery(parse_exactly(body))
    if read is None:
        assert exact is None, "read exactly it is a delivery"
        return
    if exact is not None:  # a value that is nested deeper than Python's own stack has only the fast reading
        assert told(read) == told(exact), "read exactly it is another delivery"
    for event in read.events:
        assert event.id
        assert event.page not in {"", "0"}
        if isinstance(event, Message):
            decode(encode_message(event, shop_keys(ShopId("fuzz")), b"nnnn", 60))


def told(delivery: Delivery) -> bytes:
    """Returns the event as bytes. An event that cannot be written has no bytes."""
    return orjson.dumps(dataclasses.asdict(delivery))


def main() -> None:
    """Fuzz until a check fails, or for as long as the options say."""
    rng = random.Random(0)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        world = World(1, rng)
        for number in range(SEEDS):
            body = world.delivery()
            Path(corpus, str(number)).write_bytes(garbled(body, rng) if number % 4 == 0 else body)
        atheris.Setup([*sys.argv, corpus], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
