"""One plan, one text: a plain LiteLLM file, the same everywhere, without a secret; plan.json holds the rest."""

import json
import random
import re
from decimal import Decimal
from typing import Any

import pytest
import yaml

from src.config.document import micros, plan_document
from src.config.rendering import config_document, content_hash, dump, render_config
from src.errors import GatewayError

from .declaring import canary, declared, document, params, two

KEYS = ("model", "api_base", "api_key", "reasoning_effort", "max_tokens", "timeout", "stream_timeout", "max_retries",
        "max_parallel_requests", "extra_headers", "allowed_openai_params", "additional_drop_params")


def one(**more: str) -> Any:
    return declared({"PROXY_MODEL_KEYS": "m", "MODEL_M_UPSTREAM_MODEL": "gpt-5",
                     **{f"MODEL_M_{name}": value for name, value in more.items()}})


@pytest.mark.parametrize(("more", "expected"), [
    ({}, {"model": "openai/gpt-5", "api_base": "https://api.openai.com/v1", "api_key": "os.environ/OPENAI_API_KEY",
          "stream_timeout": 60, "max_retries": 0}),
    ({"API_KEY_ENV": "none"}, {"api_key": "keyless"}),
    ({"API_KEY_ENV": "MINE"}, {"api_key": "os.environ/MINE"}),
    ({"API_KEY": "k"}, {"api_key": "os.environ/MODEL_M_API_KEY"}),
    ({"REASONING_EFFORT": "high"}, {"reasoning_effort": "high"}),
    ({"REASONING_EFFORT": "none"}, {"reasoning_effort": None}),
    ({"TIMEOUT": "90", "STREAM_TIMEOUT": "2.5"}, {"timeout": 90, "stream_timeout": 2.5}),
    ({"MAX_TOKENS": "5", "MAX_PARALLEL": "3"}, {"max_tokens": 5, "max_parallel_requests": 3}),
    ({"RETRIES": "3", "RPM": "1", "TPM": "1", "RPD": "1", "TPD": "1"},
     {"max_retries": 0, "num_retries": None, "rpm": None, "tpm": None}),
    ({"HEADERS": "X-A=1,X-B=2"}, {"extra_headers": {"X-A": "1", "X-B": "2"}}),
    ({"ALLOW_PARAMS": "seed", "DROP_PARAMS": "top_p"},
     {"allowed_openai_params": ["seed"], "additional_drop_params": ["top_p"]}),
    ({"PROVIDER": "groq"}, {"model": "groq/gpt-5", "api_base": None, "api_key": "os.environ/GROQ_API_KEY"}),
    ({"PROVIDER": "bedrock"}, {"model": "bedrock/gpt-5", "api_key": None}),
    ({"PROVIDER": "ollama"}, {"api_base": "http://localhost:11434", "api_key": "keyless"}),
])
def test_what_litellm_is_told_of_a_model(more: dict[str, str], expected: dict[str, object]) -> None:
    told = params(one(**more))
    assert {name: told.get(name) for name in expected} == expected
    assert [name for name in told if name not in KEYS] == []
    assert list(told) == [name for name in KEYS if name in told], "keys stand in their documented order"


