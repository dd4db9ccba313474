"""Keys of a LiteLLM file: misspelt, unknown, in the wrong block, of a wrong type; each with place and repair."""

import pytest

from .checking_support import ENVIRON, MODEL, errors, findings, model, short

BLOCKS = [
    # what stands in the file, and what is found where
    ("litellm_setings:\n  drop_params: true\n", ["GW208 6:1"]),
    ("generalSettings:\n  max_parallel_requests: 3\n", ["GW208 6:1"]),
    ("general_setting:\n  health_check_skip_disabled_background_models: true\n", ["GW208 6:1"]),
    ("batch_settings: {}\n", ["GW201 6:1"]),
    ("x-anchors: {}\n", []),
    ("master_key: os.environ/LITELLM_MASTER_KEY\n", ["GW202 6:1"]),
    ("num_retries: 3\n", ["GW202 6:1"]),
    ("litellm_params:\n  model: a\n", ["GW202 6:1"]),
    ("1: 2\n", ["GW206 6:1"]),
    ("litellm_settings: []\n", ["GW206 6:19"]),
    ("general_settings: text\n", ["GW206 6:19"]),
    ("router_settings:\n", []),
    ("guardrails:\n- guardrail_name: a\n", ["GW212 6:1"]),
    ("litellm_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY\n", ["GW202 7:3"]),
    ("litellm_settings:\n  routing_strategy: simple-shuffle\n", ["GW202 7:3"]),
    ("litellm_settings:\n  drop_parms: true\n", ["GW208 7:3"]),
    ("litellm_settings:\n  dropParams: true\n", ["GW208 7:3"]),
    ("litellm_settings:\n  qqqqqqq: true\n", ["GW201 7:3"]),
    ("litellm_settings:\n  environment_variables: {}\n", ["GW202 7:3"]),
    ("litellm_settings:\n  model_cost: {}\n", ["GW219 7:3"]),
    ("litellm_settings:\n  callbacks:\n", ["GW105 7:13"]),
    ("litellm_settings:\n  request_timeout: soon\n", ["GW102 7:20"]),
    ("litellm_settings:\n  max_budget: lots\n", ["GW102 7:15"]),
    ("litellm_settings:\n  cache: redis\n", ["GW102 7:10"]),
    ("litellm_settings:\n  langfuse_default_tags: [a, 1]\n", ["GW102 7:30"]),
    ("litellm_settings:\n  upperbound_key_generate_params: {max_budget: many}\n", ["GW102 7:48"]),
    ("litellm_settings:\n  upperbound_key_generate_params: {max_budgt: 3}\n", ["GW208 7:36"]),
    ("litellm_settings:\n  default_team_settings: [{team: a}]\n", ["GW207 7:27"]),
    ("litellm_settings:\n  default_team_settings: [a]\n", ["GW206 7:27"]),
    ("general_settings:\n  3: 4\n", ["GW206 7:3"]),
    ("general_settings:\n  ui_access_mode: everybody\n", ["GW102 7:19"]),
    ("general_settings:\n  max_parallel_requests: '100'\n", ["GW102 7:26"]),
    ("general_settings:\n  health_check_interval: true\n", ["GW102 7:26"]),
    ("general_settings:\n  num_retries: 3\n", ["GW202 7:3"]),
    ("router_settings:\n  num_retrys: 2\n", ["GW208 7:3"]),
    ("router_settings:\n  num_retries: two\n", ["GW102 7:16"]),
    ("router_settings:\n  drop_params: true\n", ["GW202 7:3"]),
    ("router_settings:\n  health_check_interval: 30\n", ["GW202 7:3"]),
    ("router_settings:\n  retry_policy: {TimeoutErrorRetries: twice}\n", ["GW102 7:39"]),
    ("router_settings:\n  retry_policy: {TimeoutRetries: 2}\n", ["GW208 7:18"]),
    ("router_settings:\n  routing_strategy: usage-based\n", ["GW102 7:21"]),
    ("router_settings:\n  routing_strategy: [a]\n", ["GW102 7:21"]),
    ("router_settings:\n  debug_level: WARN\n", ["GW102 7:16"]),
    ("environment_variables:\n  A: {}\n", ["GW206 7:6"]),
    ("environment_variables:\n  'A=B': c\n", ["GW206 7:3"]),
]


@pytest.mark.parametrize(("text", "found"), BLOCKS, ids=range(len(BLOCKS)))
def test_keys_of_blocks(text: str, found: list[str]) -> None:
    assert short(MODEL + text) == found


