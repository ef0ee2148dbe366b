"""Certificates for tests of TLS: an authority, and one certificate that it signed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cache.server.address import Tls


@dataclass(frozen=True)
class Pki:
    """An authority, and one certificate for both server and client."""

    ca: Path
    cert: Path
    key: Path

    @property
    def server_options(self) -> list[str]:
        """Returns the options of a server that accepts only TLS and only clients with a certificate."""
        return [
            *("--tls-ca-cert-file", str(self.ca), "--tls-cert-file", str(self.cert)),
            *("--tls-key-file", str(self.key), "--tls-auth-clients", "yes"),
        ]

    @property
    def tls(self) -> Tls:
        """Returns the service's own TLS settings."""
        return Tls(str(self.ca), str(self.cert), str(self.key))


def make_pki(place: Path) -> Pki:
    """Returns a new authority and its certificate, valid for a day, for 127.0.0.1."""
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
