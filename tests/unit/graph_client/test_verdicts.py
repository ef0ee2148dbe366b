"""For every code and subcode of Graph's errors, the tests check what callers see."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.errors import STATUS
from graph_client.errors import GraphError, GraphRefused, GraphUnavailable, PermissionMissing, Throttled, TokenDead
from graph_client.retry import RetryPolicy
from graph_client.usage import NO_USAGE, wait_after
from graph_client.verdicts import error_of

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "graph_errors.json").read_text())
ROWS = VECTORS["rows"]


def told(error: GraphError) -> dict[str, Any]:
    """Returns what callers see, in the form of the vectors."""
    again = RetryPolicy().next_step(error, tries=1, items=1, left=10.0, draw=0.5)
    found: dict[str, Any] = {"status": STATUS[error.kind], "reason": error.reason, "retried": again is not None}
    if error.retry_after is not None:
        found["retry_after"] = error.retry_after
    if isinstance(error, Throttled):
        found |= {"limit": error.limit, "retry_after": wait_after(error, NO_USAGE)}
    if isinstance(error, TokenDead):
        found["token_reason"] = error.token_reason
    return found


def test_an_error_is_known_by_its_code_and_subcode() -> None:
    """The test compares status, reason, whether the call is repeated, and the wait."""
    for row in ROWS:
        error = error_of(row["http_status"], {"error": row["error"]})
        assert (row["name"], told(error)) == (row["name"], row["expect"])
        assert (error.code, error.subcode) == (row["error"]["code"], row["error"].get("error_subcode")), row["name"]
        assert error.trace == row["error"]["fbtrace_id"], row["name"]


def test_codes_may_come_as_text() -> None:
    """`is_transient` may be a word."""
    for row in ROWS:
        words = {k: str(v) for k, v in row["error"].items() if k in ("code", "error_subcode")}
        if row["error"].get("is_transient"):
            words["is_transient"] = "true"
        error = error_of(row["http_status"], {"error": {**row["error"], **words}})
        assert (row["name"], told(error)) == (row["name"], row["expect"])


def test_an_error_does_not_repeat_the_text_of_facebook() -> None:
    """Facebook's text may contain people's words or a token. Our own text says what to do."""
    for row in ROWS:
        error = error_of(row["http_status"], {"error": row["error"]})
        assert "CANARY" not in repr(error), row["name"]
        assert "CANARY" not in str(vars(error)), row["name"]
        assert str(error).endswith("."), row["name"]
        assert " " in str(error), row["name"]


def test_every_code_of_the_guide_has_a_row() -> None:
    """The codes are from developers.facebook.com/docs/graph-api/guides/error-handling and from the pages about
    limits.
    """
    codes = {row["error"]["code"] for row in ROWS}
    documented = {1, 2, 3, 4, 10, 17, 32, 100, 102, 104, 190, 200, 210, 230, 299, 341, 368, 506, 613, 803, 2500}
    assert documented | {80001, 80002, 80006, 1609005} <= codes
    dead = {458, 459, 460, 463, 464, 467, 492}
    assert dead <= {row["error"].get("error_subcode") for row in ROWS if row["error"]["code"] == 190}


@pytest.mark.parametrize("code", [17, 32, 613])
def test_a_limit_without_a_named_budget_counts_for_the_budget_of_the_call(code: int) -> None:
    """Facebook documents code 613 for conversations. A hold of the posts would not end this limit."""
    error = error_of(400, {"error": {"code": code}}, "messenger")
    assert isinstance(error, Throttled)
    assert error.limit == "messenger"


def test_a_known_permission_in_the_text_of_graph_is_passed_on() -> None:
    """The service passes on only permissions of a fixed list, and so no other text of Graph."""
    error = error_of(403, {"error": {"code": 10, "message": "(#10) Requires pages_read_user_content, CANARY"}})
    assert isinstance(error, PermissionMissing)
    assert error.permissions == ("pages_read_user_content",)
    assert "pages_read_user_content" in str(error)
    assert "CANARY" not in str(error)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"error": {}}, GraphUnavailable),
        (200, {"error": "down"}, GraphUnavailable),
        (400, {"error": {"code": True}}, GraphRefused),
        (400, {"error": {"code": "1e9", "error_subcode": [], "is_transient": "yes"}}, GraphRefused),
        (400, {"error": {"code": -1}}, GraphRefused),
        (400, {"error": {"code": 10**30}}, GraphRefused),
        (400, None, GraphRefused),
        (404, {}, GraphRefused),
        (429, {}, Throttled),
        (502, [], GraphUnavailable),
    ],
)
def test_an_answer_without_an_error_of_graph_is_classified_by_its_status(
    status: int, body: object, expected: type[GraphError]
) -> None:
    """Any such answer gives one of our Graph errors, and raises no other error."""
    assert type(error_of(status, body)) is expected


@pytest.mark.parametrize("trace", [None, 7, "", "a b", "x" * 65, "EAA\n", "ស"])
def test_a_trace_that_is_not_short_plain_text_is_left_out(trace: object) -> None:
    """The trace is logged, so it must not carry other text into the log."""
    assert error_of(400, {"error": {"code": 100, "fbtrace_id": trace}}).trace is None


def test_an_unknown_reason_of_a_dead_token_becomes_the_general_reason() -> None:
    """For example, a later version wrote the state."""
    assert TokenDead("eaten by a cat").token_reason == "token_invalid"
    assert TokenDead(None).token_reason == "token_invalid"
    assert TokenDead("no_token").token_reason == "no_token"
