"""What single keys of a LiteLLM file mean here: each is a line of a table."""

from typing import Any

import pytest
import yaml

from src.begin import yaml_tree
from src.begin.as_env import env_text
from src.begin.deployment import Reading, free_key
from src.begin.importing import finish, read_file
from src.config.environment import parse_dotenv
from src.errors import ConfigurationError

SET = {"BASE": "https://set.example.com/v1", "SECONDS": "45", "MODEL": "groq/llama-3.3-70b-versatile"}


def read(text: str, **env: str) -> tuple[Reading, dict[str, str]]:
    """Return what was read of a YAML text, and the variables that came of it."""
    reading = read_file(text.encode(), "config.yaml", {**SET, **env}.get)
    values = parse_dotenv(env_text(reading, "config.yaml").encode()).values
    return reading, {name.removeprefix("MODEL_M_"): value for name, (value, _) in values.items()}


def entry(params: dict[str, Any], info: dict[str, Any] | None = None, **more: Any) -> str:
    """Return a file with one model `m`."""
    params = {"model": "openai/x", **params}
    return yaml.safe_dump({"model_list": [{"model_name": "m", "litellm_params": params, "model_info": info or {}}],
                           **more}, sort_keys=False)


def lost(reading: Reading) -> dict[str, str]:
    return {item.path.rpartition("litellm_params.")[2]: item.text for item in finish(reading).of("lost")}


@pytest.mark.parametrize("params, expected", [
    ({"rpm": 60, "tpm": "1000"}, {"RPM": "60", "TPM": "1000"}),
    ({"max_parallel_requests": 8, "max_tokens": 800}, {"MAX_PARALLEL": "8", "MAX_TOKENS": "800"}),
    ({"timeout": "os.environ/SECONDS"}, {"TIMEOUT": "45"}),
    ({"timeout": 12.5, "stream_timeout": 60}, {"TIMEOUT": "12.5"}),
    ({"model": "gpt-5", "reasoning_effort": "high"}, {"UPSTREAM_MODEL": "gpt-5", "REASONING_EFFORT": "high"}),
    ({"api_base": "os.environ/BASE"}, {"API_BASE": "https://set.example.com/v1"}),
    ({"base_url": "https://a.example.com/"}, {"API_BASE": "https://a.example.com"}),
    ({"api_base": "https://api.openai.com/v1"}, {}),
    ({"api_key": "os.environ/OPENAI_API_KEY"}, {}),
    ({"api_key": "os.environ/MY_KEY"}, {"API_KEY_ENV": "MY_KEY"}),
    ({"api_key": "os.environ/MODEL_M_API_KEY"}, {"API_KEY": ""}),
    ({"api_key": "not-needed"}, {"API_KEY_ENV": "none"}),
    ({"model": "ollama/llama3", "api_key": "not-needed"}, {"UPSTREAM_MODEL": "ollama/llama3"}),
    ({"model": "gemini/x", "api_key": "os.environ/GOOGLE_AI_API_KEY"},
     {"UPSTREAM_MODEL": "gemini/x", "API_KEY_ENV": "GOOGLE_AI_API_KEY"}),
    ({"model": "os.environ/MODEL"}, {"UPSTREAM_MODEL": "groq/llama-3.3-70b-versatile"}),
    ({"model": "openai/groq/x"}, {"UPSTREAM_MODEL": "openai/groq/x"}),
    ({"model": "openai/openai/x"}, {"UPSTREAM_MODEL": "openai/openai/x"}),
    ({"model": "x", "custom_llm_provider": "mistral"}, {"UPSTREAM_MODEL": "mistral/x"}),
    ({"model": "text-completion-openai/x"}, {}),
    ({"model": "claude-3-haiku"}, {"UPSTREAM_MODEL": "anthropic/claude-3-haiku"}),
    ({"extra_headers": {"X-A": "1,2", "X-B": "b"}}, {"HEADERS": r"X-A=1\,2,X-B=b"}),
    ({"additional_drop_params": ["a", "b"], "allowed_openai_params": ["c"]},
     {"DROP_PARAMS": "a,b", "ALLOW_PARAMS": "c"}),
    ({"drop_params": True, "max_retries": 3, "rpm": None}, {"RETRIES": "3"}),
    ({"max_retries": 0}, {"RETRIES": "0"}),
    ({"input_cost_per_token": 0.000000075, "output_cost_per_token": "3e-07"},
     {"INPUT_COST": "0.075", "OUTPUT_COST": "0.3"}),
])
def test_a_parameter_becomes_a_variable(params: dict[str, Any], expected: dict[str, str]) -> None:
    reading, values = read(entry(params))
    values.pop("PROXY_MODEL_KEYS")
    values.pop("ALIAS")
    assert values == {"UPSTREAM_MODEL": "x", **expected}
    assert lost(reading) == {}


