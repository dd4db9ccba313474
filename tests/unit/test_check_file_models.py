"""Whom the models of a LiteLLM file ask, with which key, and what LiteLLM's price list knows of them."""

import pytest

from .checking_support import ENVIRON, errors, findings, model, models, short

PROVIDERS = [
    # litellm_params.model, more lines, what is found
    ("gpt-5", "", []),
    ("claude-sonnet-4-5-20250929", "", []),
    ("claude-future-9-1", "", ["GW601"]),  # a rule of LiteLLM's gives it to Anthropic
    ("my-finetune", "", ["GW707"]),
    ("gtp-5", "", ["GW707"]),
    ("opneai/gpt-5", "", ["GW706"]),
    ("acme/gpt-5", "", ["GW706"]),
    ("my-finetune", "api_base: http://127.0.0.1:9/v1", ["GW707"]),
    ("my-finetune", "api_base: https://api.groq.com/openai/v1", ["GW601"]),
    ("my-finetune", "api_base: http://api.groq.com/openai/v1/", ["GW601"]),
    ("my-finetune", "api_base: api.groq.com/openai/v1", ["GW601"]),
    ("acme/my-finetune", "api_base: http://127.0.0.1:9/v1", ["GW707"]),
    ("gorq/my-finetune", "api_base: http://127.0.0.1:9/v1", ["GW706"]),
    ("my-finetune", "custom_llm_provider: openai", ["GW601"]),
    ("openai/gpt-5", "custom_llm_provider: ''", []),
    ("my-finetune", "custom_llm_provider: opnai", ["GW706"]),
    ("resend_email/my-prompt", "", []),  # a prompt of a callback says which model
    ("openai/*", "", []),
    ("'*'", "", []),
    ("auto_router/complexity_router", "", ["GW212"]),
    ("auto_router/", "", ["GW207", "GW212"]),
    ("os.environ/UNSET_MODEL", "", ["GW505"]),
]


@pytest.mark.parametrize(("name", "more", "found"), PROVIDERS, ids=[f"{name} {more}" for name, more, _ in PROVIDERS])
def test_whom_a_model_asks(name: str, more: str, found: list[str]) -> None:
    assert [one.code for one in findings(model(more, model=name))] == found


def test_a_provider_of_the_file_s_own_is_known() -> None:
    text = model(model="mine/model") + ("litellm_settings:\n  custom_provider_map:\n"
                                        "  - {provider: mine, custom_handler: json.decoder}\n")
    assert "GW706" not in errors(text)


REPAIRS = [
    # litellm_params.model, more lines, the repair
    ("gorq/llama-3.3-70b", "", "model: groq/..."),
    ("acme/gpt-5", "", "model: openai/..."),
    ("my-finetune", "custom_llm_provider: opnai", "custom_llm_provider: openai"),
    ("my-finetune", "custom_llm_provider: qqqqqqq", "custom_llm_provider: openai"),
    ("gpt-5-mni", "", "model: gpt-5-mini"),
    ("gpt-5-mni", "api_base: http://127.0.0.1:9/v1", "model: openai/gpt-5-mni"),
    ("groq/", "", "model: groq/..."),
    ("claude-3-opus-20240229", "", "model: anthropic/claude-3-opus-20240229"),
    ("claude-3-opus-20240229", "api_base: http://127.0.0.1:9/v1", "model: openai/claude-3-opus-20240229"),
    ("gemini-1.0-pro-002", "", "model: vertex_ai/gemini-1.0-pro-002"),
]


@pytest.mark.parametrize(("name", "more", "repair"), REPAIRS, ids=[f"{name} {more}" for name, more, _ in REPAIRS])
def test_a_model_that_nobody_serves_is_told_how_to_name_one(name: str, more: str, repair: str) -> None:
    assert [one.repair for one in findings(model(more, model=name))] == [repair]


def test_a_misspelt_provider_and_name_have_a_suggestion() -> None:
    for name, hint in (("gorq/llama-3.3-70b", "did you mean groq?"), ("gpt-5-mni", "did you mean gpt-5-mini?")):
        assert hint in findings(model(model=name))[0].what


