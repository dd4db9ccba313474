"""`explain` tells the truth: its values are those of the YAML and plan.json, its calls those that workers plan."""

import ast
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.config.document import plan_document
from src.config.environment import DotEnv, Environment, parse_dotenv
from src.config.models import ModelSpec
from src.config.plan import LaunchPlan, Sources, build_plan
from src.config.registry import RegistryReading
from src.config.rendering import config_document, render_config
from src.errors import UsageProblem
from src.explain.aliases import Explainer, Explanation
from src.explain.models import NO_TIMEOUT
from src.explain.text import money, table_of, text_of
from src.explain.walks import RETRY, TRIGGERS
from src.policy.chains import Failure, Kind, Step, decide, plan_walks, reasons
from src.policy.price_file import price_source

from .declaring import ROOT, canary, two
from .test_properties import as_variables, fleets

PRICES = {"gpt-5": {"litellm_provider": "openai", "input_cost_per_token": Decimal("0.00000125"),
                    "output_cost_per_token": Decimal("0.00001")}}
MODEL_A = {"PROXY_MODEL_KEYS": "a", "MODEL_A_UPSTREAM_MODEL": "gpt-5"}


def sources(env: Mapping[str, str], dotenv: str | None = None, **flags: Any) -> Sources:
    parsed = DotEnv() if dotenv is None else parse_dotenv(dotenv.encode())
    return Sources(Environment(env, parsed), **flags)


def explainer(declared: Sources, prices: Mapping[str, Any] = PRICES) -> Explainer:
    return Explainer(build_plan(declared).checked(), declared, prices)


def explained(env: Mapping[str, str], name: str = "gpt-5", dotenv: str | None = None, **flags: Any) -> Explanation:
    return explainer(sources(env, dotenv, **flags)).explain(name)


def values(one: Explanation, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = one.document()["models"][number]["values"]
    return found


# --- values agree with what is rendered ---------------------------------------------------------------------------

RENDERED = {"upstream": "model", "base": "api_base", "reasoning_effort": "reasoning_effort", "timeout": "timeout",
            "max_tokens": "max_tokens", "stream_timeout": "stream_timeout", "max_parallel": "max_parallel_requests",
            "allow_params": "allowed_openai_params", "drop_params": "additional_drop_params"}
HAVE_DEFAULTS = ("stream_timeout", "reasoning_effort", "base", "mode", "context_window")
PLANNED = ("rpm", "tpm", "rpd", "tpd", "retries", "max_output", "context_window", "mode", "key_env", "fallbacks")


def agrees(model: Mapping[str, Any], plan: LaunchPlan) -> None:
    """Check every value of one explained deployment against what LiteLLM and the workers are told."""
    said = {name: value["value"] for name, value in model["values"].items()}
    entry = next(one for one in config_document(plan)["model_list"] if one["model_info"]["id"] == model["key"])
    planned = next(one for one in plan_document(plan)["models"] if one["key"] == model["key"])
    params = entry["litellm_params"]
    assert {name: said[name] for name in RENDERED} == {name: params.get(told) for name, told in RENDERED.items()}
    said["key_env"] = said["key"]
    assert {name: said[name] or None for name in PLANNED} == {name: planned[name] or None for name in PLANNED}
    assert (said["headers"] or []) == list(params.get("extra_headers", {}))
    for name, told in (("input_cost", "input_cost_micros"), ("output_cost", "output_cost_micros")):
        assert planned[told] == (None if said[name] is None else int(Decimal(said[name]) * 1_000_000))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fleets(), st.randoms(use_true_random=False), st.sampled_from(["minimal", "high", "none", ""]))
def test_any_plan_is_explained_with_the_values_that_are_rendered(
    fleet: list[ModelSpec], choose: Any, effort: str
) -> None:
    variables = {**as_variables(fleet), "REASONING_EFFORT": effort}
    in_file = {name for name in variables if choose.random() < 0.5}
    env = Environment({name: value for name, value in variables.items() if name not in in_file},
                      DotEnv(".env", {name: (variables[name], 7) for name in in_file}))
    declared = Sources(env)
    plan = build_plan(declared).checked()
    for one in (Explainer(plan, declared, {}).explain(spec.alias) for spec in fleet):
        text_of(one)
        json.dumps(one.document())
        for model in one.document()["models"]:
            agrees(model, plan)
            for name, value in model["values"].items():
                assert value["origin"] and (value["overrode"] == [] or name in HAVE_DEFAULTS)
                variable = value["origin"].partition(",")[0]
                if variable in variables:
                    assert value["origin"] == f"{variable}, {'.env line 7' if variable in in_file else 'environment'}"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fleets(), st.lists(st.sampled_from(["error", "rate_limit", "cost"]), min_size=1, unique=True))
