"""Which price a declared model has: what is declared, what the registry says, what LiteLLM's price file says."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from ..config.document import plan_document
from ..config.lines import listed
from ..config.plan import LaunchPlan
from ..config.wildcards import is_wildcard, parts_of
from ..policy.costs import Deployment, Known, Prices
from ..policy.price_file import price_file, read_prices


class PriceBook:
    """The prices of a plan's deployments."""

    def __init__(self, plan: LaunchPlan) -> None:
        document = plan_document(plan)
        self._prices = Prices(tuple(plan.registry.get("prices") or ()), read_prices(price_file()))
        self._sources: dict[str, str] = document["sources"]
        names = [field.name for field in fields(Deployment)]
        self._models = {model["deployment"]: Deployment(**{name: model[name] for name in names})
                        for model in document["models"]}

    def find(self, row: Mapping[str, Any]) -> Known | None:
        """Return the price for a ledger row: of its deployment, else of another one of the same upstream model.

        A model that the plan does not know any more has no price here: nobody can tell whose it was.
        """
        own = self._models.get(row["deployment"] or "")
        if own is not None and is_wildcard(own.alias) and parts_of(own.model or "", row["model"] or ""):
            return self._prices.find(replace(own, model=row["model"]), self._sources.get(row["deployment"], ""))
        if own is not None and own.model == row["model"]:
            return self._of(row["deployment"])
        same = next((key for key, model in self._models.items() if model.model == row["model"]), None)
        return None if same is None else self._of(same)

    def _of(self, deployment: str) -> Known | None:
        return self._prices.find(self._models[deployment], self._sources.get(deployment, ""))

    def unpriced(self) -> list[str]:
        """Return the aliases of the models that nobody has a price for; what a wildcard covers is known when asked."""
        return [model.alias for key, model in self._models.items()
                if self._of(key) is None and not is_wildcard(model.alias)]


def with_price_note(plan: LaunchPlan) -> LaunchPlan:
    """Return the plan with a note that names its unpriced models, if any and if anything records costs."""
    if plan.database is None or plan.settings.text("GATEWAY_LEDGER") == "off":
        return plan
    aliases = PriceBook(plan).unpriced()
    if not aliases:
        return plan
    note = (f"no price is known for {listed(aliases)}: costs stay unknown; "
            "set MODEL_<KEY>_INPUT_COST and _OUTPUT_COST (0 is free)")
    return replace(plan, notes=(*plan.notes, note))
