"""What we render, imported again, renders the same YAML: nothing is lost on the way there and back."""

import re
import string

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from src.begin.as_env import env_plan, env_text
from src.begin.deployment import Reading, free_key
from src.begin.dotenv_text import Unwritable, quoted
from src.begin.importing import finish, read_file
from src.config.fields import BY_SUFFIX
from src.config.models import ModelSpec
from src.config.plan import LaunchPlan
from src.config.rendering import render_config
from src.errors import ConfigurationError

from .declaring import ROOT, declared
from .test_properties import anything, as_variables, fleets, many

# Whole configurations there and back: half as many examples cost as much as the others together.
fewer = settings(many, max_examples=50)
NOTHING: dict[str, str] = {}
GOLDEN = ROOT / "tests" / "golden"


def imported(text: str) -> Reading:
    return read_file(text.encode(), "config.yaml", NOTHING.get)


def body(plan: LaunchPlan, retries: bool = False) -> str:
    """Return the YAML behind its comment; with ``retries``, which it does not hold, without the number that counts."""
    text = render_config(plan).partition("\n")[2]
    return text if not retries else re.sub(r"^  max_fallbacks: \d+\n", "", text, flags=re.MULTILINE)


def writable(fleet: list[ModelSpec]) -> bool:
    """Tell whether a `.env` file can hold every name; others are refused, which a test of its own shows."""
    for spec in fleet:
        try:
            quoted(f"{spec.alias} {spec.model}")
        except Unwritable:
            return False
    return True


def with_chain(fleet: list[ModelSpec], members: int, alias: str) -> dict[str, str]:
    env = as_variables(fleet)
    if not members:
        return env
    keys = ",".join(spec.key for spec in reversed(fleet[:members]))
    return {**env, "PROXY_CHAIN_KEYS": "c", "CHAIN_C_MODELS": keys, "CHAIN_C_ALIAS": alias}


@fewer
@given(fleets().filter(writable), st.integers(0, 3), st.sampled_from(["c", "the-chain", "default"]), st.booleans())
def test_every_configuration_of_ours_comes_back_the_same(fleet: list[ModelSpec], members: int, alias: str,
                                                         retries: bool) -> None:
    if not retries:
        fleet = [ModelSpec(**{**vars(spec), "retries": None}) for spec in fleet]
    plan = declared(with_chain(fleet, members, alias)).checked()
    reading = imported(render_config(plan))
    again = env_plan(env_text(reading, "config.yaml")).checked()
    assert body(again, retries) == body(plan, retries)
    assert [item for item in finish(reading).of("lost")] == []