def test_calls_are_those_that_the_workers_plan(fleet: list[ModelSpec], on: list[str]) -> None:
    chain = {"PROXY_CHAIN_KEYS": "ch", "CHAIN_CH_ALIAS": "the-chain", "CHAIN_CH_ON": ",".join(on),
             "CHAIN_CH_MODELS": ",".join(spec.key for spec in fleet)}
    declared = sources({**as_variables(fleet), **chain})
    plan = build_plan(declared).checked()
    document = plan_document(plan)

    class Told:
        def __init__(self, entry: Mapping[str, Any]) -> None:
            self.__dict__.update(entry)

    walks = plan_walks([Told(entry) for entry in document["models"]],  # type: ignore[misc]
                       [Told(entry) for entry in document["chains"]])  # type: ignore[misc]
    for alias, walk in walks.items():
        one = Explainer(plan, declared, {}).explain(alias)
        assert [(call.alias, call.position) for call in one.calls] == [(s.alias, s.position) for s in walk.steps]
        assert one.worst.calls == len(walk.steps) <= config_document(plan)["router_settings"]["max_fallbacks"] + 1
        assert set(one.moves_on) == ({*walk.on, "context_window"} if walk.models > 1 else set())
        timeouts = {spec.alias: spec.timeout for spec in fleet}
        stated = [timeouts[step.alias] for step in walk.steps]
        waits = sum(call.wait_s for call in one.calls)
        assert one.worst.seconds == (None if None in stated else pytest.approx(sum(filter(None, stated)) + waits))


def test_the_defaults_are_the_ones_of_the_workers() -> None:
    tree = ast.parse((ROOT / "src/hooks/callback_deadline.py").read_text(encoding="utf-8"))
    longest = next(node.value for node in tree.body if isinstance(node, ast.Assign)
                   and ast.unparse(node.targets[0]) == "LONGEST_READ")
    assert f"{ast.literal_eval(longest):g} s" in NO_TIMEOUT
    bare = values(explained(MODEL_A))
    assert (bare["timeout"]["value"], bare["timeout"]["note"]) == (None, NO_TIMEOUT)
    assert (bare["stream_timeout"]["value"], bare["stream_timeout"]["origin"]) == (60.0, "default")


def test_triggers_are_described_as_they_are_decided() -> None:
    for word in TRIGGERS:
        for status in (400, 401, 403, 404, 408, 409, 422, 429, 500, 503):
            moves = word in reasons(Failure("status", status))
            said = str(status) in TRIGGERS[word] or (status >= 500 and "5xx" in TRIGGERS[word])
            assert moves == said, (word, status)
    assert reasons(Failure("timeout")) == reasons(Failure("connection")) == {"error"}
    assert reasons(Failure("limit")) == {"rate_limit"} and reasons(Failure("budget")) == {"cost"}
    kinds: tuple[Kind, ...] = ("connection", "timeout", "status", "limit")
    retried = [kind for kind in kinds
               if decide(Step("a", 1, 1), Step("a", 1), Failure(kind, 500), ("error",)) == "go"]
    assert retried == ["connection"] and RETRY == "only after a connection that failed"


# --- where values come from ---------------------------------------------------------------------------------------

DOTENV = "PROXY_MODEL_KEYS=a\nMODEL_A_UPSTREAM_MODEL=gpt-5\nMODEL_A_TIMEOUT=30\nREASONING_EFFORT=low\n"


