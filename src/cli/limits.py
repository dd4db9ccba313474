"""`limits`: the noun's verbs, what is used and left, and which limits meet a request for a model."""

import json
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from ..config.fields import suggest
from ..config.plan import LaunchPlan, build_plan
from ..errors import PROGRAM, GatewayError
from ..policy.limits import (
    MEASURES, OF_ATTEMPTS, Limit, LimitSet, Rule, amount_text, declared_limit, dollars_text, limits_of)
from ..policy.names import DeclaredNames
from ..policy.nouns import NOUNS
from .database import Opened, opened, with_registry
from .nouns import AS_JSON, find, group_of, public, read_rows, table

if TYPE_CHECKING:
    from ..store.limits_usage import Used

_NOUN = NOUNS["limits"]
_ORIGINS = {"row": "registry", "env": "environment", "key": "client key"}
limits = group_of("limits")


@limits.command("show")
@click.argument("name", required=False)
@AS_JSON
@click.pass_context
def show(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """Show what is used and left of every limit, or one limit's row."""
    from ..store.limits_usage import usage
    with opened(ctx) as on:
        if name is not None:
            values = public(find(on, _NOUN, name, {}))
            text = "\n".join(f"{field}: {value}" for field, value in values.items() if value is not None)
            return click.echo(json.dumps(values, indent=2) if as_json else text)
        known = all_limits(on, _plan(on))
        with on.store.reading() as connection:
            rows = [_line(one, on) for one in usage(connection, known, time.time())]
    return click.echo(json.dumps(rows, indent=2) if as_json else _table(rows))


def _table(rows: list[dict[str, Any]]) -> str:
    shown = [{**row, **_money(row), "for": f"{row['scope']} {row['subject']}"} for row in rows]
    columns = ("limit", "for", "what", "used", "left", "resets_in_s", "counted", "enforced")
    return table(columns, shown) if rows else "no limits; add one: limits add NAME --scope model --target ALIAS --rpm N"


def _money(row: dict[str, Any]) -> dict[str, str]:
    return {name: dollars_text(row[name]) for name in ("used", "left")} if row["measure"] == "budget_micros" else {}


def _line(one: "Used", on: Opened) -> dict[str, Any]:
    end = datetime.fromtimestamp(one.window.end, timezone.utc)
    down = on.sources.env.get("GATEWAY_STORE_DOWN") or "allow"
    return {"limit": one.limit.name, "scope": one.limit.scope, "subject": one.subject,
            "what": amount_text(one.measure, one.cap), "measure": one.measure.field, "cap": one.cap,
            "used": one.used, "left": one.left, "resets_at": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "resets_in_s": max(0, int(one.window.end - time.time())), "counted": _counted(one.limit),
            "enforced": f"in {on.store.database.masked}, by every worker of every gateway that uses it; "
                        f"without it: {'per worker' if down == 'allow' else 'refused'}"}


def _counted(limit: Limit) -> str:
    return "upstream calls" if limit.scope in OF_ATTEMPTS else "client requests"


def _plan(on: Opened) -> LaunchPlan:
    return build_plan(with_registry(on.sources, launching=False))


def _rows(on: Opened) -> tuple[Limit, ...]:
    return limits_of(row.values() for row in read_rows(on, _NOUN))


def zones_of(plan: LaunchPlan) -> dict[str, str]:
    """Return provider -> time zone, as GATEWAY_RESET_ZONES has them."""
    pairs = (word.partition("=") for word in plan.settings.words("GATEWAY_RESET_ZONES"))
    return {provider: zone for provider, _, zone in pairs}


def all_limits(on: Opened, plan: LaunchPlan) -> list[Limit]:
    """Return what the environment, the registry and the client keys limit."""
    from ..store.client_keys import read_keys
    zones = zones_of(plan)
    declared = (declared_limit(model.spec, zones.get(model.spec.provider)) for model in plan.models)
    with on.store.reading() as connection:
        keys = [key.limit for key in read_keys(connection)]
    return [*(limit for limit in declared if limit), *_rows(on), *(limit for limit in keys if limit)]


@limits.command("explain")
@click.argument("alias")
@AS_JSON
@click.pass_context
def explain(ctx: click.Context, alias: str, as_json: bool) -> None:
    """Show every limit that a request for ALIAS meets, in the order in which they are checked."""
    with opened(ctx) as on:
        plan, rows = _plan(on), _rows(on)
        rules = LimitSet(rows, zones_of(plan))
        entries = [_entry("client request", Rule(limit, limit.target)) for limit in rows
                   if limit.scope not in OF_ATTEMPTS]
        for key in _members(plan, alias):
            model = plan.by_key(key)
            entries += [_entry(f"call of {model.alias}", rule) for rule in rules.of_attempt(model.spec, alias)]
    text = table(("checked", "limit", "declared", "for", "numbers", "action"), entries) if entries else "no limits"
    click.echo(json.dumps(entries, indent=2) if as_json else text)


def _members(plan: LaunchPlan, alias: str) -> Iterable[str]:
    """Return the keys of the models that a request for ``alias`` may reach; raises GatewayError for unknown ones."""
    chain = next((chain for chain in plan.chains if chain.alias == alias), None)
    if chain is not None:
        return chain.models
    names = [model.alias for model in plan.models] + [chain.alias for chain in plan.chains]
    # The wildcard itself may be asked about too.
    declared = alias if alias in names else DeclaredNames.of(names).declared(alias)
    models = [model.spec for model in plan.models if model.alias == declared]
    if not models:
        raise GatewayError(f"there is no model or chain {alias!a}{suggest(alias, names)}", "",
                           f"{PROGRAM} limits explain ALIAS")
    return dict.fromkeys(key for spec in models for key in (spec.key, *spec.fallbacks))


def _entry(checked: str, rule: Rule) -> dict[str, Any]:
    limit = rule.limit
    numbers = [amount_text(measure, cap) for measure in MEASURES if (cap := limit.cap(measure)) is not None]
    action = f"wait up to {limit.wait_s:g} s, then 429" if limit.action == "wait" else limit.action
    held = [f"{limit.backoff} backoff after 429, {limit.backoff_s:g} s"] if limit.backoff else []
    return {"checked": checked, "limit": limit.name, "declared": _ORIGINS[limit.origin],
            "for": f"{limit.scope} {rule.subject}", "numbers": ", ".join(numbers + held), "action": action}
