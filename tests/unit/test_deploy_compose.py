"""`render compose`: one file that starts the same configuration in containers, with every key in a file of its own."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from src.config.document import plan_document
from src.config.environment import parse_dotenv
from src.config.rendering import config_document, content_hash, dump
from src.config.settings import VARIABLES, Variable
from src.deploy.declare import setting_variables
from src.deploy.sizes import memory_limit, memory_request
from src.errors import UsageProblem

from .deploying import (FIXTURES, HOME, canary, commands, compose_of, declared, inside, planned, service,
                        with_every_secret)
from .test_golden import FROM_FLAGS

ALL = {"postgres": True, "discovery": True, "prometheus": True}
HERE = {"PROXY_MODEL_KEYS", "PROXY_CHAIN_KEYS", "LITELLM_HOST", "PORT", "GATEWAY_RUNTIME_DIR", "GATEWAY_SSL_CERTFILE",
        "GATEWAY_SSL_KEYFILE", "GATEWAY_LEDGER_SPILL_DIR", "OPENAI_BASE_URL", "LITELLM_BASE_URL"}
# A value for every setting that is no number and no switch.
WORDS = {
    "OPENAI_API_BASE": "https://llm.example.com/v1", "REASONING_EFFORT": "low", "GATEWAY_LOAD_BALANCE": "a,b",
    "GATEWAY_LOG_FORMAT": "json", "GATEWAY_CORS_ORIGINS": "https://app.example.com", "GATEWAY_STORE_DOWN": "deny",
    "GATEWAY_EXTRA_ROUTES": "/v1/files/*", "GATEWAY_REGISTRY_KEYS": "OPENROUTER_API_KEY", "GATEWAY_LEDGER": "audit",
    "GATEWAY_ALLOWED_BASES": "https://*.example.com/v1", "GATEWAY_RESET_ZONES": "gemini=America/Los_Angeles",
    "GATEWAY_ENVIRONMENT": "production",
}


def other_value(variable: Variable) -> str:
    """Return a value that is not the variable's default."""
    if isinstance(variable.default, bool):
        return "no" if variable.default else "yes"
    if isinstance(variable.default, int | float):
        return f"{variable.default + 1:g}"
    assert variable.name in WORDS, "a new setting needs a value here, if containers are to have it"
    return WORDS[variable.name]


def example(name: str) -> Any:
    """Return the plan of an example of the golden files."""
    if name in FROM_FLAGS:
        specs = [text for text in FROM_FLAGS[name] if "upstream=" in text]
        return planned({}, model_specs=tuple(specs)) if specs else planned({}, model="deepseek-v3.2", alias="deepseek")
    return declared(dotenv=(FIXTURES / f"{name}.env").read_bytes()).checked()


@pytest.mark.parametrize("options", [{}, ALL], ids=["alone", "all"])
@pytest.mark.parametrize("name", sorted([path.stem for path in FIXTURES.glob("*.env")] + list(FROM_FLAGS)))
def test_the_container_declares_the_same_models_and_chains(name: str, options: dict[str, bool]) -> None:
    here, there = example(name), inside(compose_of(example(name), **options))
    assert config_document(there) == config_document(here)
    for part in ("models", "chains", "settings", "ledger"):
        assert plan_document(there)[part] == plan_document(here)[part]


@pytest.mark.parametrize("name", ["chain", "every-field", "dual"])
def test_the_hash_on_top_is_the_one_that_the_container_will_log(name: str) -> None:
    text = compose_of(example(name))
    there = inside(text)
    assert text.splitlines()[0].endswith(content_hash(dump(config_document(there)), plan_document(there)))


def test_every_setting_goes_along_unless_it_belongs_to_this_machine() -> None:
    changed = {variable.name: other_value(variable) for variable in VARIABLES if not variable.secret
               and variable.name not in HERE and not variable.name.startswith("DISCOVERY_")}
    assert setting_variables(planned({**HOME, **changed}).settings) == changed
    text = compose_of(planned({**HOME, **changed}))
    assert changed.items() <= service(text)["environment"].items()
    assert HERE & set(service(text)["environment"]) == {"PROXY_MODEL_KEYS", "PROXY_CHAIN_KEYS", "LITELLM_HOST", "PORT"}