@pytest.mark.parametrize("env, dotenv, flags, name, expected", [
    ({}, DOTENV, {}, "timeout", (30.0, "MODEL_A_TIMEOUT, .env line 3", [])),
    ({"MODEL_A_TIMEOUT": "60"}, DOTENV, {}, "timeout",
     (60.0, "MODEL_A_TIMEOUT, environment", [(30.0, "MODEL_A_TIMEOUT, .env line 3")])),
    ({"MODEL_A_TIMEOUT": ""}, DOTENV, {}, "timeout", (30.0, "MODEL_A_TIMEOUT, .env line 3", [])),
    ({"MODEL_A_TIMEOUT": " "}, DOTENV, {}, "timeout", (None, "default", [(30.0, "MODEL_A_TIMEOUT, .env line 3")])),
    ({"MODEL_A_TIMEOUT": "60"}, DOTENV, {"model_specs": ("key=a,upstream=gpt-5,timeout=9",)}, "timeout",
     (9.0, "--model-spec", [(60.0, "MODEL_A_TIMEOUT, environment"), (30.0, "MODEL_A_TIMEOUT, .env line 3")])),
    ({}, DOTENV, {"model_specs": ("key=a,upstream=gpt-5",)}, "timeout",
     (None, "default", [(30.0, "MODEL_A_TIMEOUT, .env line 3")])),
    ({}, DOTENV, {}, "reasoning_effort", ("low", "REASONING_EFFORT, .env line 4", [])),
    ({"REASONING_EFFORT": "high"}, DOTENV, {"flags": {"REASONING_EFFORT": "minimal"}}, "reasoning_effort",
     ("minimal", "REASONING_EFFORT, flag --reasoning-effort",
      [("high", "REASONING_EFFORT, environment"), ("low", "REASONING_EFFORT, .env line 4")])),
    ({"MODEL_A_REASONING_EFFORT": "medium"}, DOTENV, {}, "reasoning_effort",
     ("medium", "MODEL_A_REASONING_EFFORT, environment", [("low", "REASONING_EFFORT, .env line 4")])),
    ({"MODEL_A_REASONING_EFFORT": "none"}, DOTENV, {}, "reasoning_effort",
     (None, "MODEL_A_REASONING_EFFORT, environment", [("low", "REASONING_EFFORT, .env line 4")])),
    ({"REASONING_EFFORT": "xhigh"}, DOTENV, {}, "reasoning_effort",
     (None, "default", [("xhigh", "REASONING_EFFORT, environment"), ("low", "REASONING_EFFORT, .env line 4")])),
    ({"MODEL_A_STREAM_TIMEOUT": "5"}, DOTENV, {}, "stream_timeout",
     (5.0, "MODEL_A_STREAM_TIMEOUT, environment", [(60.0, "default")])),
    ({"MODEL_A_CONTEXT_WINDOW": "9000"}, DOTENV, {}, "context_window",
     (9000, "MODEL_A_CONTEXT_WINDOW, environment", [(400000, "what is known of gpt-5")])),
    ({}, DOTENV, {}, "base", ("https://api.openai.com/v1", "default", [])),
    ({"OPENAI_API_BASE": "https://a.example.com"}, DOTENV + "OPENAI_API_BASE=https://b.example.com\n", {}, "base",
     ("https://a.example.com", "OPENAI_API_BASE, environment",
      [("https://b.example.com", "OPENAI_API_BASE, .env line 5"), ("https://api.openai.com/v1", "default")])),
    ({"OPENAI_BASE_URL": "https://a.example.com", "MODEL_A_UPSTREAM_BASE": "https://c.example.com"}, DOTENV, {}, "base",
     ("https://c.example.com", "MODEL_A_UPSTREAM_BASE, environment",
      [("https://a.example.com", "OPENAI_BASE_URL, environment"), ("https://api.openai.com/v1", "default")])),
    ({"MODEL_A_INPUT_COST": "2"}, DOTENV, {}, "input_cost",
     ("2", "MODEL_A_INPUT_COST, environment", [("1.25", "LITELLM")])),
    ({"MODEL_A_INPUT_COST": "2"}, DOTENV, {}, "output_cost",
     (None, "MODEL_A_INPUT_COST, environment", [("10", "LITELLM")])),
    ({"MODEL_A_API_KEY_ENV": "none"}, DOTENV, {}, "input_cost", (None, "nobody", [])),
    ({"MODEL_A_API_KEY_ENV": "OTHER"}, DOTENV, {}, "key", ("OTHER", "MODEL_A_API_KEY_ENV, environment", [])),
    ({}, DOTENV, {}, "key", ("OPENAI_API_KEY", "the usual one of openai", [])),
    ({"MODEL_A_HEADERS": "X-B=visible-to-nobody,X-A=1"}, DOTENV, {}, "headers",
     (["X-B", "X-A"], "MODEL_A_HEADERS, environment", [])),
])
def test_a_value_tells_where_it_came_from_and_what_it_overrode(
    env: dict[str, str], dotenv: str, flags: dict[str, Any], name: str, expected: tuple[Any, str, list[tuple[Any, str]]]
) -> None:
    found = values(explained(env, "gpt-5", dotenv, **flags))[name]
    overrode = [(one["value"], one["origin"].replace(price_source(), "LITELLM")) for one in found["overrode"]]
    assert (found["value"], found["origin"], overrode) == expected


