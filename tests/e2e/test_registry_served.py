"""The registry at work: rows in the database, the real LiteLLM, two workers, and changes while it serves."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.mock.server import MockUpstream
from tests.e2e.gateway import Gateway, canary, until
from tests.unit.store_support import fresh_database

TTL = "0.5"
KEY = canary("upstream")


class Registered:
    """A gateway, its upstream, and its registry on the command line."""

    def __init__(self, gateway: Gateway, upstream: MockUpstream) -> None:
        self.gateway, self.upstream = gateway, upstream

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a registry command beside the running gateway."""
        done = subprocess.run([sys.executable, "-m", "src.main", *arguments], cwd=self.gateway.home, text=True,
                              env=self.gateway.environ, capture_output=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def sent(self, response: httpx.Response) -> dict[str, Any]:
        """Return the body that reached the upstream for an answered request."""
        assert response.status_code == 200, response.text
        body: dict[str, Any] = self.upstream.requests[-1].body
        return body

    def ask(self, model: str, path: str = "/v1/chat/completions", **more: Any) -> httpx.Response:
        """Ask without messages unless they are given."""
        return self.gateway.request("POST", path, json={"model": model, **more})

    def everywhere(self, status: int, model: str, **more: Any) -> httpx.Response:
        """Ask until every worker answers with ``status``; connections are new, so workers take turns."""
        def settled() -> httpx.Response | None:
            answers = [self.ask(model, **more) for _ in range(8)]
            return answers[-1] if {answer.status_code for answer in answers} == {status} else None

        found: httpx.Response = until(settled, f"{model} answers {status} everywhere", 30)
        return found


@pytest.fixture(scope="module")
def served(upstream: MockUpstream) -> Iterator[Registered]:
    environ = {"GATEWAY_CONFIG_TTL": TTL, "GATEWAY_REGISTRY_KEYS": "UPSTREAM_KEY", "UPSTREAM_KEY": KEY,
               "GATEWAY_ALLOWED_BASES": upstream.url, "GATEWAY_ENVIRONMENT": "test",
               "PROXY_MODEL_KEYS": "declared", "MODEL_DECLARED_UPSTREAM_MODEL": "gpt-5",
               "MODEL_DECLARED_API_BASE": upstream.url, "MODEL_DECLARED_API_KEY_ENV": "UPSTREAM_KEY"}
    gateway = Gateway(environ, workers=2, measured=True)
    found = Registered(gateway, upstream)
    found.run("providers", "add", "lab", "--provider", "openai", "--base-url", upstream.url,
              "--key-env", "UPSTREAM_KEY")
    found.run("models", "add", "grok-3-mini", "--provider", "lab")
    found.run("models", "add", "gpt-5", "--provider", "lab")
    found.run("tools", "add", "look_up", "--description", "Finds things", "--schema", '{"type": "object"}')
    found.run("endpoints", "add", "document_summary", "--model", "grok-3-mini", "--path", "/chat/completions",
              "--max-tokens", "800", "--temperature", "0.2", "--tools", "look_up")
    found.run("prompts", "add", "document_summary", "--endpoint", "document_summary", "--system", "You sum up.",
              "--user", "Text: {{document_text}}")
    with gateway:
        yield found


def test_models_of_the_registry_are_served_with_the_key_of_their_provider(served: Registered) -> None:
    served.sent(served.gateway.chat("grok-3-mini"))
    assert served.upstream.requests[-1].headers["authorization"] == f"Bearer {KEY}"


def test_what_the_environment_declares_wins_and_the_start_says_so(served: Registered) -> None:
    assert "registry: gpt-5 is declared elsewhere too" in served.gateway.stderr
    assert "database: sqlite:////" in served.gateway.stderr


def test_endpoints_are_listed_as_models(served: Registered) -> None:
    assert served.gateway.aliases() == ["gpt-5", "grok-3-mini", "document_summary"]
    assert served.gateway.request("GET", "/v1/models/document_summary").json()["id"] == "document_summary"


def test_an_endpoint_brings_its_model_defaults_tools_and_template(served: Registered) -> None:
    body = served.sent(served.ask("document_summary", prompt_variables={"document_text": "long {{x}}"}))
    assert body["model"] == "grok-3-mini"
    assert body["messages"] == [{"role": "system", "content": "You sum up."},
                                {"role": "user", "content": "Text: long {{x}}"}]
    assert (body["max_tokens"], body["temperature"]) == (800, 0.2)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["look_up"]
    assert not {"prompt_id", "prompt_variables"} & body.keys()


def test_what_the_client_says_itself_wins_and_comes_last(served: Registered) -> None:
    own = {"role": "user", "content": "mine"}
    body = served.sent(served.ask("document_summary", prompt_variables={"document_text": "t"}, max_tokens=5,
                                  messages=[own], stream=True))
    assert body["max_tokens"] == 5
    assert body["messages"][2:] == [own] and len(body["messages"]) == 3


def test_a_template_is_asked_for_by_its_name_on_any_model(served: Registered) -> None:
    body = served.sent(served.ask("gpt-5", prompt_id="document_summary", prompt_variables={"document_text": "t"}))
    assert body["messages"][1]["content"] == "Text: t"


def test_a_missing_variable_and_an_unknown_template_are_named(served: Registered) -> None:
    missing = served.ask("document_summary", prompt_variables={"other": "t"})
    assert missing.status_code == 400 and "'document_text'" in missing.json()["error"]["message"]
    unknown = served.ask("gpt-5", prompt_id="nothing", messages=[])
    assert unknown.status_code == 404 and "'nothing'" in unknown.json()["error"]["message"]


def test_an_endpoint_works_on_its_own_route_only(served: Registered) -> None:
    answer = served.ask("document_summary", "/v1/embeddings", input="x")
    assert answer.status_code == 404
    assert "/v1/chat/completions" in answer.json()["error"]["message"]


def test_a_flag_takes_effect_everywhere_within_the_ttl(served: Registered) -> None:
    message = [{"role": "user", "content": "hi"}]
    served.run("flags", "set", "enable_streaming", "--off", "--environment", "test")
    refused = served.everywhere(403, "gpt-5", messages=message, stream=True)
    assert "enable_streaming" in refused.json()["error"]["message"]
    assert served.gateway.chat("gpt-5").status_code == 200
    served.run("flags", "remove", "enable_streaming", "--environment", "test")
    served.everywhere(200, "gpt-5", messages=message, stream=True)


def test_a_new_template_version_takes_effect_and_is_rolled_back(served: Registered) -> None:
    def system() -> set[str]:
        answers = [served.sent(served.ask("document_summary", prompt_variables={"document_text": "t"}))
                   for _ in range(6)]
        return {body["messages"][0]["content"] for body in answers}

    served.run("prompts", "set", "document_summary", "--system", "Newer.")
    until(lambda: system() == {"Newer."}, "the new version everywhere", 30)
    served.run("prompts", "activate", "document_summary", "1")
    until(lambda: system() == {"You sum up."}, "the old version everywhere", 30)


def test_a_new_model_and_chain_are_reloaded_by_the_gateway_itself(served: Registered) -> None:
    served.run("models", "add", "deepseek-v3.2", "--provider", "lab")
    served.run("chains", "add", "safe", "--models", "deepseek-v3.2,gpt-5")
    served.run("endpoints", "add", "careful", "--chain", "safe")
    until(lambda: {"deepseek-v3.2", "safe", "careful"} <= set(served.gateway.aliases()), "the chain is served", 60)
    body = served.sent(served.everywhere(200, "careful", messages=[{"role": "user", "content": "hi"}]))
    assert body["model"] == "deepseek-v3.2"
    assert "changed rows of the registry" in served.gateway.stderr


def test_rows_made_unsafe_by_hand_are_refused_and_the_old_ones_keep_serving(served: Registered) -> None:
    import sqlite3
    path = next((served.gateway.home / "state").rglob("gateway.db"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE ai_providers SET key_env = 'LITELLM_MASTER_KEY'")
    until(lambda: "LITELLM_MASTER_KEY is the gateway's own" in served.gateway.stderr, "the reload is refused", 60)
    assert served.gateway.chat("grok-3-mini").status_code == 200
    assert served.gateway.key not in served.upstream.requests[-1].headers["authorization"]


def test_neither_keys_nor_the_database_leak_into_files_and_logs(served: Registered) -> None:
    database = next((served.gateway.home / "state").rglob("gateway.db"))
    for path in sorted(database.parent.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path
    holders = [str(path) for path, data in served.gateway.files().items() if KEY.encode() in data]
    assert holders == []


def test_it_stops_cleanly(served: Registered) -> None:
    assert served.gateway.stop() == 0
    assert "Traceback" not in served.gateway.stderr


def test_it_works_the_same_on_postgresql(upstream: MockUpstream, tmp_path: Path) -> None:
    environ = {"GATEWAY_CONFIG_TTL": TTL, "GATEWAY_ALLOWED_BASES": upstream.url}
    with fresh_database("postgresql", tmp_path) as database:
        gateway = Gateway({**environ, "GATEWAY_DATABASE_URL": database.url})
        found = Registered(gateway, upstream)
        found.run("providers", "add", "lab", "--provider", "openai", "--base-url", upstream.url, "--key-env", "none")
        found.run("models", "add", "gpt-5", "--provider", "lab")
        found.run("endpoints", "add", "short", "--model", "gpt-5", "--max-tokens", "3")
        with gateway:
            assert f"database: {database.masked}" in gateway.stderr
            assert found.sent(found.ask("short", messages=[{"role": "user", "content": "hi"}]))["model"] == "gpt-5"
            found.run("flags", "set", "enable_streaming", "--off")
            found.everywhere(403, "short", messages=[{"role": "user", "content": "hi"}], stream=True)
            found.run("models", "add", "deepseek-v3.2", "--provider", "lab")
            until(lambda: "deepseek-v3.2" in gateway.aliases(), "the model is served", 60)
            assert gateway.stop() == 0


def test_a_password_in_the_database_url_is_never_shown(tmp_path: Path) -> None:
    password = canary("password")
    gateway = Gateway({"GATEWAY_DATABASE_URL": f"postgresql://me:{password}@127.0.0.1:1/none?connect_timeout=1",
                       "PROXY_MODEL_KEYS": "one", "MODEL_ONE_UPSTREAM_MODEL": "gpt-5",
                       "MODEL_ONE_API_KEY_ENV": "none"})
    gateway.start()
    try:
        assert gateway.wait() == 3
        assert "postgresql://me:***@127.0.0.1:1/none" in gateway.stderr
        assert all(password.encode() not in data for data in gateway.files().values())
    finally:
        gateway.__exit__()