def test_what_is_left_at_its_default_is_not_written() -> None:
    written = service(compose_of(planned({**HOME, "WORKERS": "1", "GATEWAY_GRACE": "30"})))["environment"]
    assert {"WORKERS", "GATEWAY_GRACE"} & set(written) == set()


@pytest.mark.parametrize("text", ["a$b", "$HOME and ${HOME}", "a: b # c", "1e3", "yes", "é"])
def test_values_arrive_as_they_were_written(text: str) -> None:
    plan = planned({"PROXY_MODEL_KEYS": "one", "MODEL_ONE_UPSTREAM_MODEL": "gpt-5", "GATEWAY_ENVIRONMENT": text})
    assert inside(compose_of(plan)).settings.text("GATEWAY_ENVIRONMENT") == text


@pytest.mark.parametrize(("upstream", "provider"), [
    ("gpt-5", "openai"), ("openai/gpt-5", ""), ("org/model", ""), ("groq/llama", ""), ("groq/llama", "openai"),
    ("groq/llama", "openrouter"), ("openai/groq/llama", ""), ("openai/openai/x", ""), ("x", "gemini")])
def test_any_way_to_name_an_upstream_arrives_as_the_same_model(upstream: str, provider: str) -> None:
    env = {"PROXY_MODEL_KEYS": "one", "MODEL_ONE_UPSTREAM_MODEL": upstream}
    plan = planned(env | ({"MODEL_ONE_PROVIDER": provider} if provider else {}))
    assert inside(compose_of(plan)).models == plan.models


def test_headers_with_commas_arrive_whole() -> None:
    plan = planned({"PROXY_MODEL_KEYS": "one", "MODEL_ONE_UPSTREAM_MODEL": "gpt-5",
                    "MODEL_ONE_HEADERS": r"X-Title=a\,b$c,X-Env=d"})
    assert inside(compose_of(plan)).models[0].spec.headers == (("X-Title", "a,b$c"), ("X-Env", "d"))


# --- secrets --------------------------------------------------------------------------------------------------------

def test_every_key_is_a_file_and_the_gateway_is_told_where() -> None:
    value = yaml.safe_load(compose_of(planned(HOME)))
    names = ["LITELLM_MASTER_KEY", "OPENAI_API_KEY", "GROQ_API_KEY", "MODEL_FLASH_API_KEY"]
    assert value["secrets"] == {name: {"file": f"./secrets/{name}"} for name in names}
    assert value["services"]["gateway"]["secrets"] == names
    environment = value["services"]["gateway"]["environment"]
    assert {name: environment[name] for name in environment if name.endswith("_FILE")} == {
        f"{name}_FILE": f"/run/secrets/{name}" for name in names}


def test_no_key_is_in_the_file_and_none_has_to_be_set() -> None:
    plan, keys = with_every_secret(HOME)
    for text in (compose_of(plan, discovery=True, prometheus=True), compose_of(planned(HOME), **ALL)):
        assert [key for key in keys if key in text] == []
        assert "LITELLM_MASTER_KEY_FILE" in text


def test_a_key_that_was_declared_in_clear_is_refused() -> None:
    key = canary()
    plan = planned({"PROXY_MODEL_KEYS": "one", "MODEL_ONE_UPSTREAM_MODEL": "gpt-5", "MODEL_ONE_ALIAS": f"a-{key}",
                    "OPENAI_API_KEY": key})
    with pytest.raises(UsageProblem) as caught:
        compose_of(plan)
    assert "OPENAI_API_KEY" in caught.value.text() and key not in caught.value.text()


def test_each_service_gets_the_keys_that_it_needs_and_no_other() -> None:
    services = yaml.safe_load(compose_of(planned(HOME), **ALL))["services"]
    assert services["postgres"]["secrets"] == ["POSTGRES_PASSWORD"]
    assert services["discovery"]["secrets"] == ["LITELLM_MASTER_KEY", "DISCOVERY_TOKENS"]
    assert services["prometheus"]["secrets"] == ["GATEWAY_METRICS_KEY"]
    assert {"GATEWAY_DATABASE_URL", "GATEWAY_METRICS_KEY"} <= set(services["gateway"]["secrets"])
    assert {"POSTGRES_PASSWORD", "DISCOVERY_TOKENS"} & set(services["gateway"]["secrets"]) == set()