def test_a_renamed_model_says_what_its_name_was() -> None:
    one = explained({**MODEL_A, "MODEL_A_ALIAS": "old"}, "new", alias="new")
    assert values(one)["alias"] == {"value": "new", "origin": "--alias", "overrode": [
        {"value": "old", "origin": "MODEL_A_ALIAS, environment"}]}


def test_overridden_values_that_nobody_could_read_are_not_shown() -> None:
    secret = canary()
    one = explained({**MODEL_A, "MODEL_A_API_BASE": "https://a.example.com"}, dotenv=(
        f"MODEL_A_API_BASE=https://user:{secret}@a.example.com\nMODEL_A_HEADERS=Authorization={secret}\n"
        f"MODEL_A_API_KEY_ENV={secret}1\nOPENAI_API_KEY={secret}\n"),
        model_specs=("key=a,upstream=gpt-5,base=https://b.example.com,key_env=OPENAI_API_KEY",))
    shown = json.dumps(one.document()) + text_of(one)
    assert secret not in shown and "(cannot be read)" in shown
    assert "set in .env line 4" in shown


def test_a_chain_tells_who_named_its_members_and_triggers() -> None:
    chain = {"PROXY_CHAIN_KEYS": "c", "CHAIN_C_MODELS": "deepseek,GPT5", "CHAIN_C_ON": " "}
    one = explained(two(chain), "c", "CHAIN_C_MODELS=gpt5\nCHAIN_C_ON=cost\n").document()
    assert one["chain_values"] == {
        "alias": {"value": "c", "origin": "default", "overrode": []},
        "models": {"value": ["deepseek", "gpt5"], "origin": "CHAIN_C_MODELS, environment",
                   "overrode": [{"value": ["gpt5"], "origin": "CHAIN_C_MODELS, .env line 1"}]},
        "on": {"value": ["error", "rate_limit"], "origin": "default",
               "overrode": [{"value": ["cost"], "origin": "CHAIN_C_ON, .env line 2"}]}}
    renamed = explained(two({**chain, "CHAIN_C_ON": "error", "CHAIN_C_ALIAS": "smart"}), "smart").document()
    assert renamed["chain_values"]["alias"]["overrode"] == [{"value": "c", "origin": "default"}]
    assert renamed["chain_values"]["on"]["overrode"] == [{"value": ["error", "rate_limit"], "origin": "default"}]


def test_a_key_in_two_places_says_which_one_is_taken() -> None:
    found = values(explained({**MODEL_A, "OPENAI_API_KEY": canary()}, dotenv=f"OPENAI_API_KEY={canary()}"))["key"]
    assert found["note"] == "set in environment, instead of .env line 1"
    assert values(explained(MODEL_A))["key"]["note"] == "not set"
    assert values(explained({**MODEL_A, "MODEL_A_API_KEY_ENV": "none"}))["key"]["note"] == "no key is sent"


