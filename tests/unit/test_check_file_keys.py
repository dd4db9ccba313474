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
    ("router_settings:\n  timeout: 1.5\n", []),
    ("router_settings:\n  timeout: '30'\n", ["GW102 7:12"]),  # read as it stands: text cannot be compared
    ("router_settings:\n  num_retries: '3'\n", ["GW102 7:16"]),
    ("router_settings:\n  allowed_fails_policy: [a]\n", ["GW102 7:25", "GW206 7:26"]),
    ("router_settings:\n  routing_groups: [{group_name: g, models: [gpt-5]}]\n", ["GW207 7:20"]),
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
    ("tag_regex: ['^a$', '[']", ["GW102 6:24"]),
    ("tag_regex: [1]", ["GW102 6:17"]),
    ("tag_regex: ['^a$']", []),
    ("budget_duration: a day", ["GW102 6:22"]),
    ("budget_duration: 1day", ["GW102 6:22"]),
    ("budget_duration: 1d", []),
    ("budget_duration: 1.5h", []),
    ("budget_duration:", []),
    ("provider_affinity_header: X-Session-Id", []),
    ("provider_affinity_header: X Session", ["GW102 6:31"]),
    ("provider_affinity_header: ''", ["GW102 6:31"]),
    ("provider_affinity_header: 5", ["GW102 6:31"]),
    ("rpm: -1", ["GW102 6:10"]),
    ("rpm: 1", []),
    ("timeout: 0", ["GW102 6:14"]),
    ("timeout: 0.5", []),
    ("weight: 0", []),  # takes a deployment out of the draw
    ("weight: -1", ["GW102 6:13"]),
    ("max_agentic_loops: 3", []),
    ("model_info: {mode: embedding}", ["GW202 6:5"]),
    ("litellm_params: {a: b}", ["GW202 6:5"]),
    ("configurable_clientside_auth_params: [{api_base: 5}]", ["GW206 6:43"]),
    ("aws_session_tags: [{Key: a, Value: b}]", []),
    ("aws_session_tags: [a]", ["GW102 6:24", "GW206 6:24"]),
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
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  id: 5\n", ["GW202 4:3"]),
    ("- model_name: ''\n  litellm_params: {model: openai/gpt-5}\n", ["GW207 2:3"]),
    ("- model_name: [a]\n  litellm_params: {model: openai/gpt-5}\n", ["GW207 2:3"]),
    ("- model_name: a\n  litellm_params: {}\n", ["GW207 2:3"]),
    ("- model_name: a\n  litellm_params: text\n", ["GW207 2:3"]),
    ("- model_name: a\n  litellm_params: {model: ''}\n", ["GW207 3:19"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  rpm: 60\n", []),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  tpm: '60'\n", []),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  rpm: many\n", ["GW102 4:8"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  blocked: [a]\n", ["GW102 4:12"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {ptu_count: 0}\n", ["GW102 4:27"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {access_windows: [{a: b}]}\n",
     ["GW212 4:32"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {note: ours, id: 5}\n", []),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {max_input_tokns: 1}\n", ["GW208 4:16"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {api_key: none}\n", ["GW202 4:16"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {7: a}\n", ["GW206 4:16"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {id: []}\n", ["GW102 4:20"]),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {access_windows: []}\n", []),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {id: }\n"
     "- model_name: b\n  litellm_params: {model: openai/gpt-5}\n  model_info: {id: }\n", []),
    ("- model_name: a\n  litellm_params: {model: openai/gpt-5}\n  model_info: {id: x}\n"
     "- model_name: b\n  litellm_params: {model: openai/gpt-5}\n  model_info: {id: x}\n", ["GW217 7:20"]),
]


@pytest.mark.parametrize(("entries", "found"), ENTRIES, ids=range(len(ENTRIES)))
def test_entries_of_model_list(entries: str, found: list[str]) -> None:
    assert short("model_list:\n" + entries) == found


MISPLACED = [
    # a name, the level it stands at, what the repair begins with
    ("mode: chat", "  ", "model_info:"),  # a parameter of some provider too
    ("temperature: 1", "  ", "litellm_params:"),
    ("model: openai/gpt-5", "    ", "litellm_params:"),
    ("api_base: https://a.example.com", "    ", "litellm_params:"),
]


@pytest.mark.parametrize(("line", "indent", "repair"), MISPLACED, ids=[line for line, _, _ in MISPLACED])
def test_a_misplaced_key_is_told_where_it_belongs(line: str, indent: str, repair: str) -> None:
    info = "  model_info:\n" if len(indent) > 2 else ""
    (found,) = findings(MODEL + info + f"{indent}{line}\n")
    assert found.code == "GW202" and found.repair.startswith(repair)


@pytest.mark.parametrize("text", ["general_settings: {}\n", "model_list: []\n", "model_list:\n"])
def test_a_file_without_models_serves_nothing(text: str) -> None:
    assert "GW109" in errors(text)


@pytest.mark.parametrize(("settings", "name"), [
    ("", "DATABASE_URL"), ("", "DATABASE_HOST"), ("general_settings: {database_url: os.environ/DU}\n", "DU")])
def test_models_may_be_in_the_database(settings: str, name: str) -> None:
    assert "GW109" not in errors("model_list: []\n" + settings, {**ENVIRON, name: "postgresql://db/litellm"})


def test_models_are_not_in_a_database_without_a_url() -> None:
    assert "GW109" in errors("model_list: []\ngeneral_settings: {database_url: }\n")


@pytest.mark.parametrize("text", ["", "- a\n", "text\n"])
def test_a_file_that_is_no_mapping(text: str) -> None:
    assert errors(text) == ["GW206"]


TYPES = [
    # a block, its line, what is wrong, the repair
    ("litellm_settings", "json_logs: 2", "2 (a number); LiteLLM needs true or false", "json_logs: true"),
    ("litellm_settings", "json_logs: 'true'", "text 'true'; LiteLLM needs true or false", "json_logs: true"),
    ("litellm_settings", "drop_params: 2024-01-01", "2024-01-01 (a date); LiteLLM needs true or false",
     "drop_params: true"),
    ("litellm_settings", "request_timeout: true", "True (true or false); LiteLLM needs a number",
     "request_timeout: 60"),
    ("litellm_settings", "success_callback: langfuse", "text 'langfuse'; LiteLLM needs a list",
     "success_callback: [...]"),
    ("general_settings", "ui_access_mode: [a]", "a list; LiteLLM needs one of admin_only, all",
     "ui_access_mode: admin_only"),
    ("general_settings", "master_key: 12", "a number; LiteLLM needs text", 'master_key: "12"'),
    ("general_settings", "master_key: [a]", "a list; LiteLLM needs text", "master_key: ..."),
    ("router_settings", "num_retries: 2.5", "2.5 (a number); LiteLLM needs a whole number", "num_retries: 60"),
    ("router_settings", "timeout: {a: b}", "a mapping; LiteLLM needs a number", "timeout: 60"),
    ("router_settings", "model_group_alias: [a]", "a list; LiteLLM needs a mapping", "model_group_alias: {...}"),
    ("router_settings", "redis_url: 5", "5 (a number); LiteLLM needs text", 'redis_url: "5"'),
]


@pytest.mark.parametrize(("block", "line", "what", "repair"), TYPES, ids=[line for _, line, _, _ in TYPES])
def test_a_value_of_a_wrong_type_is_shown_with_what_is_needed(block: str, line: str, what: str, repair: str) -> None:
    found = [one for one in findings(MODEL + f"{block}:\n  {line}\n") if one.code == "GW102"]
    assert [(one.what, one.repair) for one in found] == [(f"{line.partition(':')[0]} is {what}", repair)]


PLACES = [
    # what stands in the file, what is wrong, the repair
    ("litelm_settings: {}\n", "LiteLLM does not read 'litelm_settings'; did you mean litellm_settings?",
     "litellm_settings:"),
    ("model_info: {}\n", "model_info stands at the top level; LiteLLM reads it in an entry of model_list",
     "model_list:\n- model_name: ...\n  litellm_params:\n    model: ..."),
    ("num_retries: 3\n", "num_retries stands in the top level; LiteLLM reads it in router_settings",
     "router_settings:\n  num_retries: ..."),
    ("general_settings: [a]\n", "general_settings must be a mapping: lines `name: value`",
     "general_settings:\n  name: value"),
    ("guardrails: {a: b}\n", "guardrails must be a list: lines that begin with `- `", "guardrails:\n- ..."),
    ("litellm_settings:\n  guardrail: []\n", "LiteLLM does not read 'guardrail' in litellm_settings; did you mean "
     "guardrails?", "guardrails:"),
    ("litellm_settings:\n  environment_variables: {}\n",
     "environment_variables stands in litellm_settings; LiteLLM reads it at the top level",
     "move environment_variables to the left margin"),
    ("litellm_settings:\n  max_budget:\n", "max_budget has no value; LiteLLM refuses to start",
     "remove max_budget, or give it a value"),
]


@pytest.mark.parametrize(("text", "what", "repair"), PLACES, ids=range(len(PLACES)))
def test_a_key_in_a_wrong_place_is_told_its_own(text: str, what: str, repair: str) -> None:
    assert [(one.what, one.repair) for one in findings(MODEL + text)] == [(what, repair)]


EMPTY = ["guardrails:\n", "guardrails: []\n", "mcp_servers: {}\n", "litellm_settings:\n  num_retries:\n",
         "litellm_settings:\n  callbacks: []\n", "router_settings:\n  retry_policy:\n",
         "router_settings:\n  plugins: []\n", "general_settings:\n  custom_auth:\n"]


@pytest.mark.parametrize("text", EMPTY)
def test_what_is_left_empty_is_no_fault(text: str) -> None:
    assert short(MODEL + text) == []


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