PARAMS = [
    ("rpm: sixty", ["GW102 6:10"]),
    ("rpm: '60'", []),  # LiteLLM reads numbers from text here
    ("rpm: 0", ["GW102 6:10"]),
    ("timeout: soon", ["GW102 6:14"]),
    ("api_version: 2024-10-21", ["GW102 6:18"]),  # YAML reads a date, LiteLLM leaves the model out
    ("api_version: '2024-10-21'", []),
    ("tags: paid", ["GW102 6:11"]),
    ("extra_headers: [a]", ["GW102 6:20"]),
    ("drop_params: 'yes'", []),
    ("drop_params: maybe", ["GW102 6:18"]),
    ("max_budget: 1e9", []),
    ("descripton_xyz: the best", ["GW203 6:5"]),
    ("temprature: 0.3", ["GW208 6:5"]),
    ("apikey2: a", ["GW208 6:5"]),
    ("supports_vision: true", ["GW202 6:5"]),
    ("mode: embedding", ["GW202 6:5"]),
    ("configurable_clientside_auth_params: [api_base, {api_base: a}, {b: c}]", ["GW206 6:68"]),
    ("aws_session_tags: [{Key: a, Value: b}, {Key: a}]", ["GW206 6:44"]),
    ("timeout_by_service_tier: {flex: soon}", ["GW102 6:37"]),
    ("tiered_pricing: [a]", ["GW102 6:22"]),
    ("max_agentic_loops: true", ["GW102 6:24"]),
    ("organization: []", ["GW102 6:19"]),
    ("organization: [a, b]", []),
    ("routing_strategy_args: {}", []),
    ("database_url: postgresql://db/x", ["GW202 6:5"]),
    ("model_name: b", ["GW202 6:5"]),
    ("5: 6", ["GW206 6:5"]),
    ("tag_regex: ['[']", ["GW102 6:17"]),
    ("budget_duration: a day", ["GW102 6:22"]),
]


@pytest.mark.parametrize(("line", "found"), PARAMS, ids=[line for line, _ in PARAMS])
def test_keys_of_a_model(line: str, found: list[str]) -> None:
    assert short(model(line)) == found


ENTRIES = [
    ("- litellm_params: {model: openai/gpt-5}\n", ["GW207 2:3"]),
    ("- model_name: 5\n  litellm_params: {model: openai/gpt-5}\n", ["GW102 2:15"]),
    ("- model_name: a\n", ["GW207 2:3"]),
    ("- model_name: a\n  litellm_params: {api_key: none}\n", ["GW207 3:19"]),
    ("- model_name: a\n  litellm_params: {model: {a: b}}\n", ["GW102 3:27"]),
    ("- model_name: a\n  litellm_params: {model: openai/}\n", ["GW207 3:27"]),
    ("- text\n", ["GW206 2:3"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: text\n", ["GW206 4:15"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  headers: {}\n", ["GW202 4:3"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  supports_vision: true\n", ["GW202 4:3"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  modelinfo: {}\n", ["GW208 4:3"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  zzzz: {}\n", ["GW201 4:3"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  2: {}\n", ["GW206 4:3"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  rpm: 60\n", []),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  rpm: many\n", ["GW102 4:8"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  blocked: [a]\n", ["GW102 4:12"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {ptu_count: 0}\n", ["GW102 4:27"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {access_windows: [{a: b}]}\n",
     ["GW212 4:32"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {note: ours, id: 5}\n", []),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {max_input_tokns: 1}\n", ["GW208 4:16"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {api_key: none}\n", ["GW202 4:16"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {7: a}\n", ["GW206 4:16"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {id: x}\n"
     "- model_name: b\n  litellm_params: {model: openai/gpt-5}\n  model_info: {id: x}\n", ["GW217 7:20"]),
]


@pytest.mark.parametrize(("entries", "found"), ENTRIES, ids=range(len(ENTRIES)))
def test_entries_of_model_list(entries: str, found: list[str]) -> None:
    assert short("model_list:\n" + entries) == found


@pytest.mark.parametrize("text", ["general_settings: {}\n", "model_list: []\n", "model_list:\n"])
def test_a_file_without_models_serves_nothing(text: str) -> None:
    assert "GW109" in errors(text)


def test_models_may_be_in_the_database() -> None:
    assert errors("model_list: []\n", {**ENVIRON, "DATABASE_URL": "postgresql://db/litellm"}) == []


@pytest.mark.parametrize("text", ["", "- a\n", "text\n"])
def test_a_file_that_is_no_mapping(text: str) -> None:
    assert errors(text) == ["GW206"]


def test_a_repair_can_be_pasted() -> None:
    (found,) = findings(MODEL + "router_settings:\n  num_retrys: 2\n")
    assert found.what == "LiteLLM does not read 'num_retrys' in router_settings; did you mean num_retries?"
    assert found.repair == "num_retries:"
    assert found.place.text() == "config.yaml:7:3: router_settings.num_retrys"


def test_a_good_file_has_no_findings() -> None:
    assert findings(MODEL) == []


def test_keys_of_an_anchor_are_said_once_where_they_stand() -> None:
    text = ("x-base: &base\n  model: openai/gpt-5\n  rpm: sixty\nmodel_list:\n- model_name: a\n  litellm_params:\n"
            "    <<: *base\n- model_name: b\n  litellm_params: *base\n")
    assert short(text) == ["GW102 3:8"]


def test_a_value_of_a_secret_is_never_shown() -> None:
    found = findings(model("azure_password: [canary-value]"))
    assert [one.code for one in found] == ["GW102", "GW415"]
    assert "canary-value" not in "".join(one.what + one.repair for one in found)
