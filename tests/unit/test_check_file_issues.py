"""Public issues and documentation of LiteLLM: each file as its author had it, and the finding that was missing."""

from collections.abc import Mapping

import pytest

from src.checker.codes import severity

from .checking_support import ENVIRON, MODEL, findings, models

AZURE = {"LITELLM_MASTER_KEY": ENVIRON["LITELLM_MASTER_KEY"]}
Case = tuple[str, str, Mapping[str, str], tuple[str, int, str]]

# Where it is from; the file; its environment; code, line and a part of what an operator would have needed to read.
ISSUES: list[Case] = [
    # A checker was asked for: what it should find, one by one.
    ("BerriAI/litellm #34877, 1", MODEL + "router_settings:\n  fallbacks:\n  - gpt-5: [gpt-5-minni]\n", ENVIRON,
     ("GW303", 8, "falls back to 'gpt-5-minni', which is no model of this file")),
    ("BerriAI/litellm #34877, 2", MODEL + "- model_name: gpt-5\n  litellm_params: {model: openai/gpt-4o}\n", ENVIRON,
     ("GW301", 6, "requests go to gpt-5 or gpt-4o at random")),
    ("BerriAI/litellm #34877, 3", MODEL + "router_settings:\n  routing_strategy: usage-based-routing-v3\n", ENVIRON,
     ("GW102", 7, "there is no routing_strategy 'usage-based-routing-v3'")),
    ("BerriAI/litellm #34877, 4", MODEL, AZURE, ("GW505", 5, "OPENAI_API_KEY is not set")),
    ("BerriAI/litellm #34877, 5", MODEL + "routerSettings: {num_retries: 2}\n", ENVIRON,
     ("GW208", 6, "did you mean router_settings?")),
    ("BerriAI/litellm #34877, 6", "model_list:\n- model_name: a\n  litellm_params:\n    model: [openai/gpt-5]\n",
     ENVIRON, ("GW102", 4, "model is a list; LiteLLM needs text")),
    # Nobody could find out how a reasoning level is written.
    ("BerriAI/litellm #10223", "model_list:\n- model_name: o4-mini-high\n  litellm_params:\n    model: openai/o4-mini\n"
     "    reasoning_effort: o4-high\n", ENVIRON, ("GW701", 5, "reasoning_effort 'o4-high' is no level")),
    # general_setting, without its s: health checks ran for models that were excluded.
    ("BerriAI/litellm #31287", MODEL + "general_setting:\n  health_check_skip_disabled_background_models: true\n",
     ENVIRON, ("GW208", 6, "LiteLLM does not read 'general_setting'; did you mean general_settings?")),
    # The variable with the host was not set: requests, and the key, went to another company.
    ("BerriAI/litellm #6332", "model_list:\n- model_name: SuperEngine\n  litellm_params:\n"
     "    model: litellm_proxy/SuperEngine\n    api_base: os.environ/SUPER_ENGINE_HOST\n    api_key: unused\n", ENVIRON,
     ("GW505", 5, "SUPER_ENGINE_HOST is not set")),
    # References work when they are whole values of variables that are set, and only then.
    ("BerriAI/litellm #8919",
     "model_list:\n- model_name: gpt-4o\n  litellm_params:\n    model: os.environ/AZURE_MODEL\n"
     "    api_base: os.environ/AZURE_API_BASE\n    api_key: os.environ/AZURE_API_KEY\n"
     "    api_version: os.environ/AZURE_API_VERSION\n", AZURE, ("GW505", 4, "AZURE_MODEL is not set")),
    ("BerriAI/litellm #8919, the deployment alone", "model_list:\n- model_name: gpt-4o\n  litellm_params:\n"
     "    model: os.environ/AZURE_MODEL\n    api_base: os.environ/AZURE_API_BASE\n    api_key: none\n",
     {**AZURE, "AZURE_MODEL": "my-deployment", "AZURE_API_BASE": "https://a.example.com"},
     ("GW707", 4, "'my-deployment' names no provider that LiteLLM knows")),
    # Fallbacks in a circle: one bad request took a replica down.
    ("BerriAI/litellm #35303", models("gpt-4", "gpt-4o", "gpt-4.1") + "router_settings:\n  fallbacks:\n"
     "  - gpt-4: [gpt-4o]\n  - gpt-4o: [gpt-4.1]\n  - gpt-4.1: [gpt-4]\n", ENVIRON,
     ("GW304", 15, "fallbacks run in a circle: gpt-4 -> gpt-4o -> gpt-4.1 -> gpt-4")),
    # Documented under litellm_settings for years, read only in general_settings.
    ("BerriAI/litellm-docs #1184", MODEL + "litellm_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY\n"
     "  database_url: os.environ/DATABASE_URL\n", {**ENVIRON, "DATABASE_URL": "postgresql://db/x"},
     ("GW202", 7, "master_key stands in litellm_settings; LiteLLM reads it in general_settings")),
    # One key too far left: the headers were never sent.
    ("BerriAI/litellm #1009", "model_list:\n- model_name: DeepSeek-Coder\n  litellm_params:\n"
     "    model: ollama/DeepSeek-Coder\n    api_base: http://127.0.0.1:9000\n  headers: {X-Title: mine}\n", ENVIRON,
     ("GW202", 6, "headers stands beside litellm_params; LiteLLM reads it inside")),
    # A callback with its parameters instead of its name ended the start with 'dict' has no attribute 'startswith'.
    ("BerriAI/litellm #20282", MODEL + "litellm_settings:\n  callbacks:\n  - websearch_interception:\n"
     "      enabled_providers: [bedrock]\n", ENVIRON, ("GW209", 8, "callbacks names")),
    # Set by the file, and read too early to be seen.
    ("BerriAI/litellm #22088", "model_list:\n- model_name: a\n  litellm_params:\n    model: openai/gpt-5\n"
     "    api_key: os.environ/FROM_HERE\nenvironment_variables:\n  FROM_HERE: some-value\n", ENVIRON,
     ("GW505", 5, "which LiteLLM reads after it has replaced references")),
    # A provider's old name for itself.
    ("BerriAI/litellm #1208", "model_list:\n- model_name: llama\n  litellm_params:\n"
     "    model: togethercomputer/llama-2-70b-chat\n", ENVIRON, ("GW706", 4, "knows no provider 'togethercomputer'")),
    # Two names of its page of all settings that no code reads.
    ("documentation: service_callbacks", MODEL + "litellm_settings:\n  service_callbacks: [datadog]\n", ENVIRON,
     ("GW208", 7, "did you mean service_callback?")),
    ("documentation: enable_pre_call_check", MODEL + "router_settings:\n  enable_pre_call_check: true\n", ENVIRON,
     ("GW208", 7, "did you mean enable_pre_call_checks?")),
    # The documentation's own example of a master key; LiteLLM refuses it today.
    ("documentation: quick start", MODEL + "general_settings:\n  master_key: sk-1" + "234\n", {"OPENAI_API_KEY": "v"},
     ("GW402", 7, "publicly known")),
    # `api_version: 2024-10-21` without quotes is a date for YAML.
    ("documentation: Azure", "model_list:\n- model_name: a\n  litellm_params:\n    model: azure/a\n"
     "    api_base: https://a.example.com\n    api_key: none\n    api_version: 2024-10-21\n", ENVIRON,
     ("GW102", 7, "LiteLLM needs text")),
]


