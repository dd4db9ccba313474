"""Workers read in plan.json what the launcher wrote there: nothing is lost, renamed or filled in on the way."""

import json
from dataclasses import fields
from typing import Any

import pytest

from src.config.document import plan_document
from src.hooks.planview import ChainView, LedgerView, ModelView, PlanView, SettingsView, read_plan
from tests.unit.declaring import declared, two

# Every field of a model, and every setting that a worker needs, with a value that is no default.
MODEL = {
    "ALIAS": "quick", "MODE": "completion", "API_BASE": "http://base/v1", "API_KEY_ENV": "OWN_KEY",
    "REASONING_EFFORT": "low", "TIMEOUT": "7.5", "STREAM_TIMEOUT": "8", "RETRIES": "3", "MAX_TOKENS": "11", "RPM": "12",
    "TPM": "13", "RPD": "14", "TPD": "15", "MAX_PARALLEL": "16", "FALLBACKS": "deepseek", "INPUT_COST": "1.25",
    "OUTPUT_COST": "0.000001", "CONTEXT_WINDOW": "17", "HEADERS": "X-A=b", "ALLOW_PARAMS": "top_k", "DROP_PARAMS": "n",
}
SETTINGS = {
    "GATEWAY_MAX_BODY_MB": "3", "GATEWAY_BODY_TIMEOUT": "4.5", "GATEWAY_CORS_ORIGINS": "https://a.test,https://b.test",
    "GATEWAY_EXTRA_ROUTES": "/rerank", "GATEWAY_METRICS_PUBLIC": "yes", "GATEWAY_CONFIG_TTL": "5",
    "GATEWAY_MODELS_TTL": "6", "GATEWAY_STORE_DOWN": "deny", "GATEWAY_RESET_ZONES": "gemini=UTC",
    "GATEWAY_ENVIRONMENT": "prod", "GATEWAY_LOG_FORMAT": "text", "GATEWAY_LEDGER": "off", "GATEWAY_LEDGER_DAYS": "1",
    "GATEWAY_LEDGER_MAX_MB": "2", "GATEWAY_LEDGER_CONTENT": "3", "GATEWAY_LEDGER_SPILL_MB": "4",
    "GATEWAY_LEDGER_SPILL_DIR": "/spill", "PROXY_CHAIN_KEYS": "c", "CHAIN_C_MODELS": "gpt5,deepseek",
    "CHAIN_C_ON": "cost",
    "CHAIN_C_ALIAS": "any",
}


def document() -> dict[str, Any]:
    """Return the plan.json of a declaration that says everything."""
    env = two(SETTINGS, **{f"MODEL_GPT5_{name}": value for name, value in MODEL.items()})
    return {**plan_document(declared(env).checked()), "hash": "0123456789ab"}


def read(plan: dict[str, Any]) -> PlanView:
    return read_plan(json.dumps(plan))


def as_written(view: object) -> dict[str, Any]:
    """Return a view's fields as JSON has them."""
    values = {field.name: getattr(view, field.name) for field in fields(view)}  # type: ignore[arg-type]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def test_every_field_of_a_model_arrives() -> None:
    written = document()
    for entry, view in zip(written["models"], read(written).models, strict=True):
        del entry["headers"]  # read where lists of models are asked for, from the document itself
        assert {name: value for name, value in as_written(view).items() if name != "source"} == entry


def test_a_models_declaration_is_what_the_workers_use() -> None:
    model = read(document()).models[0]
    assert model == ModelView(
        key="gpt5", alias="quick", deployment="gpt5", provider="openai", model="openai/gpt-5", mode="completion",
        base="http://base/v1", key_env="OWN_KEY", reasoning_effort="low", accepts_reasoning=True,
        levels=("minimal", "low", "medium", "high"), timeout=7.5, stream_timeout=8.0, retries=3, max_tokens=11, rpm=12,
        tpm=13, rpd=14, tpd=15, max_parallel=16, fallbacks=("deepseek",), input_cost_micros=1_250_000,
        output_cost_micros=1, context_window=17, max_output=128_000, vision=True, tools=True, streaming=True,
        allow_params=("top_k",), drop_params=("n",))


@pytest.mark.parametrize(("part", "kind"), [("settings", SettingsView), ("ledger", LedgerView)])
def test_every_setting_arrives(part: str, kind: type) -> None:
    written = document()
    view = getattr(read(written), part)
    assert as_written(view) == written[part]
    assert not {name for name, value in as_written(kind()).items() if written[part][name] == value}, "still the default"


def test_chains_names_of_secrets_and_the_hash_arrive() -> None:
    written = document()
    plan = read(written)
    assert plan.chains == (ChainView("c", "any", ("gpt5", "deepseek"), ("cost",)),)
    assert (plan.config, plan.secret_names, plan.foreign) == ("0123456789ab", tuple(written["secret_names"]), False)
    assert "OWN_KEY" in plan.secret_names and plan.raw == json.loads(json.dumps(written))
    assert plan.aliases() == ("quick", "deepseek-v3.2", "any")


@pytest.mark.parametrize("text", ['{"models": [{}]}', '{"models": [{"key": "a", "alias": "a"}]}', '{"chains": [{}]}'])
def test_a_model_without_a_name_is_a_fault(text: str) -> None:
    with pytest.raises(TypeError):
        read_plan(text)


def test_what_a_later_gateway_writes_is_left_alone() -> None:
    plan = read_plan('{"models": [{"key": "a", "alias": "a", "deployment": "a", "new": 1}], "settings": {"new": 1}}')
    assert (plan.models, plan.settings, plan.ledger) == ((ModelView("a", "a", "a"),), SettingsView(), LedgerView())


@pytest.mark.parametrize(("alias", "model", "name", "served"), [
    ("xai/*", "xai/*", "xai/grok-3-mini", ("xai/grok-3-mini", "xai/grok-3-mini", True, ("low", "high"))),
    ("xai/*", "xai/*", "xai/grok-3", ("xai/grok-3", "xai/grok-3", False, ())),
    ("g/*", "xai/grok-*", "g/3-mini", ("g/3-mini", "xai/grok-3-mini", True, ("low", "high"))),
    ("xai/*", "xai/*", "other", ("xai/*", "xai/*", None, ())), ("xai/*", "xai/*", None, ("xai/*", "xai/*", None, ())),
    ("plain", "xai/grok-3", "plain", ("plain", "xai/grok-3", None, ())),
])
def test_a_wildcard_serves_a_name_as_what_is_known_of_it(alias: str, model: str, name: str | None,
                                                         served: tuple[object, ...]) -> None:
    view = ModelView("k", alias, "d", provider="xai", model=model).serving(name)
    assert (view.alias, view.model, view.accepts_reasoning, view.levels) == served
