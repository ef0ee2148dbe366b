"""Makes a new `cache/record.dict`, the compression dictionary of message records. It is trained with the simulator's
traffic. It contains no customer's text, because it is part of the package. Records of another dictionary cannot be
read, so a new dictionary needs a new version byte in `cache/codec.py`. The old dictionary must be kept for five days.

    python -m bench.train_dictionary
"""

import random
from pathlib import Path

import orjson
import zstandard

from cache.codec import fields
from domain.ids import PageId
from domain.message import Message
from simulator.serialize import serialize
from simulator.traffic import Traffic
from webhook.normalize import normalize

SIZE = 16 * 1024
"""Bytes of the dictionary. 32 KiB would save 3 bytes more per message, but use more of each core's cache. 4 KiB would
cost 20 bytes per message."""
SAMPLES = 30_000
_SOME_YEARS = 1_790_000_000_000
"""Milliseconds: the times are spread over some years from 2026 on, so that no single day is learned."""


def records() -> list[bytes | bytearray | memoryview[int]]:
    """Returns bodies as `cache/codec.py` writes them. Each body has a different Page, so that no id is learned."""
    rng = random.Random(2026)
    bodies: list[bytes | bytearray | memoryview[int]] = []
    while len(bodies) < SAMPLES:
        page = PageId(str(rng.randrange(10**14, 10**15)))
        traffic = Traffic([page], rng)
        for _ in range(4):
            delivery = normalize(serialize(traffic.delivery(_SOME_YEARS + rng.randrange(_SOME_YEARS // 5)).document))
            bodies += [orjson.dumps(fields(event)) for event in delivery.events if isinstance(event, Message)]
    return bodies


def main() -> None:
    """Train and write the dictionary, and print the size of a record without and with it."""
    bodies = records()
    learned, unseen = bodies[: -SAMPLES // 5], bodies[-SAMPLES // 5 :]
    dictionary = zstandard.train_dictionary(SIZE, learned, level=3)
    path = Path(__file__).parent.parent / "cache" / "record.dict"
    path.write_bytes(dictionary.as_bytes())
    plain = sum(map(len, unseen)) / len(unseen)
    compress = zstandard.ZstdCompressor(level=3, dict_data=dictionary).compress
    small = sum(len(compress(body)) for body in unseen) / len(unseen)
    print(f"{path.name}: {path.stat().st_size} bytes; an unseen record: {plain:.0f} bytes, compressed {small:.0f}")


if __name__ == "__main__":
    main()
