"""Which prices a deployment has, the one that counts first: as `policy/costs.py` looks them up when requests end."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..config.document import micros
from ..config.plan import LaunchPlan
from ..config.resolve import PlannedModel
from ..policy.costs import Deployment, Known, Prices
from ..policy.price_file import price_source


class PriceList:
    """The prices of a plan; ``litellm`` are the entries of LiteLLM's price file."""

    def __init__(self, plan: LaunchPlan, litellm: Mapping[str, Any]) -> None:
        self._rows: tuple[Mapping[str, Any], ...] = tuple(plan.registry.get("prices") or ())
        self._all = Prices(self._rows, litellm)

    def of(self, model: PlannedModel) -> list[Known]:
        """Return every price that somebody knows: the environment's, the registry's, LiteLLM's."""
        spec = model.spec
        asked = Deployment(spec.alias, spec.upstream, spec.provider, model.key_env,
                           micros(spec.input_cost), micros(spec.output_cost))
        silent = replace(asked, input_cost_micros=None, output_cost_micros=None)
        found = [self._all.find(asked, spec.source), self._all.find(silent, spec.source),
                 replace(self._all, registry=()).find(silent, spec.source)]
        return list({one.source: one for one in reversed(found) if one is not None}.values())[::-1]

    def source(self, model: PlannedModel, one: Known) -> str:
        """Return who says a price that the environment does not declare."""
        if one.source == "litellm":
            return price_source()
        rows = [row for row in self._rows if f"{row['provider']}/{row['model']}" == model.spec.upstream]
        row = next((row for row in rows if row["alias"] == model.alias), rows[0] if rows else {})
        said = row.get("source")
        return f"registry, {said}" if said else "registry"
