"""What fails along a chain or a list of fallbacks: abilities that are lost, dead ends, steps that change nothing."""

from collections.abc import Iterator

from ..config.checks import Walk, lost, walks
from ..config.plan import LaunchPlan
from ..config.resolve import PlannedModel
from .findings import Finding, Place
from .plan_places import Places

# Calls of one request from which a chain is rather a way to wait and to pay.
MANY_CALLS = 10


def findings(plan: LaunchPlan, places: Places) -> Iterator[Finding]:
    """Yield what is wrong with the walks of ``plan``."""
    for walk in walks(plan.models, plan.chains):
        place = places.of(walk.where)
        if len(walk.members) == 1 and walk.name.startswith("chain "):
            yield Finding("GW311", f"{walk.name} has one model, {walk.members[0].alias}: nothing to move on to", place,
                          "add a model, or ask for the model by its own name")
        if walk.calls > MANY_CALLS:
            yield Finding("GW312", f"{walk.name}: one request causes up to {walk.calls} upstream calls", place,
                          "set RETRIES=0 for its models, or take some out")
        yield from _steps(walk, place)


def _steps(walk: Walk, place: Place) -> Iterator[Finding]:
    """Compare each later model with the first, which is what the name promises."""
    for number, later in enumerate(walk.members[1:], 1):
        first = walk.members[0]
        if later.mode != first.mode:
            yield Finding("GW309", f"{walk.name}: {later.alias} is for {later.mode}, {first.alias} for {first.mode}: "
                          "no request can be answered by both", place, f"take {later.alias} out")
            continue
        for code, text in lost(first, later).items():
            yield Finding(code, f"{walk.name}: {later.alias} after {first.alias} has {text}", place,
                          f"move on to a model that has it, or leave {later.alias} out")
        same = next((known for known in walk.members[:number] if _target(known) == _target(later)), None)
        if same is not None and same.spec.key != later.spec.key:
            yield Finding("GW310", f"{walk.name}: {later.alias} asks the same upstream model as {same.alias}, with the "
                          "same key", place, "move on to another provider, base or key")


def _target(model: PlannedModel) -> tuple[str, str | None, str | None]:
    return model.spec.upstream, model.base, model.key_env