def test_keys_that_registry_rows_may_name_go_along() -> None:
    text = compose_of(planned({**HOME, "GATEWAY_REGISTRY_KEYS": "OPENROUTER_API_KEY"}))
    assert "OPENROUTER_API_KEY" in service(text)["secrets"]


def test_the_commands_of_the_head_make_every_file_that_the_services_read(tmp_path: Path) -> None:
    text, pasted = compose_of(planned(HOME), **ALL), canary()
    lines = commands(text)
    assert lines.pop() == "docker-compose up -d"
    # The first is a line of its own, because it says how the others write.
    for line in lines[1:]:
        subprocess.run(["sh", "-euc", f"{lines[0]}; {line}"], cwd=tmp_path, input=f"{pasted}\n", text=True, check=True)
    files = {path.name: path.read_text(encoding="utf-8").strip() for path in (tmp_path / "secrets").iterdir()}
    assert set(files) == set(yaml.safe_load(text)["secrets"])
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o644}
    assert files["GROQ_API_KEY"] == files["MODEL_FLASH_API_KEY"] == pasted
    assert files["GATEWAY_DATABASE_URL"] == f"postgresql://gateway:{files['POSTGRES_PASSWORD']}@postgres/gateway"
    made = [files[name] for name in ("LITELLM_MASTER_KEY", "GATEWAY_METRICS_KEY", "DISCOVERY_TOKENS")]
    assert min(map(len, made)) >= 64 and len(set(made)) == 3


# --- how the services run -------------------------------------------------------------------------------------------

def test_every_service_is_confined_and_comes_back() -> None:
    for name, one in yaml.safe_load(compose_of(planned(HOME), **ALL))["services"].items():
        assert one["read_only"] and one["init"] and one["restart"] == "unless-stopped", name
        assert one["cap_drop"] == ["ALL"] and one["security_opt"] == ["no-new-privileges:true"], name
        assert one["user"].split(":")[0].isdigit() and not one["user"].startswith("0"), name
        assert {"mem_limit", "cpus", "pids_limit", "healthcheck", "tmpfs"} <= set(one), name
        assert ":" in one["image"] and "latest" not in one["image"], name
        assert one["logging"]["options"]["max-size"], name
        assert all(":mode=1777,size=" in folder for folder in one["tmpfs"]), name


@pytest.mark.parametrize(("address", "published"), [
    ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("192.0.2.7", "192.0.2.7"), ("::1", "[::1]")])
def test_it_is_published_on_the_address_that_was_asked_for(address: str, published: str) -> None:
    text = compose_of(planned(HOME), publish=address, **ALL)
    assert service(text)["ports"] == [f"{published}:4000:4000"]
    assert service(text, "discovery")["ports"] == [f"{published}:4100:4100"]
    assert service(text, "prometheus")["ports"] == ["127.0.0.1:9090:9090"]
    assert "ports" not in service(text, "postgres")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "localhost"])
def test_it_is_published_on_this_machine_only_wherever_it_was_rendered(host: str) -> None:
    """The image itself has LITELLM_HOST=0.0.0.0: what is rendered in a container must not open a port to all."""
    text = compose_of(planned({**HOME, "LITELLM_HOST": host, "DISCOVERY_HOST": "0.0.0.0"}), **ALL)
    assert {one["ports"][0].split(":")[0] for one in yaml.safe_load(text)["services"].values() if "ports" in one} == {
        "127.0.0.1"}
    assert service(text)["environment"]["LITELLM_HOST"] == "0.0.0.0"