# --- the worst case -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("more, calls, seconds, dollars", [
    ({}, 2, None, "3.24"),                                             # 272,000 x 1.25 + 128,000 x 10, twice
    ({"TIMEOUT": "30", "RETRIES": "0"}, 1, 30.0, "1.62"),
    ({"TIMEOUT": "30", "RETRIES": "3"}, 4, 120.0, "6.48"),
    ({"TIMEOUT": "30", "RPM": "5"}, 2, 80.0, "3.24"),                  # 10 s in line before each call
    ({"CONTEXT_WINDOW": "1000", "RETRIES": "0"}, 1, None, "1.28125"),
    ({"MAX_TOKENS": "200000", "RETRIES": "0"}, 1, None, "2.34"),       # a default beyond what is known counts
    ({"INPUT_COST": "0", "OUTPUT_COST": "0"}, 2, None, "0"),
    ({"INPUT_COST": "1"}, 2, None, None),                              # half a price is no price
    ({"API_KEY_ENV": "none"}, 2, None, None),                          # LiteLLM's price is not a local model's
    ({"UPSTREAM_MODEL": "nobody-knows", "ALIAS": "gpt-5", "INPUT_COST": "1", "OUTPUT_COST": "1"}, 2, None, None),
    ({"UPSTREAM_MODEL": "nobody-knows", "ALIAS": "gpt-5", "INPUT_COST": "1", "OUTPUT_COST": "1",
      "CONTEXT_WINDOW": "1000000", "RETRIES": "0"}, 1, None, "2"),
    ({"UPSTREAM_MODEL": "nobody-knows", "ALIAS": "gpt-5", "INPUT_COST": "0", "OUTPUT_COST": "0"}, 2, None, "0"),
    ({"MODE": "embedding", "CONTEXT_WINDOW": "1000000", "RETRIES": "0"}, 1, None, "1.25"),
    ({"MODE": "image"}, 2, None, None),
])
def test_the_worst_case_of_a_model(more: dict[str, str], calls: int, seconds: float | None,
                                   dollars: str | None) -> None:
    worst = explained({**MODEL_A, **{f"MODEL_A_{name}": value for name, value in more.items()}}).worst
    assert (worst.calls, worst.seconds) == (calls, seconds)
    assert worst.dollars == (None if dollars is None else Decimal(dollars))
    assert worst.endless == (("a",) if seconds is None else ()) and worst.unpriced == (() if dollars else ("a",))


def test_what_cannot_be_known_is_never_a_number() -> None:
    env = two(MODEL_GPT5_FALLBACKS="deepseek", MODEL_GPT5_TIMEOUT="10", MODEL_DEEPSEEK_TIMEOUT="20")
    worst = explained(env).worst
    assert (worst.calls, worst.seconds, worst.dollars, worst.unpriced) == (3, 40.0, None, ("deepseek",))
    assert "$ unknown" in text_of(explained(env)) and "of deepseek the price" in text_of(explained(env))


def test_of_several_deployments_the_slowest_and_dearest_counts() -> None:
    env = two(MODEL_DEEPSEEK_ALIAS="gpt-5", GATEWAY_LOAD_BALANCE="gpt-5", MODEL_GPT5_TIMEOUT="10",
              MODEL_DEEPSEEK_TIMEOUT="25", MODEL_DEEPSEEK_INPUT_COST="100", MODEL_DEEPSEEK_OUTPUT_COST="0",
              MODEL_GPT5_RETRIES="0", MODEL_DEEPSEEK_STREAM_TIMEOUT="90")
    one = explained(env)
    assert (one.kind, one.calls[0].deployments) == ("balanced", ("gpt5", "deepseek"))
    assert (one.worst.calls, one.worst.seconds, one.worst.dollars) == (1, 25.0, Decimal("16.384"))
    assert one.worst.between_chunks == 90.0


def test_reasoning_and_cache_are_counted_at_their_dearest() -> None:
    dear = {"gpt-5": {**PRICES["gpt-5"], "output_cost_per_reasoning_token": Decimal("0.00002"),
                      "cache_read_input_token_cost": Decimal("0.0000001")}}
    declared = sources({**MODEL_A, "MODEL_A_RETRIES": "0"})
    assert explainer(declared, dear).explain("gpt-5").worst.dollars == Decimal("2.9")


@pytest.mark.parametrize("amount, shown", [
    (None, "$ unknown"), (Decimal(0), "$0.0000"), (Decimal("0.00001"), "$0.0001"), (Decimal("1.62"), "$1.6200")])
def test_a_worst_case_is_never_rounded_down(amount: Decimal | None, shown: str) -> None:
    assert money(amount) == shown


# --- names --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("asked, hint", [
    ("gpt5x", "did you mean gpt-5?"), ("gpt5", "gpt5 is a key, its alias is gpt-5"),
    ("zzz", "known: gpt-5, deepseek-v3.2"),
    ("\x1b[31m" + "x" * 300, "nothing is served as '\\x1b[31mxx")])
