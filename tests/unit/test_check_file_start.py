"""What keeps LiteLLM from starting: code that is not there, settings without what they need, included files."""

from pathlib import Path

import pytest

from src.checker.file_modules import why_not_imported

from .checking_support import ENVIRON, MODEL, errors, findings, short, written

HOOKS = {
    "hooks.py": "import json\nfrom os import path as where\ninstance = object()\nclass Kind: ...\n",
    "broken.py": "def f(:\n",
    "needy.py": "import no_such_package_anywhere\ninstance = 1\n",
    "careful.py": "try:\n    import no_such_package_anywhere\nexcept ImportError:\n    pass\ninstance = 1\n",
    "open.py": "from json import *\n",
    "lazy.py": "def __getattr__(name): ...\n",
    "made.py": "globals()['instance'] = 1\n",
    "deep/inner.py": "instance = 1\n",
    "near.py": "from . import other\nfrom .other import thing\ninstance = 1\n",
    "later.py": "def f():\n    import no_such_package_anywhere\ninstance = 1\n",
    "wanting.py": "from no_such_package_anywhere.x import y\ninstance = 1\n",
    "plain.py": "import os.path\n",
}
NAMED = [
    ("hooks.instance", ""), ("hooks.Kind", ""), ("hooks.where", ""), ("hooks.missing", "defines no missing"),
    ("broken.instance", "is no Python in line 1"), ("needy.instance", "imports no_such_package_anywhere"),
    ("careful.instance", ""), ("open.anything", ""), ("lazy.anything", ""), ("made.instance", ""),
    ("near.instance", ""), ("later.instance", ""), ("wanting.instance", "imports no_such_package_anywhere"),
    ("plain.os", ""), ("plain.path", "defines no path"),
    ("deep.inner.instance", ""), ("nowhere.instance", "there is no nowhere.py"), ("json.decoder", ""),
    ("yaml.safe_load", ""), ("yaml.no_such_function", ""), ("yaml.nodes.MappingNode", ""),
    ("yaml.nodes.Missing", "defines no Missing"), ("yaml.nowhere.x", "there is no yaml/nowhere.py"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in HOOKS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("dotted", "reason"), NAMED, ids=[dotted for dotted, _ in NAMED])
def test_code_is_found_where_litellm_looks_for_it(folder: Path, dotted: str, reason: str) -> None:
    found = why_not_imported(dotted, folder)
    assert reason in found and bool(reason) == bool(found)


CODE = [
    ("litellm_settings:\n  callbacks: [hooks.instance, langfuse]\n", []),
    ("litellm_settings:\n  callbacks: hooks.instance\n", []),
    ("litellm_settings:\n  callbacks: hooks.missing\n", ["GW209"]),
    ("litellm_settings:\n  callbacks: langfuse\n", ["GW209"]),  # a name alone must stand in a list
    ("litellm_settings:\n  callbacks: [langfus]\n", ["GW209"]),
    ("litellm_settings:\n  callbacks: [{a: b}]\n", ["GW209"]),
    ("litellm_settings:\n  callbacks: [hide_secrets]\n", ["GW213"]),
    ("litellm_settings:\n  callbacks: ['s3://bucket/hooks.instance']\n", []),
    ("litellm_settings:\n  success_callback: [langfuse, hooks.instance]\n", []),
    ("litellm_settings:\n  success_callback: [langfus]\n", ["GW208"]),
    ("litellm_settings:\n  failure_callback: [hooks.missing, 3]\n", ["GW209", "GW206"]),
    ("litellm_settings:\n  custom_provider_map: [{provider: a, custom_handler: hooks.missing}]\n", ["GW209"]),
    ("litellm_settings:\n  audit_log_callbacks: [langfuse, hooks.missing]\n", ["GW209"]),
    ("litellm_settings:\n  post_call_rules: hooks.instance\n", []),
    ("litellm_settings:\n  post_call_rules: hooks.missing\n", ["GW209"]),
    ("litellm_settings:\n  custom_provider_map: [{provider: a}]\n", ["GW207"]),
    ("litellm_settings:\n  custom_provider_map: [{custom_handler: hooks.instance}]\n", ["GW207"]),
    ("general_settings:\n  custom_auth: hooks\n", ["GW209"]),
    ("general_settings:\n  custom_auth: 'gcs://bucket/hooks.instance'\n", []),
    ("general_settings:\n  custom_key_generate: hooks.missing\n", ["GW209"]),
    ("general_settings:\n  custom_auth: hooks.missing\n", ["GW209"]),
    ("general_settings:\n  custom_sso: []\n", ["GW209"]),
    ("router_settings:\n  plugins: [hooks.instance, nowhere.x]\n", ["GW209"]),
]


@pytest.mark.parametrize(("text", "found"), CODE, ids=range(len(CODE)))
def test_code_that_cannot_be_imported(folder: Path, text: str, found: list[str]) -> None:
    assert errors(MODEL + text, name=str(folder / "config.yaml")) == found


CALLBACKS = [
    ("callbacks: [langfuze]", "langfuse"),
    ("callbacks: [qqqqqqq]", "my_module.my_object   # with my_module.py beside this file"),
    ("callbacks: [hooks.missing]", "hooks.py beside this file, or install its package"),
    ("callbacks: [deep.other.x]", "deep/other.py beside this file, or install its package"),
    ("success_callback: [langfuze]", "langfuse"),
    ("success_callback: [qqqqqqq]", "remove it"),
]


@pytest.mark.parametrize(("line", "repair"), CALLBACKS, ids=[line for line, _ in CALLBACKS])
def test_a_callback_that_is_not_there_is_told_where_it_may_be(folder: Path, line: str, repair: str) -> None:
    found = findings(MODEL + f"litellm_settings:\n  {line}\n", name=str(folder / "config.yaml"))
    assert [one.repair for one in found] == [repair]


def test_a_licence_allows_licensed_callbacks(folder: Path) -> None:
    text = MODEL + "litellm_settings:\n  callbacks: [hide_secrets]\n"
    assert short(text, {**ENVIRON, "LITELLM_LICENSE": "v"}) == []


def test_an_unknown_logging_callback_does_nothing_and_own_auth_is_said(folder: Path) -> None:
    text = MODEL + "litellm_settings:\n  success_callback: [qqqqqq]\ngeneral_settings:\n  custom_auth: hooks.Kind\n"
    assert [one.code for one in findings(text, name=str(folder / "config.yaml"))] == ["GW201", "GW218"]


SETTINGS = [
    ("litellm_settings:\n  cache: true\n", ["GW207 7:10"]),
    ("litellm_settings:\n  cache: true\n  cache_params: {type: redis, host: a}\n", []),
    ("litellm_settings:\n  cache: true\n  cache_params: {type: local}\n", []),
    ("litellm_settings:\n  cache: true\n  cache_params: {type: qdrant-semantic}\n", ["GW212 7:10"]),
    ("litellm_settings:\n  cache: true\n  cache_params: []\n", ["GW102 8:17"]),
    ("litellm_settings:\n  cache: true\n  cache_params: [a]\n", ["GW102 8:17"]),
    ("litellm_settings:\n  cache: true\n  cache_params:\n", ["GW105 8:16"]),
    ("litellm_settings:\n  cache: true\n  cache_params: {type: redis}\n", ["GW207 7:10"]),
    ("litellm_settings:\n  budget_reset_time: 720\n", ["GW102 7:22"]),
    ("litellm_settings:\n  budget_reset_time: '24:00'\n", ["GW102 7:22"]),
    ("litellm_settings:\n  budget_reset_time: '12:60'\n", ["GW102 7:22"]),
    ("litellm_settings:\n  budget_reset_time: 'x12:00'\n", ["GW102 7:22"]),
    ("litellm_settings:\n  key_alias_pattern: '['\n", ["GW102 7:22"]),
    ("litellm_settings:\n  tag_budget_config: {a: {max_budget: 1}}\n", ["GW213 7:22"]),
    ("litellm_settings:\n  upperbound_key_generate_params: text\n", ["GW102 7:35", "GW206 7:35"]),
    ("general_settings:\n  allowed_ips: [10.0.0.1]\n", ["GW213 7:16"]),
    ("general_settings:\n  allowed_ips: [10.0.0.1]\n  litellm_license:\n", ["GW213 7:16"]),
    ("general_settings:\n  enforced_params: [user]\n", ["GW213 7:20"]),
    ("worker_registry:\n- name: a\n", ["GW213 7:1"]),
    ("general_settings:\n  store_model_in_db: true\n", ["GW214 7:22"]),
    ("general_settings:\n  disable_spend_logs: true\n", ["GW214 7:23"]),
    ("general_settings:\n  database_url:\n  store_model_in_db: true\n", ["GW214 8:22"]),
    ("general_settings:\n  database_url: os.environ/DB\n", ["GW214 7:17"]),
    ("general_settings:\n  coordination_redis: {port: 6379}\n", ["GW207 7:23"]),
    ("general_settings:\n  coordination_redis: {}\n", ["GW207 7:23"]),
    ("general_settings:\n  use_redis_transaction_buffer: true\n", ["GW207 7:33"]),
    ("general_settings:\n  use_redis_transaction_buffer: true\nlitellm_settings:\n  cache: false\n", ["GW207 7:33"]),
    ("general_settings:\n  user_api_key_cache_max_size: 0\n", ["GW102 7:32"]),
    ("general_settings:\n  user_api_key_cache_max_size: -1\n", ["GW102 7:32"]),
    ("general_settings:\n  spend_logs_metadata_fields: {}\n", ["GW206 7:31"]),
    ("general_settings:\n  spend_logs_metadata_fields: {include: [a], exclude: [b]}\n", ["GW206 7:31"]),
    ("general_settings:\n  pass_through_endpoints: [{path: /a}]\n", ["GW207 7:28", "GW212 7:27"]),
    ("general_settings:\n  pass_through_endpoints: [{path: , target: http://b}]\n", ["GW207 7:28", "GW212 7:27"]),
    ("general_settings:\n  pass_through_endpoints: [{path: /a, target: http://b}]\n", ["GW212 7:27"]),
    ("general_settings:\n  pass_through_endpoints: [text]\n", ["GW102 7:28", "GW206 7:28", "GW212 7:27"]),
    ("general_settings:\n  use_google_kms: true\n", ["GW212 7:19"]),
    ("general_settings:\n  role_permissions: []\n", ["GW212 7:21"]),
    ("router_settings:\n  optional_pre_call_checks: [prompt_caching]\n", ["GW212 7:29"]),
    ("general_settings:\n  role_permissions: [a]\n", ["GW206 7:22", "GW212 7:21"]),
    ("general_settings:\n  alerting: [slack]\n", ["GW207 7:14"]),
    ("general_settings:\n  plugins: [{name: a}]\n", ["GW207 7:13"]),
    ("router_settings:\n  redis_url: 127.0.0.1:6379\n", ["GW102 7:14"]),
    ("router_settings:\n  redis_url: os.environ/DB\n", ["GW102 7:14"]),
    ("router_settings:\n  routing_strategy: 3\n", ["GW102 7:21"]),
    ("environment_variables: {'': a}\n", ["GW206 6:25"]),
    ("environment_variables: {1: a}\n", ["GW206 6:25"]),
]


@pytest.mark.parametrize(("text", "found"), SETTINGS, ids=range(len(SETTINGS)))
def test_settings_that_lack_what_they_need(text: str, found: list[str]) -> None:
    assert sorted(short(MODEL + text, {**ENVIRON, "DB": "postgresql://db/x"})) == sorted(found)


ENOUGH: list[tuple[str, dict[str, str]]] = [
    ("litellm_settings:\n  cache: false\n", {}),
    ("litellm_settings:\n  cache: false\n  cache_params:\n", {}),
    ("litellm_settings:\n  cache: true\n  cache_params: {host: a}\n", {}),
    ("litellm_settings:\n  cache: true\n  cache_params: {type: redis, sentinel_nodes: [[a, 1]]}\n", {}),
    ("litellm_settings:\n  cache: true\n  cache_params: {type: os.environ/KIND}\n", {"KIND": "local"}),
    ("litellm_settings:\n  cache: true\n", {"REDIS_HOST": "a"}),
    ("litellm_settings:\n  cache: true\n", {"REDIS_URL": "redis://a"}),
    ("litellm_settings:\n  cache: true\n", {"REDIS_CLUSTER_NODES": "[]"}),
    ("litellm_settings:\n  cache: true\n", {"REDIS_SENTINEL_NODES": "[]"}),
    ("litellm_settings:\n  budget_reset_time: '12:00'\n", {}),
    ("litellm_settings:\n  budget_reset_time: '7:30'\n", {}),
    ("litellm_settings:\n  budget_reset_time: '23:59:59'\n", {}),
    ("litellm_settings:\n  budget_reset_time: ''\n", {}),
    ("litellm_settings:\n  budget_reset_time:\n", {}),
    ("litellm_settings:\n  key_alias_pattern: '^[a-z]+$'\n", {}),
    ("litellm_settings:\n  upperbound_key_generate_params: {max_budget: 1}\n", {}),
    ("general_settings:\n  allowed_ips:\n", {}),
    ("general_settings:\n  enforced_params: [user]\n  litellm_license: v\n", {}),
    ("general_settings:\n  store_model_in_db: false\n", {}),
    ("general_settings:\n  store_model_in_db: true\n", {"DATABASE_URL": "postgresql://db/x"}),
    ("general_settings:\n  store_model_in_db: true\n", {"DATABASE_HOST": "db"}),
    ("general_settings:\n  coordination_redis: {host: a}\n", {}),
    ("general_settings:\n  coordination_redis: {sentinel_nodes: [a]}\n", {}),
    ("general_settings:\n  use_redis_transaction_buffer: false\n", {}),
    ("general_settings:\n  use_redis_transaction_buffer: true\n", {"REDIS_HOST": "a"}),
    ("general_settings:\n  use_redis_transaction_buffer: true\n", {"REDIS_URL": "redis://a"}),
    ("general_settings:\n  use_redis_transaction_buffer: true\n  coordination_redis: {host: a}\n", {}),
    ("general_settings:\n  use_redis_transaction_buffer: true\n"
     "litellm_settings:\n  cache: true\n  cache_params: {host: a}\n", {}),
    ("general_settings:\n  user_api_key_cache_max_size: 1\n", {}),
    ("general_settings:\n  spend_logs_metadata_fields: {include: [a]}\n", {}),
    ("general_settings:\n  spend_logs_metadata_fields: {include: , exclude: [a]}\n", {}),
    ("general_settings:\n  use_google_kms: false\n", {}),
    ("general_settings:\n  alerting: [slack]\n", {"SLACK_WEBHOOK_URL": "v"}),
    ("general_settings:\n  alerting: [slack]\n  alert_to_webhook_url: {a: b}\n", {}),
    ("general_settings:\n  alerting: [email]\n", {}),
    ("router_settings:\n  redis_url: redis://127.0.0.1:6379\n", {}),
    ("router_settings:\n  redis_url: rediss://a\n", {}),
    ("router_settings:\n  redis_url: unix:///a\n", {}),
    ("router_settings:\n  redis_url: os.environ/WHERE\n", {"WHERE": "redis://a"}),
    ("router_settings:\n  routing_strategy:\n", {}),
    ("router_settings:\n  routing_strategy: latency-based-routing\n", {}),
    ("router_settings:\n  routing_strategy: os.environ/HOW\n", {"HOW": "simple-shuffle"}),
    ("environment_variables:\n  A: text\n  B: 5\n", {}),
]


@pytest.mark.parametrize(("text", "environ"), ENOUGH, ids=range(len(ENOUGH)))
def test_settings_that_have_what_they_need(text: str, environ: dict[str, str]) -> None:
    assert short(MODEL + text, {**ENVIRON, **environ}) == []


def test_an_unknown_strategy_is_told_the_nearest_one() -> None:
    (found,) = findings(MODEL + "router_settings:\n  routing_strategy: simple-shufle\n")
    assert found.repair == "routing_strategy: simple-shuffle" and "latency-based-routing" in found.what
    (found,) = findings(MODEL + "router_settings:\n  routing_strategy: qqqqqq\n")
    assert found.repair == "routing_strategy: simple-shuffle"


ENVIRONMENTS = [
    ("", {}, []),
    ("[]", {"LITELLM_ENVIRONMENT": "production"}, []),
    ("[production]", {"LITELLM_ENVIRONMENT": "development"}, []),
    ("[production]", {}, ["GW505 6:40"]),
    ("[production]", {"LITELLM_ENVIRONMENT": "moon"}, ["GW505 6:40"]),
    ("[staging, moon]", {"LITELLM_ENVIRONMENT": "staging"}, ["GW102 6:50"]),
]


@pytest.mark.parametrize(("value", "environ", "found"), ENVIRONMENTS, ids=range(len(ENVIRONMENTS)))
def test_environments_of_a_model(value: str, environ: dict[str, str], found: list[str]) -> None:
    text = MODEL + f"  model_info: {{supported_environments: {value}}}\n"
    assert short(text, {**ENVIRON, **environ}) == found


def test_a_model_of_other_environments_needs_to_know_this_one() -> None:
    text = MODEL + "  model_info: {supported_environments: [production, moon]}\n"
    assert sorted(errors(text)) == ["GW102", "GW505"]
    assert errors(text.replace(", moon", ""), {**ENVIRON, "LITELLM_ENVIRONMENT": "staging"}) == []


def test_a_licence_allows_what_needs_one() -> None:
    text = MODEL + "general_settings:\n  allowed_ips: [10.0.0.1]\n"
    assert errors(text, {**ENVIRON, "LITELLM_LICENSE": "v"}) == []


def test_included_files_are_checked_with_their_own_places(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("model_list:\n- model_name: b\n  litellm_params: {model: opneai/x}\n")
    (tmp_path / "more.yaml").write_text("include: [config.yaml]\nlitellm_settings: {drop_params: true}\n")
    name = written(tmp_path, "include: [models.yaml, more.yaml]\nlitellm_settings: {num_retries: 2}\n" + MODEL)
    found = findings(Path(name).read_text(), name=name)
    assert [(one.code, Path(str(one.place.file)).name, one.place.line) for one in found] == [
        ("GW211", "config.yaml", 2), ("GW706", "models.yaml", 3)]


INCLUDES = [
    ("include: models.yaml\n", ["GW210"]),
    ("include: [1]\n", ["GW210"]),
    ("include: [missing.yaml]\n", ["GW210"]),
    ("include: [list.yaml]\n", ["GW210"]),
    ("include: [broken.yaml]\n", ["GW205"]),
    ("include: [binary.yaml]\n", ["GW210"]),
    ("include: [empty.yaml]\n", []),
]


@pytest.mark.parametrize(("text", "found"), INCLUDES, ids=[text for text, _ in INCLUDES])
def test_includes_that_cannot_be_read(tmp_path: Path, text: str, found: list[str]) -> None:
    for name, content in (("list", b"- a\n"), ("broken", b"a: {\n"), ("binary", b"\xff\xfe\x00"), ("empty", b"")):
        (tmp_path / f"{name}.yaml").write_bytes(content)
    assert errors(text + MODEL, name=str(tmp_path / "config.yaml")) == found


def test_endless_includes_end(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"{number}.yaml").write_text(f"include: [{number + 1}.yaml]\n")
    assert errors("include: [0.yaml]\n" + MODEL, name=str(tmp_path / "config.yaml")) == []
