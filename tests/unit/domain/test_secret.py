"""A secret does not show its value by accident."""

import copy
import io
import json
import pickle
import traceback

import pytest
import structlog

from domain.secret import Secret

VALUE = "hunter2-hunter2"


def test_no_text_form_shows_the_secret() -> None:
    """The test covers `repr`, `str`, formatting, and objects that contain the secret."""
    secret = Secret(VALUE)
    told = [repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret, "{}".format(secret), repr([{secret}])]  # noqa: UP031, UP032
    assert not any(VALUE in text for text in told)
    assert repr(secret) == "Secret(***)"


def test_a_traceback_does_not_show_the_secret() -> None:
    """Some tools make tracebacks that show the values of local names."""
    secret = Secret(VALUE)

    def fail(held: Secret) -> None:
        raise ValueError(held)

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - any error would do
        fail(secret)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "held = Secret(***)" in shown
    assert VALUE not in shown


def test_a_log_line_does_not_show_the_secret() -> None:
    """The secret may be under any key of the log line."""
    out = io.StringIO()
    log = structlog.wrap_logger(structlog.PrintLogger(out), processors=[structlog.processors.KeyValueRenderer()])
    log.info("started", secret=Secret(VALUE))
    assert VALUE not in out.getvalue()


def test_a_secret_cannot_be_pickled_copied_or_written_as_json() -> None:
    """These operations cannot hide the value, so the secret refuses them."""
    secret = Secret(VALUE)
    for way in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            way(secret)


def test_reveal_returns_the_value() -> None:
    """The value comes as text and as bytes."""
    assert Secret("ក").reveal() == "ក"
    assert Secret("ក").reveal_bytes() == b"\xe1\x9e\x80"


def test_secrets_are_compared_counted_and_may_be_keys_of_a_dict() -> None:
    """The settings use this to find one secret that serves two purposes."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert {Secret("a"): 1}[Secret("a")] == 1
    assert len(Secret("abc")) == 3
    assert not Secret("")
    assert Secret("x")
