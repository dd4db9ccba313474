"""Rows of the registry in rendered documents: they go along where the deployment has another database."""

import json
from pathlib import Path

import pytest
import yaml

from src.config.database import Database, parse_database_url
from src.config.environment import Environment
from src.config.plan import LaunchPlan, Sources, build_plan
from src.deploy.target import target_of
from src.policy.registry_safety import Rules
from src.store.chains import Chain
from src.store.checks import Context
from src.store.endpoints import Endpoint
from src.store.models import Model
from src.store.providers import Provider
from src.store.reading import registry_reading
from src.store.registry import Registry

from .deploying import SQLITE, compose_of, inside, k8s_of, kinds

ENV = {"PROXY_MODEL_KEYS": "grok", "MODEL_GROK_UPSTREAM_MODEL": "xai/grok-3", "MODEL_GROK_ALIAS": "grok-3",
       "XAI_API_KEY": "set"}
POSTGRES = parse_database_url("postgresql://ops@db.example.com/gateway", Path())
ROWS = Registry(
    providers=(Provider("xai", "xai", id=1),),
    models=(Model("mini", "xai", "grok-3-mini", context_window=1000, input_price_micros=300_000, id=2),),
    chains=(Chain("safe", "safe", models=("grok-3", "mini"), id=3),),
    endpoints=(Endpoint("summary", model="mini", id=4),))


def planned(database: Database | None, env: dict[str, str] | None = None) -> LaunchPlan:
    """Return the plan of an environment beside the rows of a database."""
    values = ENV if env is None else env
    context = Context(Rules(), frozenset({"grok-3"}) if values is ENV else frozenset())
    reading = registry_reading(ROWS, context, lambda name: name in ENV)
    return build_plan(Sources(Environment(values), registry=reading, database=database)).checked()


@pytest.mark.parametrize("postgres", [False, True])
def test_rows_of_a_file_of_this_machine_are_declared_in_the_compose_file(postgres: bool) -> None:
    there = inside(compose_of(planned(SQLITE), postgres=postgres))
    assert [model.alias for model in there.models] == ["grok-3", "mini"]
    mini, row = there.by_key("mini"), planned(SQLITE).by_key("mini")
    assert (mini.spec.input_cost, mini.context_window, mini.key_env) == (row.spec.input_cost, 1000, "XAI_API_KEY")
    assert [(chain.alias, chain.models) for chain in there.chains] == [("safe", ("grok", "mini"))]


def test_rows_that_the_deployment_reads_itself_are_not_written_twice() -> None:
    text = compose_of(planned(POSTGRES))
    assert [model.alias for model in inside(text).models] == ["grok-3"]
    assert not inside(text).chains
    assert "XAI_API_KEY" in yaml.safe_load(text)["services"]["gateway"]["secrets"]
    assert target_of(planned(POSTGRES), postgres=False).notes == ()


def test_a_plan_of_rows_alone_declares_nothing_else() -> None:
    rows_only = Registry(providers=ROWS.providers, models=ROWS.models)
    reading = registry_reading(rows_only, Context(Rules()), lambda name: True)
    plan = build_plan(Sources(Environment({}), registry=reading, database=POSTGRES)).checked()
    environment = yaml.safe_load(compose_of(plan))["services"]["gateway"]["environment"]
    assert "PROXY_MODEL_KEYS" not in environment and "GATEWAY_DATABASE_URL_FILE" in environment


@pytest.mark.parametrize(("database", "kept"), [(SQLITE, False), (POSTGRES, True)])
def test_pods_serve_the_rows_models_and_keep_what_their_own_database_says(database: Database, kept: bool) -> None:
    plan = planned(database)
    data = kinds(k8s_of(plan))["ConfigMap"]["data"]
    assert [entry["model_name"] for entry in yaml.safe_load(data["config.yaml"])["model_list"]] == [
        "grok-3", "mini", "safe"]
    # An endpoint of another database would vanish with the pod's first look into its own.
    assert ("registry" in json.loads(data["plan.json"])) == kept
    notes = target_of(plan, postgres=False).notes
    assert [note for note in notes if "endpoints" in note and "registry import" in note] == [] if kept else notes


def test_an_sqlite_file_that_was_chosen_stays_here_and_that_is_said() -> None:
    chosen = parse_database_url("sqlite:////srv/mine.db", Path())
    notes = target_of(planned(chosen), postgres=False).notes
    assert any("SQLite file of this machine stays here" in note for note in notes)
    assert "/srv" not in k8s_of(planned(chosen)) + compose_of(planned(chosen))