def test_another_port_is_used_everywhere() -> None:
    text = compose_of(planned({**HOME, "PORT": "8088", "DISCOVERY_PORT": "8089"}), **ALL)
    gateway, discovery = service(text), service(text, "discovery")
    assert gateway["ports"] == ["127.0.0.1:8088:8088"] and gateway["environment"]["PORT"] == "8088"
    assert ":8088/health/liveliness" in gateway["healthcheck"]["test"][-1]
    assert discovery["environment"]["LITELLM_BASE_URL"] == "http://gateway:8088"
    assert discovery["ports"] == ["127.0.0.1:8089:8089"] and ":8089/health" in discovery["healthcheck"]["test"][-1]
    assert "gateway:8088" in service(text, "prometheus")["environment"]["PROMETHEUS_CONFIG"]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_limits_leave_room_for_what_was_measured(workers: int) -> None:
    measured = {1: 442, 2: 560, 4: 793}[workers]
    settings = planned({**HOME, "WORKERS": str(workers)}).settings
    assert measured < memory_request(workers) < measured + 150
    assert memory_request(workers) + workers * 100 < memory_limit(settings) <= 4 * measured


def test_a_stop_waits_longer_than_the_gateway_does() -> None:
    assert service(compose_of(planned({**HOME, "GATEWAY_GRACE": "120"})))["stop_grace_period"] == "130s"


@pytest.mark.parametrize(("env", "postgres", "volumes", "secret", "plain"), [
    ({}, False, ["state"], False, None), ({}, True, ["state", "postgres"], True, None),
    ({"GATEWAY_DATABASE_URL": "off"}, False, None, False, "off")])
def test_state_lies_in_a_volume_in_postgresql_or_nowhere(
        env: dict[str, str], postgres: bool, volumes: list[str] | None, secret: bool, plain: str | None) -> None:
    plan = planned(HOME | env, **({"database": None} if env else {}))
    value = yaml.safe_load(compose_of(plan, postgres=postgres))
    assert list(value.get("volumes", {})) == (volumes or [])
    assert ("GATEWAY_DATABASE_URL" in value["secrets"]) == secret
    assert value["services"]["gateway"]["environment"].get("GATEWAY_DATABASE_URL") == plain
    assert ("depends_on" in value["services"]["gateway"]) == postgres


def test_a_database_of_ones_own_and_another_are_one_too_many() -> None:
    plan, _ = with_every_secret(HOME)
    with pytest.raises(UsageProblem, match="--postgres"):
        compose_of(plan, postgres=True)


def test_prometheus_asks_the_gateway_with_the_key_for_metrics() -> None:
    text = compose_of(planned(HOME), prometheus=True)
    started = service(text, "prometheus")
    config = yaml.safe_load(started["environment"]["PROMETHEUS_CONFIG"])
    scrape = config["scrape_configs"][0]
    assert scrape["static_configs"] == [{"targets": ["gateway:4000"]}]
    assert scrape["authorization"] == {"type": "Bearer", "credentials_file": "/run/secrets/GATEWAY_METRICS_KEY"}
    assert "GATEWAY_METRICS_KEY" in started["secrets"]
    assert "--config.file=/tmp/prometheus.yml" in started["entrypoint"][-1]


def test_discovery_knows_the_configured_models_and_what_was_set_for_it() -> None:
    plan = planned({**HOME, "DISCOVERY_TTL": "60"})
    text = compose_of(plan, discovery=True)
    there = inside(text, "discovery", launch=False)
    assert [model.alias for model in there.models] == [model.alias for model in plan.models]
    assert [chain.alias for chain in there.chains] == ["default"]
    assert service(text, "discovery")["environment"]["DISCOVERY_TTL"] == "60"
    assert "DISCOVERY_TTL" not in service(text)["environment"]
    assert service(text, "discovery")["command"] == ["discovery"]


def test_the_same_plan_gives_the_same_bytes_in_any_order_of_variables() -> None:
    turned = dict(reversed(HOME.items()))
    assert compose_of(planned(turned), **ALL) == compose_of(planned(HOME), **ALL)


def test_a_dotenv_file_and_the_environment_give_the_same_file() -> None:
    lines = "".join(f"{name}={value}\n" for name, value in HOME.items()).encode()
    assert parse_dotenv(lines).problems == ()
    assert compose_of(declared(dotenv=lines)) == compose_of(declared(HOME))
