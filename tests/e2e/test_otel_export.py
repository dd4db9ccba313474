"""Tracing: the standard `OTEL_*` variables send LiteLLM's spans to a collector, without content and without keys."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from src.launch import telemetry
from src.mock.server import MockUpstream

from .gateway import PYTHONPATH, Gateway, canary, clean_environment, models, until

PROMPT = canary("prompt")


class Collector(ThreadingHTTPServer):
    """An OTLP/HTTP collector that keeps what it gets: (path, body)."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Return the endpoint for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Keep one export."""
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Collector)
        self.server.received.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    server = Collector()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def traced(collector: Collector) -> Iterator[tuple[Gateway, str]]:
    key = canary("upstreamkey")
    with MockUpstream() as upstream:
        declared = models(upstream.url, "gpt-5") | {"MODEL_GPT5_API_KEY_ENV": "UP_KEY", "UP_KEY": key}
        # A short batch delay, so that nobody waits for the exporter's default of five seconds.
        tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with Gateway(declared | tracing) as gateway:
            gateway.chat("gpt-5", messages=[{"role": "user", "content": PROMPT}]).raise_for_status()
            gateway.chat("gpt-5", messages=[{"role": "user", "content": PROMPT}], stream=True).raise_for_status()
            until(lambda: b"gpt-5" in b"".join(body for _, body in collector.received), "a span of the request")
            yield gateway, key


def test_a_collector_gets_spans_that_name_the_model(traced: tuple[Gateway, str], collector: Collector) -> None:
    paths = {path for path, _ in collector.received}
    assert paths == {"/v1/traces"}
    assert any(b"litellm-gateway" in body for _, body in collector.received)


def test_spans_hold_neither_content_nor_keys(traced: tuple[Gateway, str], collector: Collector) -> None:
    gateway, key = traced
    gateway.stop()  # flushes what is still queued
    exported = b"".join(body for _, body in collector.received)
    for secret in (PROMPT, key, gateway.key):
        assert secret.encode() not in exported


def test_spans_are_not_printed(traced: tuple[Gateway, str]) -> None:
    gateway, _ = traced
    assert all(line.startswith("{\"time\"") for line in gateway.stdout.splitlines())


@pytest.mark.parametrize(("values", "callbacks"), [
    ({}, ()),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ("otel",)),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ("otel",)),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, ()),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, ()),
])
def test_standard_variables_decide(values: dict[str, str], callbacks: tuple[str, ...]) -> None:
    assert telemetry.telemetry(values).callbacks == callbacks


def test_the_operators_own_otel_values_stay() -> None:
    values = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SERVICE_NAME": "mine"}
    assert "OTEL_SERVICE_NAME" not in telemetry.telemetry(values).env


def test_missing_packages_are_named_with_the_repair(tmp_path: Path) -> None:
    # An empty package of that name hides the installed one, as on a machine without the extra.
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").touch()
    environ = clean_environment() | {"PYTHONPATH": f"{tmp_path}:{PYTHONPATH}", "LITELLM_MASTER_KEY": canary("master"),
                                     "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OPENAI_API_KEY": canary("key"),
                                     "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "src.main", "--model", "gpt-5", "--no-env-file"], cwd=tmp_path,
                          env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "[otel]" in done.stderr and "Traceback" not in done.stderr
