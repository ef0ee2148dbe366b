"""The effects of signals on a running service, and the reasons for which it refuses to start."""

import signal
import socket
import threading
from pathlib import Path

import httpx2
import pytest

from domain.secret import Secret
from simulator.serialize import serialize
from simulator.signing import signed
from tests.callers import Facebook, Operator, Shop, texts
from tests.servers import Server
from tests.service import APP_SECRET, STOP_SECONDS, Service, environment, run_command, serving
from tests.support import wait_until_blocking

NEXT_SECRET = Secret("another-app-secret-of-the-service")
WITHIN = 30.0


def status(service: Service, mid: str, secret: Secret) -> int:
    """Returns the status of one delivery. If a worker that ends has closed the connection before it read the request,
    send the delivery once more, as a proxy does.
    """
    body = serialize(texts([mid]))
    with Facebook(service.url) as facebook:
        try:
            answer = facebook.deliver(body, signed(body, secret))
        except (httpx2.NetworkError, httpx2.RemoteProtocolError):
            answer = facebook.deliver(body, signed(body, secret))
    return answer.status_code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2])
def test_a_termination_signal_closes_the_service_with_exit_code_0(
    valkey: Server, tmp_path: Path, number: signal.Signals
) -> None:
    """The service finishes accepted deliveries, and the exit code is 0."""
    with serving(valkey.url, tmp_path / "log") as service:
        service.process.send_signal(number)
        assert service.process.wait(STOP_SECONDS) == 0
        assert "closed" in events(service)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_reads_the_files_of_the_settings_again(valkey: Server, tmp_path: Path, workers: str) -> None:
    """No delivery is refused while the settings change. Settings that a start would refuse change nothing."""
    file = tmp_path / "secret"
    file.write_text(APP_SECRET.reveal())
    files = {"FACEBOOK_APP_SECRET": "", "FACEBOOK_APP_SECRET_FILE": str(file), "WEB_CONCURRENCY": workers}
    with serving(valkey.url, tmp_path / "log", **files) as service, Shop(service.url) as shop:
        shop.connect()
        with Operator(service.ops_url) as operator:
            wait_until_blocking(lambda: operator.counts("workers")[()] == int(workers), within=WITHIN)
        file.write_text("weak")
        service.process.send_signal(signal.SIGHUP)
        wait_until_blocking(lambda: events(service).count("settings_refused") == 1, within=WITHIN)
        assert status(service, "m_before", APP_SECRET) == 200

        file.write_text(f"{NEXT_SECRET.reveal()},{APP_SECRET.reveal()}")
        done = threading.Event()
        answers: list[int] = []

        def deliver() -> None:
            while not done.wait(0.02):
                answers.append(status(service, f"m_{len(answers)}", APP_SECRET))

        sending = threading.Thread(target=deliver)
        sending.start()
        service.process.send_signal(signal.SIGHUP)
        try:
            wait_until_blocking(lambda: all_take(service, NEXT_SECRET), within=WITHIN)
        finally:
            done.set()
            sending.join()
        assert set(answers) == {200}
        assert service.terminate() == 0


def test_an_older_connection_is_answered_after_sighup(valkey: Server, tmp_path: Path) -> None:
    """The first request on the older connection comes when the new settings are in use."""
    file = tmp_path / "secret"
    file.write_text(APP_SECRET.reveal())
    files = {"FACEBOOK_APP_SECRET": "", "FACEBOOK_APP_SECRET_FILE": str(file)}
    body = serialize(texts(["m_1"]))
    head = [b"POST /webhook HTTP/1.1", b"Host: x", b"Content-Length: %d" % len(body)]
    head += [b": ".join(line) for line in signed(body, APP_SECRET)]
    with serving(valkey.url, tmp_path / "log", **files) as service, Shop(service.url) as shop:
        shop.connect()
        with socket.create_connection(("127.0.0.1", service.port), timeout=WITHIN) as early:
            shop.ids()  # accepted later, so the early connection is accepted too
            file.write_text(f"{NEXT_SECRET.reveal()},{APP_SECRET.reveal()}")
            service.process.send_signal(signal.SIGHUP)
            wait_until_blocking(lambda: all_take(service, NEXT_SECRET), within=WITHIN)
            early.sendall(b"\r\n".join(head) + b"\r\n\r\n" + body)
            assert early.recv(12) == b"HTTP/1.1 200"


def events(service: Service) -> list[str]:
    """Returns the events in the service's log."""
    return [line["event"] for line in service.lines()]


def all_take(service: Service, secret: Secret) -> bool:
    """Returns True if many new connections in a row accept a delivery with a signature of this secret."""
    return all(status(service, f"m_next_{number}", secret) == 200 for number in range(12))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_after_sigterm_a_service_is_unready_and_still_answers(valkey: Server, tmp_path: Path, workers: str) -> None:
    """The service waits in this state for DRAIN_SECONDS. A second SIGTERM ends the wait."""
    drain = {"DRAIN_SECONDS": "600", "WEB_CONCURRENCY": workers}
    with serving(valkey.url, tmp_path / "log", **drain) as service, Shop(service.url) as shop:
        shop.connect()
        service.process.send_signal(signal.SIGTERM)
        wait_until_blocking(lambda: not service.answers("/readyz"), within=WITHIN)
        wait_until_blocking(lambda: service.answers("/livez"), within=WITHIN)
        with Operator(service.ops_url) as operator:
            wait_until_blocking(lambda: {name for name, ok in operator.checks().items() if not ok} == {"draining"})
        for number in range(5):
            with Facebook(service.url) as facebook:
                assert facebook.text(f"m_{number}").status_code == 200
        assert service.process.poll() is None
        assert service.terminate() == 0


def test_the_wait_after_sigterm_ends_after_drain_seconds(valkey: Server, tmp_path: Path) -> None:
    """The wait ends after DRAIN_SECONDS."""
    with serving(valkey.url, tmp_path / "log", DRAIN_SECONDS="1") as service:
        assert service.terminate() == 0
        assert events(service).count("draining") == 1


def test_serve_refuses_to_start_with_too_few_open_files(valkey: Server) -> None:
    """The error has the necessary number. With 256 open files a service would accept one connection at a time."""
    done = run_command(["serve"], environment(valkey.url), within=60, open_files=256)
    assert done.returncode == 1
    assert "256 files and needs 1024" in done.stderr
    assert "Traceback" not in done.stderr
