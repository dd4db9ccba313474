"""The wheel works where there is no checkout: serving process, hooks and mock upstream included."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from src.mock.server import MockUpstream
from tests.e2e.gateway import Gateway, models
from tests.wheel_support import build_wheel, install_wheel


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel and not this checkout."""
    return install_wheel(build_wheel(tmp_path_factory.mktemp("build")), tmp_path_factory.mktemp("home") / "venv")


@pytest.fixture(scope="module")
def gateway(scripts: Path, upstream: MockUpstream) -> Iterator[Gateway]:
    command = [str(scripts / "litellm-gateway")]
    with Gateway({**models(upstream.url), "PYTHONPATH": ""}, command=command, workers=2) as running:
        yield running


@pytest.mark.parametrize("model", ["gpt-5", "deepseek-v3.2", "grok-code-fast-1"])
def test_the_installed_command_serves_every_declared_model(gateway: Gateway, model: str) -> None:
    answer = gateway.client().chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}])
    assert answer.choices[0].message.content


def test_the_installed_gateway_is_protected_by_its_own_hooks(gateway: Gateway) -> None:
    assert gateway.request("GET", "/v1/models", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert gateway.request("GET", "/routes").status_code == 404


def test_the_installed_demo_answers_without_a_key(scripts: Path) -> None:
    with Gateway({"PYTHONPATH": ""}, "--demo", command=[str(scripts / "litellm-gateway")]) as demo:
        assert "gpt-5" in demo.stderr
        assert demo.stop() == 0
