"""Log lines as they leave the process."""

import asyncio
import io
import logging
from collections.abc import Iterator
from typing import Any, NoReturn

import orjson
import pytest
import structlog
from prometheus_client.registry import CollectorRegistry

from ops import logs
from ops.access_log import AccessLog, LogEntry
from ops.metrics import Metrics


class Output:
    """A configured output and its lines."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()

    def configure(self, level: str = "info") -> None:
        """Send all lines here."""
        logs.configure(self.stream, level=level, clock=lambda: 1_770_000_000.1239)

    def lines(self) -> list[dict[str, Any]]:
        """Returns the lines that were written until now."""
        return [orjson.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def output() -> Iterator[Output]:
    """Yields logging as in production. Afterwards restore the old state."""
    root = logging.getLogger()
    level = root.level
    made = Output()
    made.configure()
    yield made
    logs.configure(io.BytesIO())
    root.handlers = [handler for handler in root.handlers if type(handler).__module__ != logs.__name__]
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_time_level_and_event(output: Output) -> None:
    """The time is RFC 3339 in UTC with milliseconds."""
    structlog.get_logger().warning("store_slow", wait_seconds=1.5)
    assert output.lines() == [
        {"event": "store_slow", "wait_seconds": 1.5, "timestamp": "2026-02-02T02:40:00.123Z", "level": "warning"}
    ]
    assert output.stream.getvalue().endswith(b"}\n")


def test_lines_below_the_level_are_left_out(output: Output) -> None:
    """The setting is LOG_LEVEL."""
    output.configure("warning")
    assert not logs.enabled("warning")
    assert logs.enabled("info")
    log = structlog.get_logger()
    log.info("quiet")
    log.error("loud")
    assert [line["event"] for line in output.lines()] == ["loud"]


def fail(words: str) -> NoReturn:
    """Raise an error that holds a customer's words."""
    raise ValueError(words)


def test_an_exception_is_logged_without_its_message(output: Output) -> None:
    """The line does not have the values of local names either."""
    log = structlog.get_logger()
    try:
        fail("Sokha 012345678")
    except ValueError:
        log.exception("task_crashed", task="sweeper")
    (line,) = output.lines()
    assert (line["level"], line["error"], line["task"]) == ("error", "ValueError", "sweeper")
    assert line["where"][0].startswith("ops/test_logs.py:")
    assert "Sokha" not in output.stream.getvalue().decode()


def test_redaction_comes_last(output: Output) -> None:
    """No processor that runs after the redaction adds anything."""
    structlog.get_logger().bind(text="hello").info("request", shop="0123456789", token="t")
    (line,) = output.lines()
    assert (line["text"], line["token"], line["shop"]) == ("***", "***", "0123456789")


def test_a_lone_surrogate_or_a_huge_number_does_not_lose_the_line(output: Output) -> None:
    """Facebook sends both."""
    structlog.get_logger().info("odd", shop="a\ud83d", pid=2**70)
    assert output.lines()[0]["shop"] == "a?"


def test_control_characters_are_escaped_in_a_line(output: Output) -> None:
    """C0, DEL, C1, line ends and changes of direction are escaped. A JSON reader gets them back."""
    signs = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
    words = "ក" + "".join(map(chr, signs)) + "\ud83d"
    structlog.get_logger().warning("slug", user_agent=words)
    raw = output.stream.getvalue().decode()
    assert not set(raw.rstrip("\n")) & set(map(chr, signs))
    assert raw.count("\n") == 1
    assert orjson.loads(raw)["user_agent"] == words[:-1] + "?"


def test_log_lines_of_libraries_use_the_same_output(output: Output) -> None:
    """uvicorn's errors are JSON lines too, without a message of an exception."""
    try:
        fail("hello 012345678")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 42)
    logging.getLogger("httpx2").info("GET https://graph.facebook.com?access_token=EAAsecretsecret")
    logging.getLogger("uvicorn.access").info("GET /v1?ticket=x")
    first, second = output.lines()
    assert (first["event"], first["logger"], first["level"]) == ("library", "uvicorn.error", "error")
    assert (first["detail"], first["error"]) == ("Exception in ASGI application", "ValueError")
    assert second["detail"] == "Started server process [42]"


def test_only_the_first_line_of_a_library_message_is_logged(output: Output) -> None:
    """asyncio writes the exception's text into the second line."""
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task exception=ValueError('hi')>")
    assert [line["detail"] for line in output.lines()] == ["Task exception was never retrieved"]


def test_a_library_message_with_wrong_arguments_is_logged_without_them(output: Output) -> None:
    """Logging never raises."""
    (handler,) = (handler for handler in logging.getLogger().handlers if type(handler).__module__ == logs.__name__)
    handler.emit(logging.LogRecord("library", logging.ERROR, "", 0, "%s and %s", ("one",), None))
    assert [line["detail"] for line in output.lines()] == ["%s and %s"]


async def test_lines_of_one_event_loop_iteration_are_written_together(output: Output) -> None:
    """For any number of requests, one iteration of the event loop makes one system call."""
    log = structlog.get_logger()
    for number in range(3):
        log.info("request", status=number)
    logs.write([logs.render({"event": "request", "status": number}) for number in (3, 4)])
    assert output.stream.getvalue() == b""
    await asyncio.sleep(0)
    assert [line["status"] for line in output.lines()] == [0, 1, 2, 3, 4]
    log.info("request", status=5)
    await asyncio.sleep(0)
    assert len(output.lines()) == 6


def test_a_rendered_event_is_redacted(output: Output) -> None:
    """A rendered event has the same fields, redacted in the same way, as the line of a logger."""
    words = {"event": "request", "client": "012345678", "user_agent": "ring 012345678", "text": "private"}
    own = {"status": 200, "body_bytes": 7, "stored": 1, "reason": "x", "mid": "m_1", "shop": ["sokha"]}
    structlog.get_logger().info(**words, **own)
    logs.write([logs.render({**words, **own})])
    one, other = output.lines()
    assert {**one, "timestamp": "", "level": ""} == {**other, "timestamp": "", "level": ""}
    assert b"private" not in output.stream.getvalue()
    assert b"012345678" not in output.stream.getvalue()


async def test_an_access_line_names_a_caller_only_by_its_address(output: Output) -> None:
    """The address and the user agent of a caller are redacted before the cache stores them."""
    access_log = AccessLog(Metrics(CollectorRegistry()))
    for _ in range(2):
        access_log.add(LogEntry("POST", 200, 0.0015, "r-1", "012345678", b"ring 012345678", None, 7, {"stored": 1}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    one, other = output.lines()
    assert one == other
    assert (one["client"], one["user_agent"]) == ("***", "ring ***")
    assert (one["stored"], one["duration_ms"], one["level"]) == (1, 1.5, "info")


def test_lines_left_by_a_loop_that_ended_are_written_by_the_next_line(output: Output) -> None:
    """A new loop then writes its own lines at the end of its iterations."""
    loop = asyncio.new_event_loop()

    async def last() -> None:
        structlog.get_logger().info("last")
        loop.stop()

    task = loop.create_task(last())
    loop.run_forever()
    loop.close()
    assert task.done()
    structlog.get_logger().info("next")
    assert [line["event"] for line in output.lines()] == ["last", "next"]


def test_an_already_used_logger_follows_a_later_configuration(output: Output) -> None:
    """A logger is cached at its first line."""
    log = structlog.get_logger()
    log.info("first")
    second = Output()
    second.configure()
    log.info("second")
    assert [line["event"] for line in output.lines() + second.lines()] == ["first", "second"]
