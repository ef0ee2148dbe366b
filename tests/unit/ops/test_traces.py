"""An exception is logged as its class and places."""

from typing import NoReturn

from ops.traces import describe


def fail(text: str, *, cause: BaseException | None = None) -> NoReturn:
    """Raise, from a cause if the test gives one."""
    raise ValueError(text) from cause


def caught(text: str, cause: BaseException | None = None) -> BaseException:
    """Returns the exception with its places."""
    try:
        fail(text, cause=cause)
    except ValueError as error:
        return error


def test_the_class_and_the_places_are_logged_without_the_message() -> None:
    """A message may hold a customer's words."""
    told = describe(caught("my number is 012345678"))
    assert told["error"] == "ValueError"
    where = told["where"]
    assert isinstance(where, list)
    assert [place.split(":")[0] for place in where] == ["ops/test_traces.py"] * 2
    assert [place.split(":")[2] for place in where] == ["caught", "fail"]
    assert "012345678" not in str(told)


def test_the_causes_of_an_exception_are_listed_nearest_first() -> None:
    """If the store is lost, the error that says why is usually the first cause."""
    told = describe(caught("outer", caught("inner", KeyError("root"))))
    causes = told["caused_by"]
    assert isinstance(causes, list)
    assert [cause["error"] for cause in causes] == ["ValueError", "KeyError"]


def test_a_suppressed_context_is_left_out() -> None:
    """`from None` asks for this."""
    error = caught("outer", KeyError("root"))
    error.__cause__, error.__context__, error.__suppress_context__ = None, KeyError(), True
    assert "caused_by" not in describe(error)
    error.__suppress_context__ = False
    assert "caused_by" in describe(error)


def test_a_loop_of_causes_is_cut_off() -> None:
    """A loop of causes is cut."""
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert len(describe(first)["caused_by"]) == 1  # type: ignore[arg-type]


def test_a_group_names_its_members() -> None:
    """The log line of a TaskGroup's error therefore says which errors it contains."""
    assert describe(ExceptionGroup("many", [OSError(), ValueError()]))["inside"] == ["OSError", "ValueError"]


def test_a_reason_is_logged_only_if_it_is_a_slug() -> None:
    """Our own errors have a slug as reason. In a library, an attribute of this name may be any text."""

    class Refused(Exception):
        reason = "signature_missing"

    assert describe(Refused())["reason"] == "signature_missing"
    assert "reason" not in describe(UnicodeDecodeError("utf-8", b"x", 0, 1, "call 012345678"))


def test_a_class_of_a_library_is_logged_with_its_module() -> None:
    """`ConnectionError` without its module is ambiguous."""

    class Odd(Exception):
        pass

    Odd.__module__, Odd.__qualname__ = "redis.exceptions", "ConnectionError"
    assert describe(Odd())["error"] == "redis.exceptions.ConnectionError"
