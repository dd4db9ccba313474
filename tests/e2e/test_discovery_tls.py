"""A gateway behind TLS: whom the SDK trusts, and what an operator is told where it does not."""

import asyncio
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from src.discovery.gateway import Listed, ask_once, make_client
from src.discovery.reasons import Away


def certify(folder: Path) -> Path:
    """Return a PEM file with a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = x509.CertificateBuilder(
        subject, subject, key.public_key(), x509.random_serial_number(), now - day, now + day,
    ).add_extension(names, False).sign(key, hashes.SHA256())
    path = folder / "both.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path


class Lists(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"object": "list", "data": [{"id": self.path}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def listening(certificate: Path | None) -> Iterator[int]:
    """Yield the port of a server of lists, with TLS where there is a certificate."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lists)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certify(tmp_path_factory.mktemp("tls"))


def ask(url: str, trusted: Path | None) -> tuple[Listed, ...]:
    return asyncio.run(ask_once(make_client(f"{url}/v1", "key", str(trusted) if trusted else None)))


def test_the_gateways_own_certificate_may_be_self_signed(certificate: Path) -> None:
    with listening(certificate) as port:
        assert [model.id for model in ask(f"https://127.0.0.1:{port}", certificate)] == ["/v1/models"]


@pytest.mark.parametrize(("scheme", "host", "tls", "trusts", "reason"), [
    ("https", "127.0.0.1", True, False, "its certificate is not trusted: self-signed certificate"),
    ("https", "localhost", True, True, "its certificate is not trusted: Hostname mismatch"),
    ("https", "127.0.0.1", False, True, "no TLS connection comes about"),
    ("http", "127.0.0.1", True, True, "it closed the connection without an answer"),
])
def test_a_connection_that_cannot_be_trusted_is_not_made_and_told(
        scheme: str, host: str, tls: bool, trusts: bool, reason: str, certificate: Path) -> None:
    with listening(certificate if tls else None) as port, pytest.raises(Away) as raised:
        ask(f"{scheme}://{host}:{port}", certificate if trusts else None)
    assert raised.value.reason.startswith(reason) and raised.value.repair