CREDENTIALS = [
    # lines of litellm_params, the environment, what is found
    ("model: openai/gpt-5", {}, ["GW406"]),
    ("model: openai/gpt-5", {"OPENAI_API_KEY": "v"}, []),
    ("model: openai/gpt-5", {"OPENAI_API_KEY": " "}, ["GW406"]),
    ("model: openai/gpt-5\n    api_key:", {}, ["GW406"]),
    ("model: openai/gpt-5\n    api_key: ''", {}, ["GW406"]),
    ("model: openai/gpt-5", {"OPENAI_ADMIN_KEY": "v"}, []),
    ("model: groq/openai/gpt-oss-20b", {"OPENAI_ADMIN_KEY": "v"}, ["GW406"]),
    ("model: openai/gpt-5\n    custom_llm_provider: groq", {"OPENAI_API_KEY": "v"}, ["GW406"]),
    ("model: openai/gpt-5\n    extra_headers: {x-token: none}", {}, []),
    ("model: openai/gpt-5\n    extra_headers: {}", {}, ["GW406"]),
    ("model: text-completion-openai/gpt-3.5-turbo-instruct", {}, ["GW406"]),
    ("model: xinference/own", {}, ["GW406", "GW601"]),
    ("model: openai/own\n    api_base: http://127.0.0.1:9/v1", {}, ["GW406", "GW601"]),
    ("model: openai/own\n    api_base: http://127.0.0.1:9/v1\n    api_key: none", {}, ["GW601"]),
    ("model: groq/openai/gpt-oss-20b", {}, ["GW406"]),
    ("model: gemini/gemini-flash-latest\n    api_key: os.environ/NOT_SET", {}, ["GW505"]),
    ("model: scx-ai/some-model", {}, ["GW406", "GW601"]),
    ("model: maritalk/some-model", {"MARITALK_API_KEY": "v"}, ["GW601"]),
    ("model: oci/some-model", {}, ["GW212"]),
    ("model: hosted_vllm/qwen3", {}, ["GW104"]),
    ("model: hosted_vllm/qwen3\n    api_base: http://127.0.0.1:9/v1", {}, []),
    ("model: hosted_vllm/qwen3", {"HOSTED_VLLM_API_BASE": "http://127.0.0.1:9"}, []),
    ("model: hosted_vllm/qwen3", {"HOSTED_VLLM_BASE": "http://127.0.0.1:9"}, []),
    ("model: azure/gpt-5", {"AZURE_API_BASE": "https://a.example.com", "AZURE_API_KEY": "v"}, []),
    ("model: azure/gpt-5", {"AZURE_OPENAI_API_KEY": "v"}, ["GW104"]),
    ("model: azure/gpt-5\n    base_url: https://a.example.com", {"AZURE_AD_TOKEN": "v"}, []),
    ("model: azure_text/own\n    api_base: https://a.example.com\n    api_key: none", {}, ["GW212", "GW601"]),
    ("model: ollama/llama3", {}, []),
    ("model: bedrock/anthropic.claude-3-haiku-20240307-v1:0", {}, []),
    ("model: azure/gpt-5", {}, ["GW104", "GW406"]),
    ("model: azure/gpt-5\n    api_base: os.environ/NOT_SET\n    api_key: none", {}, ["GW505"]),
    ("model: azure/gpt-5\n    api_base: https://a.example.com\n    azure_ad_token: none", {}, []),
    ("model: openai/gpt-5\n    litellm_credential_name: shared", {}, []),
    ("model: openai/gpt-5\n    mock_response: hello", {}, []),
]


@pytest.mark.parametrize(("lines", "environ", "found"), CREDENTIALS, ids=range(len(CREDENTIALS)))
def test_missing_keys_and_bases(lines: str, environ: dict[str, str], found: list[str]) -> None:
    text = f"model_list:\n- model_name: a\n  litellm_params:\n    {lines}\n"
    wanted = {"LITELLM_MASTER_KEY": ENVIRON["LITELLM_MASTER_KEY"], **environ}
    ignored = {"GW704"}  # days pass
    assert [one.code for one in findings(text, wanted) if one.code not in ignored] == found


def test_keys_of_litellm_settings_and_of_the_file_s_environment_count() -> None:
    environ = {"LITELLM_MASTER_KEY": ENVIRON["LITELLM_MASTER_KEY"]}
    text = models("gpt-5")
    assert errors(text, environ) == ["GW406"]
    assert errors(text + "litellm_settings:\n  openai_key: none\n", environ) == []
    assert errors(text + "environment_variables:\n  OPENAI_API_KEY: none\n", environ) == []