@pytest.mark.parametrize(("more", "expected"), [
    ({}, {"id": "m", "mode": "chat", "max_input_tokens": 272_000, "max_output_tokens": 128_000}),
    ({"UPSTREAM_MODEL": "unknown"}, {"id": "m", "mode": "chat"}),
    ({"CONTEXT_WINDOW": "4096"}, {"max_input_tokens": 4096}),
    ({"MODE": "image"}, {"mode": "image_generation"}),
    ({"INPUT_COST": "1.25", "OUTPUT_COST": "10"}, {"input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05}),
    ({"INPUT_COST": "0"}, {"input_cost_per_token": 0.0}),
])
def test_what_litellm_is_told_about_a_model(more: dict[str, str], expected: dict[str, object]) -> None:
    info = document(one(**more))["model_list"][0]["model_info"]
    assert {name: info.get(name) for name in expected} == expected


def test_chains_and_fallbacks_become_litellms_own() -> None:
    plan = declared(two(MODEL_GPT5_FALLBACKS="deepseek", PROXY_CHAIN_KEYS="c", CHAIN_C_ALIAS="default",
                        CHAIN_C_MODELS="deepseek,gpt5"))
    told = document(plan)
    assert [(entry["model_name"], entry["model_info"]["id"]) for entry in told["model_list"]] == [
        ("gpt-5", "gpt5"), ("deepseek-v3.2", "deepseek"), ("default", "chain:c:deepseek")]
    assert told["model_list"][2]["litellm_params"] == told["model_list"][1]["litellm_params"]
    assert told["router_settings"]["fallbacks"] == [{"default": ["gpt-5"]}, {"gpt-5": ["deepseek-v3.2"]}]


def test_a_long_chain_is_not_cut_by_litellms_bound_on_fallbacks() -> None:
    count = 12
    env = {"PROXY_MODEL_KEYS": ",".join(f"m{n}" for n in range(count)), "PROXY_CHAIN_KEYS": "c",
           "CHAIN_C_MODELS": ",".join(f"m{n}" for n in range(count))}
    env |= {f"MODEL_M{n}_UPSTREAM_MODEL": f"u{n}" for n in range(count)}
    router = document(declared(env))["router_settings"]
    assert len(router["fallbacks"][0]["c"]) == count - 1 <= router["max_fallbacks"]


def test_litellm_behaves_predictably() -> None:
    told = document(declared(two()))
    assert told["litellm_settings"]["drop_params"] is True
    assert told["router_settings"] == {"num_retries": 0, "disable_cooldowns": True, "max_fallbacks": 5}
    assert told["general_settings"]["master_key"] == "os.environ/LITELLM_MASTER_KEY"
    assert told["general_settings"]["disable_model_info_refresh"] is True


def test_the_file_names_none_of_our_modules() -> None:
    text = render_config(declared(two()))
    assert not re.search(r"callbacks|custom_auth|src\.|litellm_gateway\.", text)


def test_no_secret_is_ever_written() -> None:
    names = ("OPENAI_API_KEY", "LITELLM_MASTER_KEY", "MODEL_GPT5_API_KEY", "GROK_API_SECRET", "GATEWAY_METRICS_KEY")
    secrets = {name: canary() for name in names}
    plan = declared(two(secrets)).checked(launch=True)
    written = render_config(plan) + json.dumps(plan_document(plan)) + repr(plan.secrets)
    assert [name for name, value in secrets.items() if value in written] == []
    assert "os.environ/MODEL_GPT5_API_KEY" in written


@pytest.mark.parametrize("alias", [
    "null", "true", "1", "1.5", "2025-01-01", "~", "-", "=", "<<", "a:", "#x", "caf\u00e9", "\u6a21", "\U0001f680",
    "'", '"', "!x", "&x", "%x", "@x", "{x}", "[x]", "0x1f", "1e3", "yes", "a/b:c", "\\x", "|", ">",
])
def test_every_alias_survives_yaml(alias: str) -> None:
    plan = declared(model_specs=(f"upstream=gpt-5,alias={alias}",))
    assert document(plan)["model_list"][0]["model_name"] == alias


def test_long_values_stay_on_one_line() -> None:
    text = render_config(one(HEADERS="X-A=" + "word " * 150 + "end"))
    assert text.count("\n") == render_config(one(HEADERS="X-A=1")).count("\n")


def test_the_order_of_variables_changes_nothing() -> None:
    values = two(MODEL_GPT5_RPM="5", MODEL_DEEPSEEK_HEADERS="X-A=1,X-B=2", GROK_API_SECRET="x", OPENAI_API_KEY="k")
    env = list(values.items())
    texts = set()
    for seed in range(10):
        random.Random(seed).shuffle(env)
        texts.add(render_config(declared(dict(env))))
    assert len(texts) == 1


@pytest.mark.parametrize("more", [
    {"MODEL_GPT5_ALIAS": "x"}, {"MODEL_GPT5_RPM": "5"}, {"MODEL_GPT5_RETRIES": "2"}, {"MODEL_GPT5_INPUT_COST": "1"},
    {"GATEWAY_MAX_BODY_MB": "5"}, {"GATEWAY_CORS_ORIGINS": "*"}, {"PROXY_MODEL_KEYS": "deepseek,gpt5"},
    {"MODEL_GPT5_API_KEY_ENV": "MINE"}, {"PROXY_CHAIN_KEYS": "c", "CHAIN_C_MODELS": "gpt5", "CHAIN_C_ON": "cost"},
    {"GATEWAY_ENVIRONMENT": "production"},
])
def test_the_hash_changes_with_the_content(more: dict[str, str]) -> None:
    assert first_line(declared(two(more))) != first_line(declared(two()))


@pytest.mark.parametrize("more", [
    {"OPENAI_API_KEY": "one key"}, {"OTHER": "x"}, {"PORT": "5000"}, {"WORKERS": "2"}, {"GATEWAY_GRACE": "5"},
    {"MODEL_GPT5_API_BASE": "https://api.openai.com/v1/"}, {"MODEL_GPT5_ALIAS": "gpt-5"},
])
def test_the_hash_stays_where_the_content_stays(more: dict[str, str]) -> None:
    assert first_line(declared(two(more))) == first_line(declared(two()))


def test_the_hash_does_not_depend_on_where_a_model_is_declared() -> None:
    specs = ("key=gpt5,upstream=gpt-5", "key=deepseek,upstream=deepseek-v3.2")
    assert render_config(declared(model_specs=specs)) == render_config(declared(two()))


def first_line(plan: Any) -> str:
    line = render_config(plan.checked()).splitlines()[0]
    assert re.fullmatch(r"# LiteLLM proxy configuration, generated by litellm-gateway\. Content hash: [0-9a-f]{12}",
                        line)
    return line


def test_the_hash_in_the_header_is_that_of_the_body() -> None:
    plan = declared(two())
    header, _, body = render_config(plan).partition("\n")
    assert header.endswith(content_hash(body, plan_document(plan)))
    assert body == dump(config_document(plan)) and yaml.safe_load(body) == config_document(plan)


# --- plan.json --------------------------------------------------------------------------------------------------


def test_the_plan_holds_what_litellm_need_not_know() -> None:
    plan = declared(two(MODEL_GPT5_RPM="5", MODEL_GPT5_INPUT_COST="0.000001", MODEL_GPT5_RETRIES="0",
                        MODEL_GPT5_FALLBACKS="deepseek", PROXY_CHAIN_KEYS="c", CHAIN_C_MODELS="gpt5,deepseek",
                        GATEWAY_MAX_BODY_MB="5", GATEWAY_LOG_FORMAT="text"))
    told = plan_document(plan.checked())
    gpt5, deepseek = told["models"]
    assert (gpt5["rpm"], gpt5["input_cost_micros"], gpt5["retries"], gpt5["fallbacks"]) == (5, 1, 0, ["deepseek"])
    assert (deepseek["rpm"], deepseek["input_cost_micros"], deepseek["retries"], deepseek["stream_timeout"]) == (
        None, None, None, 60.0)
    assert (gpt5["deployment"], gpt5["levels"], gpt5["vision"]) == ("gpt5", ["minimal", "low", "medium", "high"], True)
    assert told["chains"] == [{"key": "c", "alias": "c", "models": ["gpt5", "deepseek"], "on": ["error", "rate_limit"]}]
    assert (told["settings"]["max_body_mb"], told["settings"]["log_json"]) == (5, False)
    assert told["sources"] == {"gpt5": "environment", "deepseek": "environment"}
    assert told["secret_names"] == ["LITELLM_MASTER_KEY", "OPENAI_API_KEY"]
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(("dollars", "expected"), [
    (None, None), (Decimal(0), 0), (Decimal("0.000001"), 1), (Decimal("1.25"), 1_250_000), (Decimal(1_000_000), 10**12),
])
def test_money_is_whole_micro_dollars(dollars: Decimal | None, expected: int | None) -> None:
    assert micros(dollars) == expected


def test_a_yaml_library_without_its_c_emitter_is_an_error_with_the_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeDumper")
    with pytest.raises(GatewayError) as refused:
        render_config(declared(two()))
    assert "libyaml" in refused.value.text() and "pip install --force-reinstall" in refused.value.text()