@many
@given(st.lists(st.sampled_from(["one", "two"]), min_size=2, max_size=4), st.data())
def test_models_that_share_an_alias_keep_their_number_and_order(aliases: list[str], data: st.DataObject) -> None:
    env = {"PROXY_MODEL_KEYS": ",".join(f"k{number}" for number in range(len(aliases))),
           "GATEWAY_LOAD_BALANCE": "one,two"}
    for number, alias in enumerate(aliases):
        env |= {f"MODEL_K{number}_UPSTREAM_MODEL": f"m{number}", f"MODEL_K{number}_ALIAS": alias}
    later = [f"k{number}" for number in range(1, len(aliases)) if data.draw(st.booleans())]
    if later:
        env["MODEL_K0_FALLBACKS"] = ",".join(later)
    plan = declared(env).checked()
    assert body(env_plan(env_text(imported(render_config(plan)), "f")).checked()) == body(plan)


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.yaml")))
def test_every_golden_configuration_comes_back_the_same(name: str) -> None:
    text = (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")
    reading = imported(text)
    again = env_plan(env_text(reading, "config.yaml")).checked()
    assert body(again, retries=True) == re.sub(r"^  max_fallbacks: \d+\n", "", text, flags=re.M).partition("\n")[2]
    assert [item for item in finish(reading).of("lost")] == []


def test_wildcards_come_back_the_same() -> None:
    plan = declared({"PROXY_MODEL_KEYS": "x,all", "MODEL_X_UPSTREAM_MODEL": "xai/*", "MODEL_ALL_UPSTREAM_MODEL": "*",
                     "MODEL_ALL_ALIAS": "any/*", "MODEL_ALL_API_BASE": "http://127.0.0.1:8000/v1"}).checked()
    assert body(env_plan(env_text(imported(render_config(plan)), "f")).checked()) == body(plan)


def test_a_name_that_no_env_file_can_hold_is_reported_with_its_line() -> None:
    plan = declared({"PROXY_MODEL_KEYS": "a,b", "MODEL_A_UPSTREAM_MODEL": "gpt-5",
                     "MODEL_B_UPSTREAM_MODEL": "x${HOME}"}).checked()
    reading = imported(render_config(plan))
    assert [model.alias for model in reading.models] == ["gpt-5"]
    item = finish(reading).of("lost")[0]
    assert "`${`" in item.text and item.path == "model_list[1]" and item.line > 2


# --- anything at all --------------------------------------------------------------------------------------------

values = anything | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(anything, max_size=3) \
    | st.sampled_from(["os.environ/X", "os.environ/OPENAI_API_KEY", "os.environ/", "openai/gpt-5", "keyless"])
params = st.dictionaries(st.sampled_from(
    ["model", "api_base", "api_key", "rpm", "timeout", "max_retries", "extra_headers", "input_cost_per_token",
     "reasoning_effort", "custom_llm_provider", "additional_drop_params", "litellm_credential_name", "vertex_project"]),
    values | st.dictionaries(anything, values, max_size=2), max_size=5)
entries = values | st.fixed_dictionaries({"model_name": values, "litellm_params": values | params.map(
    lambda drawn: {"model": "openai/gpt-5", **drawn})}, optional={"model_info": values | params})
blocks = values | st.dictionaries(st.sampled_from(
    ["fallbacks", "default_fallbacks", "context_window_fallbacks", "model_group_alias", "num_retries", "timeout",
     "request_timeout", "master_key", "callbacks", "json_logs", "max_request_size_mb", "drop_params"]),
    values | st.lists(st.dictionaries(values.filter(lambda drawn: not isinstance(drawn, list)), values), max_size=2)
    | st.dictionaries(anything, values, max_size=2), max_size=4)
documents = st.fixed_dictionaries({"model_list": st.lists(entries, max_size=3).map(
    lambda drawn: [{"model_name": "ok", "litellm_params": {"model": "openai/ok"}}, *drawn])},
    optional={name: blocks for name in ("litellm_settings", "router_settings", "general_settings",
                                        "environment_variables", "credential_list")})


def outcome(data: bytes) -> str:
    """Return what an import says; a refusal is an answer, anything else that is raised is a failure."""
    try:
        reading = read_file(data, "config.yaml", NOTHING.get)
    except ConfigurationError as error:
        return error.text()
    text = env_text(reading, "config.yaml")
    env_plan(text).checked()
    return finish(reading).text()


@many
@given(documents)
def test_any_document_gives_a_plan_that_stands_and_a_report(document: dict[str, object]) -> None:
    data = yaml.safe_dump(document, allow_unicode=True).encode(errors="surrogatepass")
    assert outcome(data)


@many
@given(st.binary(max_size=200) | st.text(string.printable, max_size=200).map(str.encode))
def test_any_bytes_give_a_report_or_a_refusal(data: bytes) -> None:
    assert outcome(data)


@many
@given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
                | st.sampled_from(["a", "a_stream", "a_api", "a_upstream", "a_max", "a_api_key"]), max_size=6))
def test_no_two_keys_can_own_the_same_variable(names: list[str]) -> None:
    keys: list[str] = []
    for name in names:
        keys.append(free_key(name, keys))
    variables = [f"MODEL_{key.upper()}_{suffix}" for key in keys for suffix in BY_SUFFIX]
    assert len(set(variables)) == len(variables)
