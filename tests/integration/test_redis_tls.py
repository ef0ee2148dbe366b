"""Redis over TLS, with an authority of one's own and a client certificate: one server, Sentinel and cluster."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cache.embedded.tether import spawn
from cache.errors import Unavailable
from cache.server.address import Tls, connect
from tests.contract.conftest import PAGE, SHOP, make_box, text
from tests.servers import PATIENT, Absent, Server, admin, free_ports, redis7
from tests.support import wait_until_blocking

SLOTS = 16_384
OwnServer = Callable[..., AbstractContextManager[Server]]


@dataclass(frozen=True)
class Pki:
    """An authority, and one certificate that serves for server and client."""

    ca: Path
    cert: Path
    key: Path

    @property
    def server_options(self) -> list[str]:
        """What a server needs to speak TLS only with clients that have a certificate."""
        return [
            *("--tls-ca-cert-file", str(self.ca), "--tls-cert-file", str(self.cert)),
            *("--tls-key-file", str(self.key), "--tls-auth-clients", "yes"),
        ]

    @property
    def tls(self) -> Tls:
        """What the service is given."""
        return Tls(str(self.ca), str(self.cert), str(self.key))


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Made once."""
    place = tmp_path_factory.mktemp("pki")
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def signed(name: str, public: ec.EllipticCurvePublicKey, *, is_authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(authority, hashes.SHA256())
        )

    made = Pki(place / "ca.pem", place / "cert.pem", place / "key.pem")
    pem = serialization.Encoding.PEM
    made.ca.write_bytes(signed("authority", authority.public_key(), is_authority=True).public_bytes(pem))
    made.cert.write_bytes(signed("redis", key.public_key(), is_authority=False).public_bytes(pem))
    made.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return made


@pytest.fixture
def encrypted(own_server: OwnServer, pki: Pki) -> Iterator[int]:
    """A server whose only TCP port speaks TLS; the port."""
    (port,) = free_ports(1)
    with own_server("tls", binary=_binary(), extra=["--tls-port", str(port), *pki.server_options]):
        yield port


def _binary() -> Path:
    """A server that was built with TLS."""
    try:
        return redis7()
    except Absent as reason:
        pytest.skip(str(reason))


async def stores_and_reads(url: str, tls: Tls) -> None:
    """One message there and back."""
    box = make_box(connect(url, tls=tls, limits=PATIENT))
    try:
        await box.shops.connect(SHOP, PAGE)
        assert await box.put(text("m_1")) == ["stored"]
        assert await box.ids() == ["m_1"]
    finally:
        await box.writer.close()
        await box.connection.close()


async def reason(url: str, tls: Tls) -> str:
    """Why nothing can be read there."""
    box = make_box(connect(url, tls=tls, limits=PATIENT))
    try:
        with pytest.raises(Unavailable) as refusal:
            await box.ids()
    finally:
        await box.writer.close()
        await box.connection.close()
    return refusal.value.reason


async def test_one_server_over_tls(encrypted: int, pki: Pki) -> None:
    """With the authority and the client certificate it works; without each of them the reason says which is missing."""
    url = f"rediss://127.0.0.1:{encrypted}/0"
    await stores_and_reads(url, pki.tls)
    assert await reason(url, Tls(cert=str(pki.cert), key=str(pki.key))) == "redis_certificate_untrusted"
    # The server refuses a client after the handshake, and closes: sometimes the close arrives before the refusal.
    for _ in range(100):
        why = await reason(url, Tls(ca=str(pki.ca)))
        if why != "redis_unreachable":
            break
    assert why == "redis_tls_refused"


async def test_sentinels_over_tls_with_a_login_of_their_own(encrypted: int, pki: Pki, tmp_path: Path) -> None:
    """The Sentinel's password goes to the Sentinel alone; a wrong one has a reason of its own."""
    (port,) = free_ports(1)
    config = tmp_path / "sentinel.conf"
    options = "\n".join(
        f"{name.removeprefix('--')} {value}"
        for name, value in zip(pki.server_options[::2], pki.server_options[1::2], strict=True)
    )
    config.write_text(
        f"port 0\ntls-port {port}\ntls-replication yes\nbind 127.0.0.1\ndir {tmp_path}\n{options}\n"
        f"requirepass sentinel-word\nsentinel monitor inbox 127.0.0.1 {encrypted} 1\n"
    )
    handle = os.open(config, os.O_RDONLY)
    command = [str(_binary()), str(config), "--sentinel"]
    sentinel = spawn(command, log=tmp_path / "sentinel.log", keep_open=handle, environment={})
    try:
        wait_until_blocking(lambda: _knows_the_primary(port, pki), within=20)
        url = f"rediss+sentinel://127.0.0.1:{port}/inbox/0?sentinel_password="
        await stores_and_reads(f"{url}sentinel-word", pki.tls)
        assert await reason(f"{url}wrong", pki.tls) == "redis_sentinel_login_refused"
    finally:
        sentinel.terminate()
        sentinel.wait()
        os.close(handle)


def _knows_the_primary(port: int, pki: Pki) -> bool:
    try:
        with redis.Redis(
            port=port, password="sentinel-word", ssl=True,
            ssl_ca_certs=str(pki.ca), ssl_certfile=str(pki.cert), ssl_keyfile=str(pki.key), host="127.0.0.1",
        ) as client:  # fmt: skip
            return client.sentinel_get_master_addr_by_name("inbox") is not None
    except redis.ConnectionError:
        return False


async def test_a_cluster_over_tls(own_server: OwnServer, pki: Pki) -> None:
    """One node with all slots is a cluster to a client."""
    (port,) = free_ports(1)
    extra = ["--tls-port", str(port), "--tls-cluster", "yes", "--cluster-enabled", "yes", *pki.server_options]
    with ExitStack() as stack:
        server = stack.enter_context(own_server("tls-cluster", binary=_binary(), extra=extra))
        with redis.Redis.from_url(server.url) as client:
            admin(client, "CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
            wait_until_blocking(lambda: client.cluster("INFO")["cluster_state"] == "ok", within=20)
        await stores_and_reads(f"rediss+cluster://127.0.0.1:{port}", pki.tls)