@pytest.mark.parametrize("params, key, text", [
    ({"rpm": 0}, "rpm", "MODEL_M_RPM must be a whole number from 1"),
    ({"rpm": "sixty"}, "rpm", "MODEL_M_RPM must be a whole number"),
    ({"rpm": [1]}, "rpm", "a single value is expected here"),
    ({"timeout": "os.environ/NOT_SET"}, "timeout", "NOT_SET is not set here"),
    ({"timeout": 100_000}, "timeout", "at most 86400"),
    ({"input_cost_per_token": "os.environ/NOT_SET"}, "input_cost_per_token", "NOT_SET is not set here"),
    ({"model": "grok-3", "custom_llm_provider": "xai", "reasoning_effort": "high"}, "reasoning_effort",
     "grok-3 does not accept it"),
    ({"model": "gpt-5", "reasoning_effort": "ultra"}, "reasoning_effort", "gpt-5 accepts minimal, low, medium, high"),
    ({"api_base": "os.environ/NOT_SET"}, "api_base", "replace MODEL_M_API_BASE=https://replace-me.invalid/v1"),
    ({"api_base": "https://u:p@a.example.com"}, "api_base", "replace MODEL_M_API_BASE="),
    ({"api_key": "os.environ/GATEWAY_KEY"}, "api_key", "must not go upstream; set UPSTREAM_KEY_M"),
    ({"api_key": "os.environ/not a name"}, "api_key", "must be the name of a variable"),
    ({"model": "xai/x", "api_key": "os.environ/OPENAI_API_KEY"}, "api_key", "must not go to xai; set XAI_API_KEY"),
    ({"extra_headers": {"X-A": "os.environ/NOT_SET"}}, "extra_headers.X-A", "NOT_SET is not set here"),
    ({"extra_headers": {"X-A": " padded "}}, "extra_headers", "begins or ends with spaces"),
    ({"extra_headers": {"X-Api-Key": "v"}}, "extra_headers", "names the secret header"),
    ({"max_retries": 3, "num_retries": 2}, "num_retries", "MODEL_M_RETRIES is taken from another key"),
    ({"top_k": 3}, "top_k", "endpoints add"), ({"order": 1}, "order", "CHAIN_<KEY>_MODELS"),
    ({"output_cost_per_second": 0.1}, "output_cost_per_second", "only prices of tokens"),
    ({"nobody_knows": 1}, "nobody_knows", "the gateway has nothing like it"),
])
def test_what_cannot_be_carried_is_told_with_what_to_do(params: dict[str, Any], key: str, text: str) -> None:
    found = lost(read(entry(params))[0])
    assert text in found[key], found


@pytest.mark.parametrize("stated, key", [
    ("mine", "mine"), ("a" * 32, "a" * 32), ("a" * 33, "m"), ("Not simple", "m"), ("9x", "m"), (None, "m")])
def test_a_simple_id_becomes_the_key(stated: str | None, key: str) -> None:
    assert [model.key for model in read(entry({}, {"id": stated}))[0].models] == [key]


@pytest.mark.parametrize("name, taken, key", [
    ("a", [], "a"), ("a", ["a"], "a_2"), ("a", ["a", "a_2"], "a_3"), ("ab", ["a"], "ab"),
    ("a_stream", ["a"], "a_stream_2"), ("a", ["a_stream"], "a_2"),  # whose would MODEL_A_STREAM_TIMEOUT be?
])
def test_a_key_is_numbered_where_it_is_taken_or_unclear(name: str, taken: list[str], key: str) -> None:
    assert free_key(name, taken) == key


@pytest.mark.parametrize("settings, warned", [
    ({"some_token": "abc"}, True), ({"database_url": "postgresql://u:p@db/x"}, True),
    ({"database_url": "postgresql://db/x"}, False), ({"some_token": "os.environ/X"}, False),
    ({"token_cost": "1"}, False), ({"some_token": ""}, False),
])
def test_a_secret_in_clear_is_said_even_where_it_is_not_carried(settings: dict[str, str], warned: bool) -> None:
    found = finish(read(entry({}, general_settings=settings))[0]).of("warning")
    assert [item.path for item in found if "secret in clear" in item.text] == [
        f"general_settings.{name}" for name in settings if warned]


