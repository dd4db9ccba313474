"""`explain [ALIAS]`: what a request will do, and where every number of it comes from."""

import json
import time
from typing import TYPE_CHECKING, Any

import click

from ..config.plan import LaunchPlan, Sources, build_plan
from ..errors import UsageProblem
from ..policy.price_file import price_file, read_prices
from .colours import styled
from .context import Invocation
from .sources import read_sources

if TYPE_CHECKING:
    from ..policy.limits import Limit

_STYLES: dict[str, dict[str, Any]] = {"title": {"bold": True}, "origin": {"fg": "cyan"}, "lost": {"dim": True},
                                      "warning": {"fg": "yellow"}}


@click.command()
@click.argument("alias", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; without ALIAS a list of them.")
@click.pass_context
def explain(ctx: click.Context, alias: str | None, as_json: bool) -> None:
    """Show what a request to ALIAS will do; without ALIAS, a table of everything that is served.

    ALIAS may also be a variable, such as MODEL_GPT5_TIMEOUT. For every value: where it came from (flag, environment,
    .env, registry, default) and what it overrode. Times, calls and dollars are the worst case. Nothing is sent and no
    key is needed.
    """
    from ..explain.aliases import Explainer
    from ..explain.text import table_of, text_of, text_of_variable
    from ..explain.variables import variable_of
    plan, sources, prices, keys = _declared(ctx)
    explainer = Explainer(plan, sources, prices, keys)
    if alias is not None and alias not in explainer.aliases() and (found := variable_of(alias, plan, sources)):
        click.echo(json.dumps(found.document(), indent=2) if as_json
                   else text_of_variable(found, lambda text, kind: styled(ctx, text, **_STYLES[kind])))
        return
    if alias is not None:
        one = explainer.explain(alias)
        click.echo(json.dumps(one.document(), indent=2) if as_json
                   else text_of(one, lambda text, kind: styled(ctx, text, **_STYLES[kind])))
        return
    every = [explainer.explain(name) for name in explainer.aliases()]
    click.echo(json.dumps([one.document() for one in every], indent=2) if as_json else table_of(every))


def _declared(ctx: click.Context) -> tuple[LaunchPlan, Sources, Any, list[tuple["Limit", str, tuple[str, ...]]]]:
    """Return plan, sources, LiteLLM's prices and the limits of client keys; raises GatewayError."""
    from .database import with_registry
    assert isinstance(ctx.obj, Invocation)
    options = ctx.meta["root"]
    if options["config"]:
        raise UsageProblem("explain reads what flags, environment and registry declare, not --config FILE", "--config",
                           "leave --config out; import the file first to have it explained")
    sources = with_registry(read_sources(ctx.obj, options), launching=False)
    plan = build_plan(sources).checked()
    for note in plan.notes:
        click.echo(f"note: {note}", err=True)
    return plan, sources, read_prices(price_file()), _keys(sources)


def _keys(sources: Sources) -> list[tuple["Limit", str, tuple[str, ...]]]:
    """Return the limits of client keys that still open something, with the names that these may ask for."""
    database = sources.database
    if database is None or (database.path is not None and not database.path.is_file()):
        return []
    from ..store.client_keys import read_keys
    from ..store.engine import open_store
    from ..store.failures import StoreError
    from ..store.migrate import is_migrated
    store = open_store(database)
    try:
        if not is_migrated(store):
            return []
        with store.reading() as connection:
            keys = read_keys(connection)
    except StoreError as error:
        click.echo(f"note: client keys are not shown: {error.problems[0].what}", err=True)
        return []
    finally:
        store.close()
    return [(key.limit, key.name, key.models) for key in keys if key.limit and key.usable(time.time())]
