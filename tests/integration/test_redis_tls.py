"""Redis over TLS with a private certificate authority and a client certificate: one server, Sentinel and cluster."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
import redis

from cache.errors import Unavailable
from cache.server.address import Tls, connect
from tests.certificates import Pki, make_pki
from tests.contract.conftest import PAGE, SHOP, make_box, text
from tests.debian import Absent
from tests.servers import PATIENT, Server, admin, free_ports, redis7, running_sentinel
from tests.support import wait_until_blocking

SLOTS = 16_384
OwnServer = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """The certificates, made once."""
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def encrypted(own_server: OwnServer, pki: Pki) -> Iterator[int]:
    """Run a server whose only TCP port uses TLS. Returns its port."""
    (port,) = free_ports(1)
    with own_server("tls", binary=_binary(), extra=["--tls-port", str(port), *pki.server_options]):
        yield port


def _binary() -> Path:
    """Returns a server program that was built with TLS."""
    try:
        return redis7()
    except Absent as reason:
        pytest.skip(str(reason))


async def stores_and_reads(url: str, tls: Tls) -> None:
    """Store one message and read it."""
    box = make_box(connect(url, tls=tls, limits=PATIENT))
    try:
        await box.shops.connect(SHOP, PAGE)
        assert await box.put(text("m_1")) == ["stored"]
        assert await box.ids() == ["m_1"]
    finally:
        await box.close()
        await box.connection.close()


async def reason(url: str, tls: Tls) -> str:
    """Returns why a read fails."""
    box = make_box(connect(url, tls=tls, limits=PATIENT))
    try:
        with pytest.raises(Unavailable) as refusal:
            await box.ids()
    finally:
        await box.close()
        await box.connection.close()
    return refusal.value.reason


async def test_one_server_over_tls_needs_the_authority_and_the_client_certificate(encrypted: int, pki: Pki) -> None:
    """The authority and the client certificate are both needed. Without one of them, the reason says which one is
    missing.
    """
    url = f"rediss://127.0.0.1:{encrypted}/0"
    await stores_and_reads(url, pki.tls)
    assert await reason(url, Tls(cert=str(pki.cert), key=str(pki.key))) == "redis_certificate_untrusted"
    # The server refuses a client after the handshake and closes. Sometimes the close arrives before the refusal.
    for _ in range(100):
        why = await reason(url, Tls(ca=str(pki.ca)))
        if why != "redis_unreachable":
            break
    assert why == "redis_tls_refused"


async def test_sentinels_over_tls_use_their_own_password(encrypted: int, pki: Pki, tmp_path: Path) -> None:
    """Only the Sentinel gets the Sentinel's password. A wrong password has its own reason."""
    (port,) = free_ports(1)
    options = "\n".join(
        f"{name.removeprefix('--')} {value}"
        for name, value in zip(pki.server_options[::2], pki.server_options[1::2], strict=True)
    )
    configuration = (
        f"tls-port {port}\ntls-replication yes\n{options}\n"
        f"requirepass sentinel-word\nsentinel monitor inbox 127.0.0.1 {encrypted} 1\n"
    )
    with running_sentinel(tmp_path, 0, configuration, _binary()):
        wait_until_blocking(lambda: _knows_the_primary(port, pki), within=20)
        url = f"rediss+sentinel://127.0.0.1:{port}/inbox/0?sentinel_password="
        await stores_and_reads(f"{url}sentinel-word", pki.tls)
        assert await reason(f"{url}wrong", pki.tls) == "redis_sentinel_login_refused"


def _knows_the_primary(port: int, pki: Pki) -> bool:
    try:
        with redis.Redis(
            port=port, password="sentinel-word", ssl=True,
            ssl_ca_certs=str(pki.ca), ssl_certfile=str(pki.cert), ssl_keyfile=str(pki.key), host="127.0.0.1",
        ) as client:  # fmt: skip
            return client.sentinel_get_master_addr_by_name("inbox") is not None
    except redis.ConnectionError:
        return False


async def test_a_cluster_over_tls_stores_and_returns_a_message(own_server: OwnServer, pki: Pki) -> None:
    """For a client, one node with all slots is a cluster."""
    (port,) = free_ports(1)
    extra = ["--tls-port", str(port), "--tls-cluster", "yes", "--cluster-enabled", "yes", *pki.server_options]
    with ExitStack() as stack:
        server = stack.enter_context(own_server("tls-cluster", binary=_binary(), extra=extra))
        with redis.Redis.from_url(server.url) as client:
            admin(client, "CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
            wait_until_blocking(lambda: client.cluster("INFO")["cluster_state"] == "ok", within=20)
        await stores_and_reads(f"rediss+cluster://127.0.0.1:{port}", pki.tls)