KNOWN = [
    ("model: openai/my-own", ["GW601"]),
    ("model: openai/my-own\n    input_cost_per_token: 0.00001", []),
    ("model: openai/gpt-3.5-turbo-0301", ["GW601"]),
    ("model: groq/mixtral-8x7b-32768", ["GW601"]),
    ("model: openai/my-own\n    output_cost_per_token: 0.00001", []),
    ("model: openai/my-own\n    tiered_pricing: []", []),
    ("model: openai/gpt-4o\n    max_tokens: 500000", ["GW708"]),
    ("model: openai/gpt-4o\n    max_tokens: 16384", []),
    ("model: openai/gpt-4o\n    max_tokens: 16385", ["GW708"]),
    ("model: openai/gpt-4o\n    max_tokens: 100\n    max_completion_tokens: 16385", ["GW708"]),
    ("model: openai/gpt-5\n    api_base: http://127.0.0.1:9/v1", []),
    ("model: openai/acme/gpt-5\n    api_base: http://127.0.0.1:9/v1", ["GW601"]),  # another one's gpt-5
    ("model: openai/gpt-4.1\n    reasoning_effort: none", []),
    ("model: openai/gpt-4.1\n    reasoning_effort: disable", []),
    ("model: gpt-4.1\n    reasoning_effort: low", ["GW703"]),
    ("model: openai/gpt-5\n    reasoning_effort: hihg", ["GW701"]),
    ("model: openai/gpt-4.1\n    reasoning_effort: high", ["GW703"]),
    ("model: openai/gpt-5\n    reasoning_effort: high", []),
    ("model: openai/gpt-5\n    reasoning_effort: {effort: high}", []),
]


@pytest.mark.parametrize(("lines", "found"), KNOWN, ids=[lines for lines, _ in KNOWN])
def test_what_is_known_of_a_model(lines: str, found: list[str]) -> None:
    text = f"model_list:\n- model_name: a\n  litellm_params:\n    {lines}\n"
    assert [one.code for one in findings(text)] == found


def test_a_length_that_no_answer_has_is_repaired_by_its_own_name() -> None:
    (found,) = findings(model("max_completion_tokens: 16385", model="openai/gpt-4o"))
    assert found.repair == "max_completion_tokens: 16384" and found.place.line == 6


def test_a_model_behind_its_last_day_is_said() -> None:
    (found,) = [one for one in findings(model(model="openai/gpt-4-1106-preview")) if one.code == "GW704"]
    assert "was retired on 20" in found.what


def test_the_base_model_says_what_an_azure_deployment_is() -> None:
    text = model("api_base: https://a.example.com", model="azure/my-deployment")
    assert [one.code for one in findings(text)] == ["GW601"]
    assert short(text + "  model_info:\n    base_model: azure/gpt-4o\n") == []


ALIASES = [
    (("openai/gpt-5", "openai/gpt-4o"), {}, ["GW301"]),
    (("openai/gpt-5", "openai/gpt-4o"), {"GATEWAY_LOAD_BALANCE": "x, a"}, []),
    (("openai/gpt-5", "azure/gpt-5"), {}, []),
    (("openai/gpt-5", "openai/gpt-5"), {}, []),
    (("openai/gpt-5\n    weight: 1", "openai/gpt-4o\n    weight: 2"), {}, []),
    (("openai/gpt-5\n    tags: [a]", "openai/gpt-4o\n    tags: [b]"), {}, []),
    (("openai/gpt-5\n    order: 1", "openai/gpt-4o"), {}, ["GW301"]),
    (("openai/gpt-5\n    order: 1", "openai/gpt-4o\n    tag_regex: [a]"), {}, []),
    (("openai/gpt-5", "openai/gpt-4o"), {"GATEWAY_LOAD_BALANCE": "aa,b"}, ["GW301"]),
    (("azure/own\n  model_info: {base_model: azure/gpt-5}", "openai/gpt-5"), {}, []),
    (("openai/gpt-5\n  model_info: {team_id: x}", "openai/gpt-4o\n  model_info: {team_id: y}"), {}, []),
    (("openai/gpt-5\n  model_info: {team_id: x}", "openai/gpt-4o"), {}, ["GW301"]),
]


@pytest.mark.parametrize(("upstreams", "environ", "found"), ALIASES, ids=range(len(ALIASES)))
def test_models_that_share_a_name(upstreams: tuple[str, ...], environ: dict[str, str], found: list[str]) -> None:
    entries = "".join(f"- model_name: a\n  litellm_params:\n    api_base: https://a.example.com\n    model: {one}\n"
                      for one in upstreams)
    wanted = {**ENVIRON, "AZURE_API_KEY": "v", **environ}
    assert [one.code for one in findings("model_list:\n" + entries, wanted)] == found
