"""With TLS, reloads lose nothing either, and a renewed certificate is taken up."""

import datetime
import os
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from src.mock.server import MockUpstream

from .serving_load import Load
from .serving_support import Gateway, document, until


def certify(folder: Path, name: str) -> None:
    """Write a self-signed certificate for ``name`` and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(),
                                      now - datetime.timedelta(days=1), now + datetime.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    certify(folder, "first.test")
    return folder


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream, folder: Path) -> Iterator[Gateway]:
    certificate, key = str(folder / "cert.pem"), str(folder / "key.pem")
    tls: dict[str, Any] = {"scheme": "https", "ssl_certfile": certificate, "ssl_keyfile": key}
    with Gateway(document(upstream.url), workers=2, **tls) as running_gateway:
        yield running_gateway


def presented(gateway: Gateway) -> str:
    """Return the name in the certificate that a new connection meets."""
    pem = ssl.get_server_certificate(("127.0.0.1", gateway.port))
    name = x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()
    return name.removeprefix("CN=")


def test_reloads_under_load_lose_nothing(gateway: Gateway, upstream: MockUpstream) -> None:
    url = f"https://127.0.0.1:{gateway.port}"
    with Load(url, gateway.headers, {"constant": 8, "pausing": 4}) as clients:
        until(lambda: clients.done["constant"] > 20, "the load runs")
        for number in range(4):
            assert gateway.reload(document(upstream.url, ("gpt-5", f"reload-{number}")))["result"] == "accepted"
    assert clients.lost == []


def test_a_renewed_certificate_is_taken_up_with_the_configuration_unchanged(gateway: Gateway, folder: Path) -> None:
    assert presented(gateway) == "first.test"
    assert gateway.ask("reload")["result"] == "unchanged"
    certify(folder, "second.test")
    outcome = gateway.ask("reload")
    assert (outcome["result"], outcome["lines"]) == ("accepted", ["certificate: the files changed"])
    assert {presented(gateway) for _ in range(5)} == {"second.test"}


def test_a_certificate_that_cannot_be_read_is_refused_until_it_is_repaired(gateway: Gateway, folder: Path) -> None:
    good = (folder / "cert.pem").read_bytes()
    (folder / "cert.pem").write_text("half a file")
    for _ in range(2):
        assert gateway.ask("reload")["result"] == "refused"
    killed = gateway.workers()[0]
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(gateway.workers()) == 2 and killed not in gateway.workers(), "it is replaced all the same")
    assert {presented(gateway) for _ in range(5)} == {"second.test"}
    (folder / "cert.pem").write_bytes(good)
    assert gateway.ask("reload")["result"] == "accepted"


def test_an_idle_client_that_leaves_the_goodbye_unanswered_holds_nothing_up(gateway: Gateway) -> None:
    with httpx.Client(verify=False) as client:  # keeps its connection and reads nothing from it
        assert client.get(f"https://127.0.0.1:{gateway.port}/v1/models", headers=gateway.headers).status_code == 200
        gateway.signal(signal.SIGTERM)
        assert gateway.wait(15) == 0