def test_an_unknown_name_is_refused_with_the_nearest(asked: str, hint: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        explained(two(), asked)
    assert hint in refused.value.text() and refused.value.exit_code == 2


def test_a_name_under_a_wildcard_is_explained_as_it_is_served() -> None:
    env = {"PROXY_MODEL_KEYS": "x", "MODEL_X_UPSTREAM_MODEL": "xai/*", "MODEL_X_RETRIES": "0", "XAI_API_KEY": canary()}
    prices = {"xai/grok-3-mini": {"litellm_provider": "xai", "input_cost_per_token": Decimal("0.000001"),
                                  "output_cost_per_token": Decimal("0.000001")}}
    declared = sources(env)
    one = explainer(declared, prices).explain("xai/grok-3-mini")
    assert (one.covered_by, one.models[0].upstream) == ("xai/*", "xai/grok-3-mini")
    assert one.worst.dollars == Decimal("0.262144")
    assert "one of xai/*" in text_of(one)
    both = sources({**env, "PROXY_MODEL_KEYS": "x,g", "MODEL_G_UPSTREAM_MODEL": "xai/grok-*"})
    assert [model.key for model in explainer(both).explain("xai/grok-3").models] == ["g"]
    assert [model.key for model in explainer(both).explain("xai/other").models] == ["x"]
    everything = explainer(declared, prices).explain("xai/*")
    assert (everything.covered_by, everything.worst.dollars) == (None, None)


def test_limits_of_a_wildcard_and_of_one_name_under_it_both_meet_that_name() -> None:
    limits = [{"name": name, "scope": "model", "target": target, "rpm": 5, "active": True}
              for name, target in (("all", "xai/*"), ("one", "xai/grok-3"), ("other", "xai/grok-4"))]
    declared = sources({"PROXY_MODEL_KEYS": "x", "MODEL_X_UPSTREAM_MODEL": "xai/*", "MODEL_X_RPM": "9"},
                       registry=RegistryReading(document={"limits": limits}))
    met = explainer(declared).explain("xai/grok-3").limits
    assert [(one.name, one.subject) for one in met] == [("MODEL_X", "x"), ("all", "xai/*"), ("one", "xai/grok-3")]


@pytest.mark.parametrize("action, more, expected", [
    ("wait", {"rpm": 5}, ("rate_limit", 10.0, "wait up to 10 s, then the next model")),
    ("wait", {"rpm": 5, "wait_s": 3}, ("rate_limit", 3.0, "wait up to 3 s, then the next model")),
    ("fallback", {"tpd": 5}, ("rate_limit", 0.0, "the next model")), ("reject", {"rpd": 5}, (None, 0.0, "429")),
    ("wait", {"budget_micros": 5}, ("cost", 0.0, "429")), ("wait", {"backoff": "fixed"}, (
        "rate_limit", 10.0, "wait up to 10 s, then the next model")),
])
def test_what_becomes_of_a_call_that_a_limit_stops(action: str, more: dict[str, Any],
                                                   expected: tuple[str | None, float, str]) -> None:
    row = {"name": "l", "scope": "model", "target": "gpt-5", "action": action, "active": True, **more}
    one = explainer(sources(two(MODEL_GPT5_FALLBACKS="deepseek"), registry=RegistryReading(
        document={"limits": [row]}))).explain("gpt-5")
    assert (one.limits[0].moves_on, one.limits[0].wait_s) == expected[:2]
    assert one.worst.wait_s == expected[1] * 2  # before its two calls, none before the fallback's
    (shown,) = (text for text in text_of(one).splitlines() if text.startswith("  l "))
    assert f"  {expected[2]}  " in shown


def test_the_table_has_every_alias_once() -> None:
    env = two(PROXY_CHAIN_KEYS="smart", CHAIN_SMART_MODELS="gpt5,deepseek", MODEL_GPT5_TIMEOUT="9")
    found = explainer(sources(env))
    lines = table_of([found.explain(name) for name in found.aliases()]).splitlines()
    assert [line.split()[0] for line in lines] == ["ALIAS", "gpt-5", "deepseek-v3.2", "smart"]
    assert "gpt-5 > deepseek-v3.2" in lines[3] and "18 s" in lines[1]


def test_what_is_shown_cannot_steer_a_terminal() -> None:
    one = explained({**MODEL_A, "MODEL_A_UPSTREAM_MODEL": "gpt-5", "GATEWAY_ENVIRONMENT": "prod"})
    painted = text_of(one, lambda text, kind: f"\x1b[1m{text}\x1b[0m")
    assert text_of(one) in painted.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert yaml.safe_load(render_config(build_plan(sources(MODEL_A))))["model_list"]
