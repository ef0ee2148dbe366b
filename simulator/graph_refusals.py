"""Pure: Graph's error answers.

Codes and subcodes as in developers.facebook.com/docs/graph-api/guides/error-handling. Almost every refusal has status
400 and the type `OAuthException`. Only the code shows the cause.
"""

from simulator.serialize import Document


class GraphErrorAnswer(Exception):
    """Raised when Graph answers a call with an error. `message` is Facebook's text and can contain names and ids."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        subcode: int | None = None,
        status: int = 400,
        type: str = "OAuthException",  # noqa: A002 - Facebook's word
        is_transient: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.subcode = subcode
        self.status = status
        self.type = type
        self.is_transient = is_transient

    def document(self, trace: str) -> Document:
        """Returns the body of the answer, without values that were not given."""
        error: Document = {"message": self.message, "type": self.type, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.is_transient is not None:
            error["is_transient"] = self.is_transient
        return {"error": {**error, "fbtrace_id": trace}}


def no_such_object(name: str, method: str = "GET") -> GraphErrorAnswer:
    """The object does not exist, or this token may not see it."""
    return GraphErrorAnswer(
        100,
        f"Unsupported {method.lower()} request. Object with ID '{name}' does not exist, cannot be loaded due to missing"
        " permissions, or does not support this operation.",
        subcode=33,
        type="GraphMethodException",
    )


def bad_parameter(message: str) -> GraphErrorAnswer:
    """A parameter is unknown, or Graph does not accept its value."""
    return GraphErrorAnswer(100, f"(#100) {message}")


def unknown_field(field: str, node_type: str) -> GraphErrorAnswer:
    """A field that the node's type does not have. One unknown field makes the whole call fail."""
    return bad_parameter(f"Tried accessing nonexisting field ({field}) on node type ({node_type})")


def unreadable_query(message: str) -> GraphErrorAnswer:
    """Path or `fields` that cannot be parsed, or no token at all."""
    return GraphErrorAnswer(2500, message)


def permission_missing(code: int, permission: str) -> GraphErrorAnswer:
    """The token lacks a permission. The code is 10 for what a Page shows, and 200 for its inbox and its settings."""
    return GraphErrorAnswer(code, f"(#{code}) Requires {permission} permission to manage the object", status=403)


def reduce_the_amount() -> GraphErrorAnswer:
    """The answer would be too large. The code is the same as in an outage, and only the text shows that a smaller
    request would help."""
    message = "Please reduce the amount of data you're asking for, then retry your request"
    return GraphErrorAnswer(1, message, status=500)


_DEAD = {
    458: "The user has not authorized application",
    459: "You cannot access the app till you log in to www.facebook.com and follow the instructions given.",
    460: "The session has been invalidated because the user changed their password or Facebook has changed the session"
    " for security reasons.",
    463: "Session has expired.",
    464: "Sessions for the user are not allowed because the user is not a confirmed user.",
    467: "The session is invalid because the user logged out.",
    492: "The session is invalid: the user does not have the appropriate role on the Page.",
}


def dead_token(subcode: int | None) -> GraphErrorAnswer:
    """The token is not valid any more, or, with subcode None, never was valid."""
    if subcode is None:
        return GraphErrorAnswer(190, "Invalid OAuth access token - Cannot parse access token", status=401)
    why = _DEAD.get(subcode, "The session is invalid.")
    return GraphErrorAnswer(190, f"Error validating access token: {why}", subcode=subcode, status=401)