@pytest.mark.parametrize("more, expected", [
    ({"litellm_settings": {"json_logs": True}}, {"GATEWAY_LOG_FORMAT": "json"}),
    ({"general_settings": {"max_request_size_mb": 5}}, {"GATEWAY_MAX_BODY_MB": "5"}),
    ({"general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"}}, {}),
    ({"general_settings": {"master_key": "a-long-enough-master-7"}}, {"LITELLM_MASTER_KEY": "a-long-enough-master-7"}),
    ({"environment_variables": {"HTTPS_PROXY": "http://p.example.com:1", "SAME": "os.environ/SAME"}},
     {"HTTPS_PROXY": "http://p.example.com:1"}),
    ({"litellm_settings": {"request_timeout": 9}, "router_settings": {"timeout": 7}}, {"TIMEOUT": "9"}),
    ({"router_settings": {"num_retries": 1, "stream_timeout": 7}}, {"RETRIES": "1", "STREAM_TIMEOUT": "7"}),
    ({"litellm_settings": {"num_retries": None, "cache_params": None, "json_logs": True}},
     {"GATEWAY_LOG_FORMAT": "json"}),
    ({"litellm_settings": {"callbacks": "prometheus", "drop_params": "True", "cache": False}}, {}),
])
def test_a_setting_becomes_a_variable_or_is_not_needed(more: dict[str, Any], expected: dict[str, str]) -> None:
    reading, values = read(entry({}, **more))
    assert {name: value for name, value in values.items()
            if name not in ("PROXY_MODEL_KEYS", "ALIAS", "UPSTREAM_MODEL")} == expected
    assert lost(reading) == {}


@pytest.mark.parametrize("more, path, text", [
    ({"general_settings": {"master_key": "sk-1234"}}, "general_settings.master_key", "publicly known"),
    ({"general_settings": {"master_key": "os.environ/OTHER"}}, "general_settings.master_key", "the value of OTHER"),
    ({"general_settings": {"max_request_size_mb": 0}}, "general_settings.max_request_size_mb", "from 1 to 4096"),
    ({"litellm_settings": {"num_retries": "os.environ/NOT_SET"}}, "litellm_settings.num_retries", "is not set here"),
    ({"litellm_settings": {"fallbacks": [{"m": "m"}]}}, "litellm_settings.fallbacks[0].m", "a list of model names"),
    ({"litellm_settings": {"fallbacks": [{"n": ["m"]}]}}, "litellm_settings.fallbacks[0].n", "no model of this file"),
    ({"litellm_settings": {"cache_params": {"type": "redis"}}}, "litellm_settings.cache_params", "caches no answers"),
    ({"router_settings": {"redis_url": "redis://x"}}, "router_settings.redis_url", "GATEWAY_DATABASE_URL"),
    ({"router_settings": {"model_group_alias": {"m": "m"}}}, "router_settings.model_group_alias.m", "has this name"),
    ({"environment_variables": {"A": ["b"]}}, "environment_variables.A", "no variable with a value"),
    ({"misspelt_settings": {"a": 1}}, "misspelt_settings", "nothing here reads it"),
    ({"litellm_settings": "oops"}, "litellm_settings", "nothing here reads it"),
])
def test_a_setting_that_cannot_be_carried_is_told(more: dict[str, Any], path: str, text: str) -> None:
    found = {item.path: item.text for item in finish(read(entry({}, **more))[0]).of("lost")}
    assert text in found[path], found


def test_azure_versions_that_differ_are_told_and_equal_ones_are_carried() -> None:
    def azure(version: str) -> dict[str, Any]:
        return {"model_name": version, "litellm_params": {
            "model": "azure/x", "api_base": "https://x.openai.azure.com", "api_version": version}}
    same, values = read(yaml.safe_dump({"model_list": [azure("2024-10-21")]}))
    assert values["AZURE_API_VERSION"] == "2024-10-21" and lost(same) == {}
    other, values = read(yaml.safe_dump({"model_list": [azure("2024-10-21"), azure("2025-01-01")]}))
    assert "AZURE_API_VERSION" not in values
    assert [item.path for item in finish(other).of("lost")] == [
        f"model_list[{number}].litellm_params.api_version" for number in (0, 1)]


def test_an_openai_base_set_elsewhere_does_not_take_openais_models_along() -> None:
    _, values = read(entry({"api_base": "https://api.openai.com/v1"}), OPENAI_API_BASE="https://other.example.com/v1")
    assert values["API_BASE"] == "https://api.openai.com/v1"


