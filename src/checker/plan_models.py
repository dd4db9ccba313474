"""Parameters that contradict each other or the model."""

from collections.abc import Iterator

from ..config.plan import LaunchPlan
from ..config.resolve import PlannedModel
from .findings import Finding
from .plan_places import Places


def findings(plan: LaunchPlan, places: Places) -> Iterator[Finding]:
    """Yield what a model would be sent in vain."""
    for model in plan.models:
        yield from _dropped(model, places)
        yield from _too_many(model, places)


def _dropped(model: PlannedModel, places: Places) -> Iterator[Finding]:
    spec = model.spec
    defaults = {"reasoning_effort": model.effort, "max_tokens": spec.max_tokens}
    place = places.of(spec.origin("drop_params"), code="GW705")
    for name in spec.drop_params:
        if defaults.get(name) is not None:
            yield Finding("GW705", f"{spec.alias}: {name} is set to {defaults[name]}, and dropped", place,
                          "keep one of the two")
        if name in spec.allow_params:
            yield Finding("GW705", f"{spec.alias}: {name} is allowed, and dropped", place, "keep one of the two")


def _too_many(model: PlannedModel, places: Places) -> Iterator[Finding]:
    most, asked = model.caps.max_output, model.spec.max_tokens
    if most is not None and asked is not None and asked > most:
        yield Finding("GW708", f"{model.alias}: max_tokens is {asked}; {model.spec.model} answers with at most {most}",
                      places.of(model.spec.origin("max_tokens"), code="GW708"), f"set MAX_TOKENS to {most} at most")
