"""What a plan's limits ask of its models: a budget needs prices."""

from dataclasses import replace
from typing import Any

from ..config.plan import LaunchPlan
from ..errors import Problem
from ..policy.limits import EACH
from .ledger_prices import PriceBook


def with_budget_problems(plan: LaunchPlan) -> LaunchPlan:
    """Return the plan with a problem for each budget of a model that nobody has a price for."""
    budgets = [row for row in plan.registry.get("limits") or () if row["scope"] == "model" and row["budget_micros"]]
    unpriced = PriceBook(plan).unpriced() if budgets else []
    found = tuple(_problem(row, alias) for row in budgets for alias in dict.fromkeys(unpriced)
                  if row["target"] in (alias, EACH))
    return replace(plan, problems=plan.problems + found) if found else plan


def _problem(row: dict[str, Any], alias: str) -> Problem:
    return Problem(f"the limit {row['name']} is a budget for {alias}, for which no price is known",
                   "registry ai_rate_limit_configs",
                   "set MODEL_<KEY>_INPUT_COST and _OUTPUT_COST (0 is free), or the prices of its registry row",
                   "GW602")
