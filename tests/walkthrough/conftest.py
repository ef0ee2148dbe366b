"""The parties of the stories: Facebook, shops with their tokens, and the service between them.

The service is the real one, made by `create_app` as in production, on a real Valkey. Only the sockets are left out.
"""

import base64
import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from api.auth import Tokens
from app.factory import create_app
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.secret import Secret
from domain.shop import SCOPES, Scope
from ops.settings import read_settings
from simulator.payloads import delivery, entry, from_customer
from simulator.serialize import Document, serialize
from simulator.signing import signed
from tests.support import WITHIN

PAGE = PageId("104200000000001")
CUSTOMER = Psid("7000000000000001")


class Facebook:
    """Delivers events, signed with the app secret, in Facebook's own spelling."""

    def __init__(self, client: TestClient, secret: Secret) -> None:
        self._client = client
        self._secret = secret

    def delivers(self, *events: Document, page: str = PAGE) -> int:
        """Send one POST to /webhook with these events of a Page. Returns the status."""
        body = serialize(delivery([entry(PageId(page), _now(), "messaging", events)]))
        return _answered(self._client, "POST", "/webhook", content=body, headers=signed(body, self._secret)).status_code


class Shop:
    """A shop's order composer, or its owner: calls the API with a token for that shop."""

    def __init__(self, client: TestClient, name: str, token: str) -> None:
        self._client = client
        self._path = f"/v1/shops/{name}"
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, status: int = 200) -> Any:
        """Returns the JSON of the answer."""
        return self._call("GET", path, status)

    def delete(self, path: str) -> Any:
        """Delete something and return the receipt."""
        return self._call("DELETE", path, 200)

    def connects(self, page: str, status: int = 200) -> Any:
        """Connect this Page, so that its messages are stored for the shop."""
        return self._call("PUT", f"pages/{page}", status, {})

    def pauses(self, paused: bool, path: str = "") -> None:
        """Stop storing or continue, for the whole shop or one Page."""
        self._call("PATCH", path, 200, {"paused": paused})

    def puts(self, path: str, body: Any, status: int = 200) -> Any:
        """Replace something and return the JSON of the answer."""
        return self._call("PUT", path, status, body)

    def blocks(self, conversation: str) -> Any:
        """Block a customer who objects, and return the JSON of the answer."""
        return self._call("PUT", f"conversations/{conversation}/blocked", 200)

    def reads(self, path: str = "messages") -> list[str]:
        """Returns the texts of the shop's messages, newest first."""
        return [message.get("text", "") for message in self.get(path)["messages"]]

    def _call(self, method: str, path: str, status: int, body: Any = None) -> Any:
        address = f"{self._path}/{path}" if path else self._path
        answer = _answered(self._client, method, address, headers=self._headers, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


class Inbox:
    """The running service, and tokens for each caller."""

    def __init__(self, client: TestClient, app_secret: Secret, token_key: Secret) -> None:
        self._client = client
        self._tokens = Tokens([token_key])
        self.facebook = Facebook(client, app_secret)
        self.impostor = Facebook(client, Secret("a guess"))
        """Delivers like Facebook, but does not know the app secret."""

    def shop(self, name: str, *scopes: Scope, token_for: str = "") -> Shop:
        """Returns a shop with a token of these scopes, or of all scopes if none is given. With `token_for` the token is
        for another shop."""
        token = self._tokens.mint(ShopId(token_for or name), scopes or SCOPES, 60, f"owner@{name}", time.time())
        return Shop(self._client, name, token)


@pytest.fixture
def inbox(valkey_url: str) -> Iterator[Inbox]:
    """Yields the service with an empty store. The shop `sokha` has connected its Page."""
    app_secret, token_key = Secret(secrets.token_hex(16)), Secret(secrets.token_hex(32))
    settings = read_settings(
        {
            "REDIS_URL": valkey_url,
            "FACEBOOK_APP_SECRET": app_secret.reveal(),
            "FACEBOOK_VERIFY_TOKEN": secrets.token_hex(16),
            "TOKEN_KEYS": token_key.reveal(),
            "CONNECT_WITHOUT_TOKEN": "shop",
            "SEAL_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            "LOG_LEVEL": "critical",
        },
        command="serve",
    )
    with TestClient(create_app(settings)) as client:
        made = Inbox(client, app_secret, token_key)
        made.shop("sokha").connects(PAGE)
        yield made


def says(mid: str, text: str, *, page: str = PAGE, customer: str = CUSTOMER) -> Document:
    """Returns the event of a customer's text."""
    message = {"mid": MessageId(mid), "text": text}
    return from_customer(PageId(page), Psid(customer), _now(), message=message)


def edits(mid: str, text: str, number: int) -> Document:
    """Returns the event of the `number`th edit of a text."""
    return from_customer(PAGE, CUSTOMER, _now(), message_edit={"mid": mid, "text": text, "num_edit": number})


def unsends(mid: str) -> Document:
    """Returns the event with which a customer unsends a message."""
    return from_customer(PAGE, CUSTOMER, _now(), message={"mid": mid, "is_deleted": True})


def _answered(client: TestClient, method: str, path: str, **content: Any) -> httpx2.Response:
    """Returns the first answer that does not report a slow Redis. A busy machine can make Redis slow."""
    answers = iter(lambda: client.request(method, path, **content), None)
    deadline = time.monotonic() + WITHIN
    return next(one for one in answers if b"redis_timeout" not in one.content or time.monotonic() > deadline)


def _now() -> int:
    return int(time.time() * 1000)
