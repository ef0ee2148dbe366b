"""The GET with which Facebook checks the webhook's address, each time the address is saved in the app's dashboard.

The request is `hub.mode=subscribe&hub.verify_token=<ours>&hub.challenge=<theirs>`. The answer is the challenge and
nothing else. The handshake proves only that the configuration is right, because events do not contain the token. The
answer needs no Redis and no network. https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests
"""

import hmac
from collections.abc import Sequence

from domain.secret import Secret
from webhook.errors import HandshakeRefused


def challenge(modes: Sequence[str], tokens: Sequence[str], challenges: Sequence[str], expected: Secret) -> str:
    """Returns the text to answer: `hub.challenge` unchanged (documented as an int, treated as opaque).

    Each argument holds all values that its parameter has in the query, so that a repeated parameter is seen. It is
    refused, because a proxy could check the first value while the service checks the last one. Raises HandshakeRefused
    if a parameter is missing, repeated or empty, if the mode is not `subscribe`, or if the token is wrong. Tokens are
    compared in constant time.
    """
    if not (modes and tokens and challenges):
        raise HandshakeRefused("handshake_incomplete")
    if len(modes) > 1 or len(tokens) > 1 or len(challenges) > 1:
        raise HandshakeRefused("handshake_repeated")
    mode, token, text = modes[0], tokens[0], challenges[0]
    if not (mode and token and text):
        raise HandshakeRefused("handshake_incomplete")
    if mode != "subscribe":
        raise HandshakeRefused("handshake_mode")
    # surrogatepass: a query that is not UTF-8 is a wrong token and causes no crash.
    if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), expected.reveal_bytes()):
        raise HandshakeRefused("handshake_token")
    return text
