"""The proxies of `proxy/`, started with the shipped files. Tests replace only addresses, ports and the certificate."""

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import debian
from tests.servers import free_ports
from tests.service import START_SECONDS, Service, started
from tests.support import wait_until_blocking

SHIPPED: Final = Path(__file__).parent.parent / "proxy"
PROXIES: Final = ("nginx", "haproxy", "caddy")


@dataclass(frozen=True)
class Proxy:
    """A running proxy with TLS on loopback, before some instances of the service."""

    name: str
    port: int
    context: ssl.SSLContext

    @property
    def url(self) -> str:
        """Returns the proxy's address."""
        return f"https://127.0.0.1:{self.port}"


@contextmanager
def running(name: str, services: Sequence[Service], place: Path) -> Iterator[Proxy]:
    """Yields a proxy. Raises Absent if this machine cannot have it."""
    program = debian.program(name, package=name)
    (port, plain) = free_ports(2)
    certificate, key = _certificate(place)
    if name == "nginx":
        text = _nginx(services, port, plain, certificate, key, place)
        command = [str(program), "-p", str(place), "-c", str(place / "nginx.conf"), "-g", "daemon off;"]
    elif name == "haproxy":
        text = _haproxy(services, port, plain, certificate, key)
        command = [str(program), "-db", "-f", str(place / "haproxy.cfg")]
    else:
        text = _caddy(services, port, certificate, key)
        command = [str(program), "run", "--adapter", "caddyfile", "--config", str(place / "Caddyfile")]
    file = next(path.name for path in SHIPPED.iterdir() if path.name.lower().startswith((f"{name}.", f"{name}file")))
    (place / file).write_text(text)
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    log = place / f"{name}.log"
    environ = {"HOME": str(place), "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)}
    with started(command, log, environ) as process:
        wait_until_blocking(lambda: process.poll() is not None or _accepts(port), within=START_SECONDS)
        assert process.poll() is None, log.read_text()
        yield Proxy(name, port, context)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def replaced(text: str, old: str, new: str) -> str:
    """Returns the text with another value. Raises AssertionError if the shipped file does not have the old value."""
    assert old in text, f"the shipped file has no {old!r}"
    return text.replace(old, new)


def _nginx(services: Sequence[Service], port: int, plain: int, certificate: Path, key: Path, place: Path) -> str:
    text = (SHIPPED / "nginx.conf").read_text()
    servers = "\n".join(f"server 127.0.0.1:{service.port} max_fails=0;" for service in services)
    text = replaced(text, "server 127.0.0.1:8000 max_fails=0;", servers)
    text = replaced(text, "listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    text = replaced(text, "listen 80;", f"listen 127.0.0.1:{plain};")
    text = replaced(text, "/etc/ssl/inbox/fullchain.pem", str(certificate))
    text = replaced(text, "/etc/ssl/inbox/privkey.pem", str(key))
    folders = "".join(
        f"{kind}_temp_path {place / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"pid {place / 'nginx.pid'};\n" + replaced(text, "http {\n", f"http {{\n{folders}")


def _haproxy(services: Sequence[Service], port: int, plain: int, certificate: Path, key: Path) -> str:
    text = (SHIPPED / "haproxy.cfg").read_text()
    servers = "\n    ".join(
        f"server inbox{number} 127.0.0.1:{service.port} check port {service.ops_port}"
        for number, service in enumerate(services, 1)
    )
    text = replaced(text, "server inbox1 127.0.0.1:8000", servers)
    text = replaced(text, "bind :443", f"bind 127.0.0.1:{port}")
    text = replaced(text, "bind :80", f"bind 127.0.0.1:{plain}")
    bundle = certificate.with_name("bundle.pem")
    bundle.write_text(certificate.read_text() + key.read_text())
    return replaced(text, "/etc/ssl/inbox/inbox.pem", str(bundle))


def _caddy(services: Sequence[Service], port: int, certificate: Path, key: Path) -> str:
    text = (SHIPPED / "Caddyfile").read_text()
    upstreams = " ".join(f"127.0.0.1:{service.port}" for service in services)
    text = replaced(text, "{$UPSTREAMS:page-inbox:8000}", upstreams)
    if _old_caddy():
        text = re.sub(r"request_buffers \w+", "buffer_requests", text)  # Caddy before 2.7 has this name
    text = replaced(text, "\tadmin off\n", "\tadmin off\n\tauto_https disable_redirects\n")
    return replaced(text, "{$PUBLIC_HOST} {", f"https://127.0.0.1:{port} {{\n\ttls {certificate} {key}")


def _old_caddy() -> bool:
    command = [str(debian.program("caddy", package="caddy")), "version"]
    version = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout  # noqa: S603 - ours
    return re.match(r"v?2\.[0-6]\.", version) is not None


def _certificate(place: Path) -> tuple[Path, Path]:
    certificate, key = place / "certificate.pem", place / "key.pem"
    openssl = debian.program("openssl", package="openssl")
    command = [str(openssl), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603 - ours
    return certificate, key
