"""The dashboard as a process: what it prints, what it keeps to itself, how it ends; and beside a real gateway."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.mock.server import MockUpstream

from .dashboard_support import Dashboard, made
from .gateway import Gateway, canary, models, until
from .limits_support import run

SECRETS = {name: canary(name) for name in ("LITELLM_MASTER_KEY", "OPENAI_API_KEY", "LITELLM_API_KEY")}


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    prices = {"MODEL_GPT5_INPUT_COST": "1.25", "MODEL_GPT5_OUTPUT_COST": "10", "MODEL_GPT5_RPM": "60"}
    with Gateway(models(upstream.url, **prices)) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Dashboard]:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    with made(url), Dashboard(tmp_path, GATEWAY_DATABASE_URL=url, **SECRETS) as found:
        yield found


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_prints_one_line_and_ends_cleanly(site: Dashboard, signum: signal.Signals, code: int) -> None:
    with site.client() as visitor:
        for address in ("/", "/requests", "/limits", "/unpriced", "/nowhere", f"/?token={canary()}"):
            visitor.get(address)
    assert site.stop(signum) == code
    assert (site.stdout, site.stderr) == (f"dashboard: {site.url}\n", ""), "the token stands in this line alone"


def test_no_secret_of_the_environment_is_on_a_page(site: Dashboard) -> None:
    with site.client() as visitor:
        pages = "".join(visitor.get(address).text for address in ("/", "/requests", "/limits", "/unpriced", "/no"))
    assert [name for name, secret in SECRETS.items() if secret in pages] == []
    assert site.url.partition("token=")[2] not in pages


def test_only_this_machine_reaches_it(site: Dashboard) -> None:
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = f"{site.port:04X}"
    assert [row[1] for row in listening if row[3] == "0A" and row[1].endswith(f":{port}")] == [f"0100007F:{port}"]


def test_the_browser_gets_a_token_that_works_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    note = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f"#!{sys.executable}\nimport sys\nopen({str(note)!r}, 'w').write(sys.argv[1])\n")
    browser.chmod(0o700)
    with made(url), Dashboard(tmp_path, "--open", GATEWAY_DATABASE_URL=url, BROWSER=f"{browser} %s") as site:
        opened = until(lambda: note.exists() and note.read_text(), "a browser")
        assert opened.startswith(f"{site.base}/?token=") and opened != site.url
        with site.client() as visitor:
            visitor.cookies.clear()
            assert visitor.get(opened).status_code == 200
            visitor.cookies.clear()
            assert visitor.get(opened).status_code == 401


def test_a_request_through_the_gateway_is_on_the_pages_within_seconds(gateway: Gateway, tmp_path: Path) -> None:
    answer = gateway.chat("gpt-5", headers={**gateway.headers, "x-gateway-user": "ann"})
    asked = answer.headers["x-gateway-request-id"]
    run(gateway, "limits", "add", "house", "--scope", "user", "--target", "*", "--rpd", "70")
    run(gateway, "keys", "add", "alice", "--budget", "20")
    with Dashboard(tmp_path, **gateway.environ) as site, site.client() as visitor:
        until(lambda: asked in visitor.get("/requests").text, "the request", 20)
        page = visitor.get(f"/requests/{asked}").text
        tokens = answer.json()["usage"]
        micros = (tokens["prompt_tokens"] * 1_250_000 + tokens["completion_tokens"] * 10_000_000 + 500_000) // 1_000_000
        assert f"$0.{micros:06d}" in page and 'href="/requests?user=ann"' in page
        assert "openai/gpt-5" in visitor.get("/?period=24h").text
        limits = visitor.get("/limits").text
        assert [name for name in ("MODEL_GPT5", "house", "keys/alice") if name not in limits] == []
        assert [secret for secret in (gateway.key, upstream_of(gateway)) if secret in page + limits] == []


def upstream_of(gateway: Gateway) -> str:
    """Return the upstream's address, which is nobody's business here."""
    return gateway.environ["OPENAI_API_BASE"]
