"""The registry in a plan: rows join last, without their keys they stay out, and unsafe ones refuse everything."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from src.config.diff import diff_plans
from src.config.document import plan_document
from src.config.environment import Environment
from src.config.models import ChainSpec
from src.config.plan import LaunchPlan, Sources, build_plan
from src.config.registry import RegistryReading
from src.config.rendering import config_document, render_config
from src.policy.registry_safety import Rules
from src.store.chains import Chain
from src.store.checks import Context
from src.store.endpoints import Endpoint
from src.store.models import Model
from src.store.prompts import Prompt
from src.store.providers import Provider
from src.store.reading import registry_reading, reload_digest, worker_document
from src.store.registry import Registry

ENV = {"PROXY_MODEL_KEYS": "grok", "MODEL_GROK_UPSTREAM_MODEL": "xai/grok-3", "MODEL_GROK_ALIAS": "grok-3",
       "XAI_API_KEY": "set", "LAB_KEY": "set"}
LAB = Provider("lab", "openai", "https://lab.example.com/v1", "LAB_KEY", None, True, 30.0, 2, id=1)
XAI = Provider("xai", "xai", id=2)
CONTEXT = Context(Rules(allowed=("https://lab.example.com/v1",), keys=frozenset({"LAB_KEY"})), frozenset({"grok-3"}))


def plan(registry: Registry, env: dict[str, str] | None = None, **flags: Any) -> LaunchPlan:
    """Return the plan of an environment and rows."""
    values = ENV if env is None else env
    reading = registry_reading(registry, CONTEXT, lambda name: name in values)
    return build_plan(Sources(Environment(values), registry=reading, **flags))


def test_enabled_models_of_active_providers_join_after_the_declared_ones() -> None:
    made = plan(Registry(
        providers=(LAB, XAI, Provider("off", "xai", active=False, id=3)),
        models=(Model("m-1", "lab", "org/m1", input_price_micros=1_250_000, output_price_micros=0, id=7),
                Model("m-2", "lab", "m2", enabled=False, id=8), Model("m-3", "off", "m3", id=9),
                Model("mini", "xai", "grok-3-mini", context_window=10, max_output=5, tools=False, id=10))))
    assert made.problems == ()
    assert [model.alias for model in made.models] == ["grok-3", "m-1", "mini"]
    first, second = made.models[1], made.models[2]
    assert (first.spec.source, first.spec.upstream) == ("registry ai_models row 7", "openai/org/m1")
    assert (first.base, first.key_env, first.spec.timeout, first.spec.retries) == (LAB.base_url, "LAB_KEY", 30.0, 2)
    assert (first.spec.input_cost, first.spec.output_cost) == (Decimal("1.25"), Decimal(0))
    assert (second.key_env, second.base, second.context_window) == ("XAI_API_KEY", None, 10)
    assert (second.caps.max_output, second.caps.tools, second.caps.efforts) == (5, False, ("low", "high"))
    rendered = config_document(made)["model_list"][1]
    assert rendered["litellm_params"]["api_key"] == "os.environ/LAB_KEY"


def test_a_declared_alias_wins_and_the_note_says_so() -> None:
    made = plan(Registry(providers=(XAI,), models=(Model("grok-3", "xai", "other", id=4),)))
    assert [model.spec.model for model in made.models] == ["grok-3"]
    assert "registry: grok-3 is declared elsewhere too, which wins over registry ai_models row 4" in made.notes


def test_a_declared_alias_wins_over_a_chain_too() -> None:
    made = plan(Registry(chains=(Chain("c", "grok-3", models=("grok-3",), id=5),)))
    assert made.chains == () and made.problems == ()
    assert any("wins over registry ai_fallback_chains row 5" in note for note in made.notes)


def test_models_without_their_key_stay_out_with_one_note_per_key() -> None:
    env = {name: value for name, value in ENV.items() if name != "LAB_KEY"}
    made = plan(Registry(providers=(LAB,), models=(Model("a", "lab", "a"), Model("b", "lab", "b"))), env)
    assert [model.alias for model in made.models] == ["grok-3"] and made.problems == ()
    assert "registry: LAB_KEY is not set, so 2 of its models are left out: a, b" in made.notes


def test_the_workers_get_the_rows_as_the_launch_read_them() -> None:
    rows = Registry(providers=(XAI,), models=(Model("mini", "xai", "grok-3-mini"),), endpoints=(Endpoint("e", "mini"),))
    assert plan_document(plan(rows))["registry"] == worker_document(rows) != {}
    assert "registry" not in plan_document(plan(Registry()))


def test_keyless_rows_need_no_key() -> None:
    made = plan(Registry(providers=(replace(LAB, key_env="none"),), models=(Model("a", "lab", "a"),)))
    assert made.models[1].key_env is None


def test_the_second_usual_key_is_used_where_only_that_is_set() -> None:
    made = plan(Registry(providers=(XAI,), models=(Model("a", "xai", "a"),)), {"GROK_API_KEY": "x"})
    assert made.models[0].key_env == "GROK_API_KEY"


def test_openais_own_base_is_written_out_and_never_replaced_by_a_variable() -> None:
    made = plan(Registry(providers=(Provider("openai", "openai"),), models=(Model("a", "openai", "a"),)),
                {"OPENAI_API_KEY": "x", "OPENAI_API_BASE": "https://elsewhere.test/v1"})
    assert made.models[-1].base == "https://api.openai.com/v1"


def test_chains_may_mix_registry_and_declared_models_and_go_without_what_is_missing() -> None:
    models = (Model("a", "lab", "a"), Model("b", "lab", "b", enabled=False))
    made = plan(Registry(providers=(LAB,), models=models, chains=(
        Chain("c", "safe", ("cost",), ("b", "a", "grok-3")), Chain("d", "d", models=("b",)),
        Chain("e", "e", models=("a",), active=False))))
    assert made.problems == ()
    (chain,) = made.chains
    assert (chain.alias, chain.models, chain.triggers) == ("safe", ("a", "grok"), ("cost",))
    assert "registry: the chain c goes without b" in made.notes
    assert "registry: the chain d is left out, for want of b" in made.notes


def test_keys_stay_unique_whatever_the_aliases_look_like() -> None:
    rows = tuple(Model(alias, "lab", "m") for alias in ("grok", "gr/ok", "gr-ok", "\u6a21"))
    made = plan(Registry(providers=(LAB,), models=rows))
    keys = [model.spec.key for model in made.models]
    assert made.problems == () and len(set(keys)) == len(keys) == 5


@pytest.mark.parametrize("registry, said", [
    (Registry(providers=(replace(LAB, key_env="LITELLM_MASTER_KEY"),)), "gateway's own"),
    (Registry(providers=(replace(LAB, base_url="http://169.254.169.254"),)), "link-local"),
    (Registry(providers=(replace(LAB, provider="made-up"),)), "provider must be one of"),
    (Registry(providers=(replace(LAB, retries=99),)), "retries must be"),
    (Registry(providers=(LAB,), models=(Model("a,b", "lab", "m"),)), "alias must not contain"),
    (Registry(endpoints=(Endpoint("e", "m", path="/key/generate"),)), "path must be one of"),
    (Registry(chains=(Chain("c", "c", ("always",), ("grok-3",)),)), "triggers must be"),
    (Registry(endpoints=(Endpoint("grok-3", "grok-3"),)), "declared elsewhere"),
])
def test_rows_edited_by_hand_are_held_to_every_rule(registry: Registry, said: str) -> None:
    made = plan(registry)
    assert any(said in problem.what for problem in made.problems), made.problems
    assert all(problem.where.startswith("registry ai_") for problem in made.problems)


def test_an_endpoint_may_not_have_the_name_of_a_model() -> None:
    reading = RegistryReading(slugs={"grok-3": "registry ai_endpoints row 1"})
    made = build_plan(Sources(Environment(ENV), registry=reading))
    assert [problem.what for problem in made.problems] == ["the endpoint grok-3 has the name of a model or chain"]


def test_registry_models_alone_are_enough_and_replace_the_default() -> None:
    registry = Registry(providers=(XAI,), models=(Model("a", "xai", "a"),))
    made = plan(registry, {"XAI_API_KEY": "x", "OPENAI_API_KEY": "y"})
    assert [model.alias for model in made.models] == ["a"] and made.problems == ()
    named = plan(registry, {"XAI_API_KEY": "x", "OPENAI_API_KEY": "y"}, model="gpt-5")
    assert [model.alias for model in named.models] == ["gpt-5", "a"]


def test_an_empty_registry_changes_nothing_at_all() -> None:
    without = build_plan(Sources(Environment(ENV)))
    assert render_config(plan(Registry())) == render_config(without)
    assert plan_document(plan(Registry())) == plan_document(without)


def test_the_same_rows_have_the_same_digest_and_other_rows_another() -> None:
    rows = Registry(providers=(LAB,), models=(Model("a", "lab", "a", caps={"efforts": ["low"]}),))
    assert reload_digest(rows) == reload_digest(replace(rows, providers=(replace(LAB, id=99),)))
    assert reload_digest(rows) != reload_digest(replace(rows, providers=(replace(LAB, timeout_s=31.0),)))
    assert reload_digest(rows) == reload_digest(replace(rows, prompts=(Prompt("p", system_prompt="x"),)))
    assert reload_digest(Registry()) == ""


def test_workers_get_what_is_active_and_prices_of_everything() -> None:
    document = worker_document(Registry(
        providers=(LAB,), models=(Model("a", "lab", "m", image_price_micros=5, price_source="me"),
                                  Model("b", "lab", "n")),
        chains=(Chain("c", "safe", models=("a",)),),
        endpoints=(Endpoint("e", None, "c", tools=("t",)), Endpoint("f", "a", active=False)),
        prompts=(Prompt("p", 1, None, "x", active=False), Prompt("p", 2, None, "y"))))
    assert [(row["slug"], row["target"], row["tools"]) for row in document["endpoints"]] == [("e", "safe", ["t"])]
    assert [row["version"] for row in document["prompts"]] == [2]
    (price,) = document["prices"]
    assert (price["alias"], price["provider"], price["image_micros"], price["source"]) == ("a", "openai", 5, "me")


def test_a_reload_names_the_parts_of_the_registry_that_differ() -> None:
    old = {"registry": {"digest": "1", "flags": [], "prompts": [1]}}
    new = {"registry": {"digest": "2", "flags": [], "prompts": [2]}}
    assert diff_plans(old, new) == ["registry: prompts changed"]
    assert diff_plans({}, {"registry": {"flags": [1]}}) == ["registry: flags changed"]


def test_a_declared_chain_keeps_its_key() -> None:
    reading = RegistryReading(chains=(ChainSpec("c", "other", ("grok-3",)),))
    env = {**ENV, "PROXY_CHAIN_KEYS": "c", "CHAIN_C_MODELS": "grok"}
    made = build_plan(Sources(Environment(env), registry=reading))
    assert [(chain.key, chain.alias) for chain in made.chains] == [("c", "c"), ("c_2", "other")]