@pytest.mark.parametrize(("origin", "text", "environ", "needed"), ISSUES, ids=[case[0] for case in ISSUES])
def test_the_operator_would_have_read_it(origin: str, text: str, environ: Mapping[str, str],
                                         needed: tuple[str, int, str]) -> None:
    code, line, what = needed
    found = [one for one in findings(text, environ) if one.code == code and one.place.line == line]
    assert found and what in found[0].what, (origin, findings(text, environ))
    assert severity(code) == "error" and found[0].repair


# Examples as the documentation shows them, here without what they leave to the reader: nothing to say.
DOCUMENTED = [
    "model_list:\n- model_name: gpt-4o\n  litellm_params: {model: azure/gpt-4o-eu, rpm: 6,\n"
    "    api_base: 'https://eu.example.com/', api_key: os.environ/AZURE_API_KEY_EU}\n- model_name: gpt-4o\n"
    "  litellm_params: {model: azure/gpt-4o-ca, rpm: 6,\n    api_base: 'https://ca.example.com/',\n"
    "    api_key: os.environ/AZURE_API_KEY_CA}\n  model_info: {mode: chat}\n",
    "model_list:\n- model_name: '*'\n  litellm_params: {model: '*'}\nlitellm_settings: {set_verbose: true}\n",
    "model_list:\n- model_name: anthropic/*\n  litellm_params: {model: anthropic/*,\n"
    "    api_key: os.environ/ANTHROPIC_API_KEY}\n",
    "model_list:\n- model_name: vllm-models\n  litellm_params: {model: openai/facebook/opt-125m,\n"
    "    api_base: 'http://127.0.0.1:8001/v1', api_key: none, rpm: 1440}\n  model_info: {version: 2}\n",
    "model_list:\n- model_name: gpt-5\n  litellm_params: {model: openai/gpt-5, temperature: 0.5, max_tokens: 100,\n"
    "    organization: org-x, api_key: os.environ/OPENAI_API_KEY}\nlitellm_settings: {drop_params: true,\n"
    "  success_callback: [langfuse], num_retries: 3, request_timeout: 10, default_fallbacks: [gpt-5],\n"
    "  allowed_fails: 3}\nrouter_settings: {routing_strategy: simple-shuffle, model_group_alias: {gpt-4: gpt-5},\n"
    "  num_retries: 2, timeout: 30, redis_host: a, redis_port: 1992, redis_password: os.environ/REDIS_PASSWORD}\n",
]
DOCUMENTED_ENVIRON = {**ENVIRON, "AZURE_API_KEY_EU": "v", "AZURE_API_KEY_CA": "v", "ANTHROPIC_API_KEY": "v",
                      "REDIS_PASSWORD": "v", "GATEWAY_LOAD_BALANCE": "gpt-4o"}


@pytest.mark.parametrize("text", DOCUMENTED, ids=range(len(DOCUMENTED)))
def test_documented_examples_are_no_alarm(text: str) -> None:
    found = findings(text, DOCUMENTED_ENVIRON)
    assert [one for one in found if severity(one.code) == "error"] == []
    assert {one.code for one in found} <= {"GW601", "GW704"}