def test_anchors_and_merge_keys_mean_what_yaml_says() -> None:
    _, values = read("base: &base {model: openai/x, rpm: 5, timeout: 0x10}\nmodel_list:\n"
                     "- {model_name: m, litellm_params: {<<: *base, rpm: 010}}\n")
    assert (values["UPSTREAM_MODEL"], values["RPM"], values["TIMEOUT"]) == ("x", "8", "16")


def test_a_number_beyond_all_bounds_and_a_merge_of_nothing_are_told_or_passed_over() -> None:
    reading, values = read("model_list:\n- model_name: m\n  litellm_params:\n    <<: oops\n    model: openai/x\n"
                           f"    rpm: {'9' * 5000}\n")
    assert "RPM" not in values and "MODEL_M_RPM must be" in lost(reading)["rpm"]


def test_a_model_that_only_an_unset_variable_names_is_told() -> None:
    reading, values = read(entry({}) + "- {model_name: n, litellm_params: {model: os.environ/NOT_SET}}\n")
    assert values["PROXY_MODEL_KEYS"] == "m"
    assert [item.text for item in finish(reading).of("lost")] == [
        "NOT_SET is not set here; set it and import again", "the entry is left out without its model"]


def test_a_parameter_beside_its_block_is_told() -> None:
    reading, values = read("model_list: [{model_name: m, litellm_params: {model: openai/x}, rpm: 5}]")
    assert "RPM" not in values
    assert [item.text for item in finish(reading).of("lost")] == [
        "LiteLLM reads it inside litellm_params only; set MODEL_M_RPM if it is meant"]


def test_a_setting_under_another_name_is_told() -> None:
    reading, values = read(entry({"model": "vertex_ai/x", "vertex_location": "os.environ/REGION"}))
    assert lost(reading) == {"vertex_location": "set VERTEXAI_LOCATION to the value of REGION"}


def test_rows_tell_which_settings_they_cannot_hold() -> None:
    text = entry({"model": "xai/x"}, router_settings={"stream_timeout": 5, "timeout": 6})
    reading = read_file(text.encode(), "config.yaml", SET.get, rows=True)
    assert list(lost(reading)) == ["router_settings.stream_timeout"] and reading.models[0].values["timeout"] == "6"


def test_a_second_list_of_fallbacks_for_a_name_is_told_and_stars_are_the_default() -> None:
    models = [{"model_name": name, "litellm_params": {"model": f"openai/{name}"}} for name in "abc"]
    reading, _ = read(yaml.safe_dump({"model_list": models, "litellm_settings": {
        "fallbacks": [{"a": ["b"]}, {"a": ["c"]}, {"*": ["c"]}]}}))
    assert [model.fallbacks for model in reading.models] == [["b"], ["c"], []]
    assert [item.text for item in finish(reading).of("lost")] == ["this name has fallbacks already"]


def test_a_key_that_stands_twice_is_told() -> None:
    reading, values = read("model_list:\n- model_name: m\n  litellm_params:\n    model: openai/x\n    rpm: 1\n"
                           "    rpm: 2\n")
    assert values["RPM"] == "2"
    assert [(item.line, item.text) for item in finish(reading).of("lost")] == [
        (5, "the key stands twice in the same mapping; the last one counts")]


@pytest.mark.parametrize("text, what", [
    ("", "no mapping with a model_list"), ("- a", "no mapping with a model_list"), ("a: [", "this is not YAML"),
    ("a: \x01", "this is not YAML"), ("model_list: []", "model_list is missing or empty"),
    ("model_list: {a: 1}", "model_list is missing or empty"), ("a: " + "[" * 60, "nests deeper than 50 levels"),
    ("model_list: &a [*a]", "repeat without end"),
    ("model_list: [{model_name: a, litellm_params: {model: nobody/x}}]", "no entry of model_list can be imported"),
])
def test_a_file_that_is_none_is_refused_with_its_place(text: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_file(text.encode(), "config.yaml", SET.get)
    problem = caught.value.problems[0]
    assert what in problem.what and problem.where.startswith("config.yaml") and problem.repair


def test_aliases_that_multiply_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "_MOST", 500)
    text = "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]\n"
    with pytest.raises(ConfigurationError, match="repeat without end"):
        read_file(text.encode(), "config.yaml", SET.get)


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_file(b"model_list:\n- \xff\n", "config.yaml", SET.get)
    assert caught.value.problems[0].where == "config.yaml line 2"
