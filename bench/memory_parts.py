"""Memory by part: measures the bytes of a kept message's key, body, deadline and indexes, on each available server.

The messages of a filled store are written to an empty store, part after part. After each part, the server's memory is
read. A table of keys doubles when it is full, so figures of few messages are not exact.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import redis

from bench.effort import Say
from bench.figures import Figure, NotMeasured
from bench.machine import on_core
from cache.embedded.valkey import Embedded
from tests.debian import Absent
from tests.servers import redis7, redis82, valkey9

GROUP: Final = "memory by part, of a kept message"
SERVERS: Final[dict[str, Callable[[], Path]]] = {"Valkey 9": valkey9, "Redis 8.2": redis82, "Redis 7.0": redis7}
AT_ONCE: Final = 2_000
"""Commands in one pipeline."""

_Command = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class StoredData:
    """The messages of a store: their keys, values and deadlines, and the members of their indexes by key."""

    messages: Sequence[tuple[bytes, bytes, int]]
    indexes: Sequence[tuple[bytes, Sequence[tuple[bytes, float]], int]]


def used(client: redis.Redis) -> int:
    """Returns the bytes of the data. The changing buffers of connections are not counted."""
    info: dict[str, Any] = client.info("memory")
    return int(info["used_memory"]) - int(info["mem_clients_normal"])


def kept_in(client: redis.Redis) -> StoredData:
    """Read all messages of the store."""
    keys = list(client.scan_iter(match=b"m:*", count=10_000))
    texts = _asked(client, [("GET", key) for key in keys])
    ends = _asked(client, [("PEXPIRETIME", key) for key in keys])
    messages = list(zip(keys, texts, ends, strict=True))
    names = [key for prefix in (b"s:*", b"c:*", b"v:*") for key in client.scan_iter(match=prefix, count=10_000)]
    members: list[Any] = [client.zrange(name, 0, -1, withscores=True) for name in names]
    deadlines = _asked(client, [("PEXPIRETIME", name) for name in names])
    return StoredData(messages, list(zip(names, members, deadlines, strict=True)))


def measure(kept: StoredData, directory: Path, say: Say) -> list[Figure | NotMeasured]:
    """Measure each available server."""
    rows: list[Figure | NotMeasured] = []
    for name, find in SERVERS.items():
        try:
            binary = find()
        except Absent as absent:
            rows.append(NotMeasured(GROUP, name, str(absent)))
            continue
        say(f"memory by part: {name}")
        slug = name.replace(" ", "-")
        parts = _laid_down(_steps(kept), len(kept.messages), binary, directory / slug)
        rows += [Figure(GROUP, f"{name}, {part}", [size], "bytes") for part, size in parts.items()]
        rows.append(Figure(GROUP, f"{name}, all of it", [sum(parts.values())], "bytes"))
    return rows


def _steps(kept: StoredData) -> dict[str, Iterator[_Command]]:
    names = {b"s": "index of the shop", b"c": "index of the conversation", b"v": "index of conversations"}
    return {
        "key": (("SET", key, b"") for key, _, _ in kept.messages),
        "body": (("SET", key, text) for key, text, _ in kept.messages),
        "deadline": (("PEXPIREAT", key, end) for key, _, end in kept.messages),
        **{label: _index(kept, prefix) for prefix, label in names.items()},
    }


def _index(kept: StoredData, prefix: bytes) -> Iterator[_Command]:
    for name, members, end in kept.indexes:
        if name.startswith(prefix + b":"):
            yield ("ZADD", name, *(part for member, score in members for part in (int(score), member)))
            yield ("PEXPIREAT", name, end)


def _laid_down(steps: dict[str, Iterator[_Command]], messages: int, binary: Path, directory: Path) -> dict[str, float]:
    """Returns the bytes per message of each step."""
    found = {}
    with (
        on_core("rest"),
        Embedded.start(directory, persistent=False, binary=binary) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        before = used(client)
        for name, commands in steps.items():
            _asked(client, commands)
            after = used(client)
            found[name] = (after - before) / messages
            before = after
    return found


def _asked(client: redis.Redis, commands: Iterator[_Command] | Sequence[_Command]) -> list[Any]:
    rest, replies = iter(commands), []
    while some := list(islice(rest, AT_ONCE)):
        with client.pipeline(transaction=False) as pipeline:
            for command in some:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            replies += pipeline.execute()
    return replies
