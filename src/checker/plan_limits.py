"""Limits that cannot hold with the chosen workers and store, and models whose cost nobody can tell."""

from collections.abc import Iterable, Iterator

from ..config.database import VARIABLE
from ..config.plan import LaunchPlan
from .findings import Finding
from .plan_places import Places

_COUNTED = ("rpm", "tpm", "rpd", "tpd")


def findings(plan: LaunchPlan, unpriced: Iterable[str], places: Places) -> Iterator[Finding]:
    """Yield what is wrong with limits, budgets and prices."""
    yield from _without_database(plan, places)
    yield from _open_budgets(plan, places)
    if plan.database is not None and plan.settings.text("GATEWAY_LEDGER") != "off":
        yield from _unpriced(plan, unpriced, places)


def _without_database(plan: LaunchPlan, places: Places) -> Iterator[Finding]:
    if plan.database is not None:
        return
    workers = plan.settings.whole("WORKERS")
    for model in plan.models:
        limits = [name for name in _COUNTED if getattr(model.spec, name) is not None]
        if limits and workers > 1:
            yield Finding("GW603", f"{model.alias}: without a database each of the {workers} workers counts "
                          f"{_listed(limits)} for itself", places.of(model.spec.origin(limits[0])),
                          f"set {VARIABLE}, or WORKERS=1")
        elif daily := [name for name in limits if name.endswith("d")]:
            yield Finding("GW605", f"{model.alias}: without a database a restart begins {_listed(daily)} anew",
                          places.of(model.spec.origin(daily[0])), f"set {VARIABLE}")


def _listed(names: Iterable[str]) -> str:
    return " and ".join(name.upper() for name in names)


def _open_budgets(plan: LaunchPlan, places: Places) -> Iterator[Finding]:
    budgets = [row["name"] for row in plan.registry.get("limits") or () if row.get("budget_micros")]
    if budgets and plan.settings.text("GATEWAY_STORE_DOWN") == "allow":
        place = places.variable("GATEWAY_STORE_DOWN")
        yield Finding("GW604", f"the budget {', '.join(budgets[:5])} may be overdrawn while the database is away: "
                      "GATEWAY_STORE_DOWN is allow", place, "GATEWAY_STORE_DOWN=deny")


def _unpriced(plan: LaunchPlan, unpriced: Iterable[str], places: Places) -> Iterator[Finding]:
    names = set(unpriced)
    for model in plan.models:
        if model.alias in names:
            prefix = f"MODEL_{model.spec.key.upper()}_"
            yield Finding("GW601", f"{model.alias}: no price is known for {model.spec.upstream}, costs stay unknown",
                          places.of(model.spec.origin("upstream")),
                          f"{prefix}INPUT_COST=0\n{prefix}OUTPUT_COST=0\n# US dollars per million tokens; 0 is free")
