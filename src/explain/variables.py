"""One variable: what it is for, what it says, and where that was said."""

from dataclasses import dataclass
from typing import Any

from ..config.fields import BY_SUFFIX, Field
from ..config.parsing import MODEL_PREFIX
from ..config.plan import LaunchPlan, Sources
from ..config.resolve import PlannedModel
from ..config.settings import BY_NAME
from .provenance import Declarations, setting
from .values import Value


@dataclass(frozen=True)
class Variable:
    """A variable with the value that holds; ``flag`` or the field of a --model-spec says the same."""

    name: str
    help: str
    flag: str
    value: Value

    def document(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {"variable": self.name, "help": self.help, "flag": self.flag, **self.value.document()}


def variable_of(name: str, plan: LaunchPlan, sources: Sources) -> Variable | None:
    """Return the variable ``name``, None where the gateway reads none of that name."""
    if name in BY_NAME:
        known = BY_NAME[name]
        return Variable(name, known.help, known.flag or "", setting(sources, name))
    found = _of_model(name, plan)
    if found is None:
        return None
    model, field = found
    value = Declarations(sources).value(model.spec, field.attribute)
    return Variable(name, field.help, f"--model-spec {field.spec}=...", value)


def _of_model(name: str, plan: LaunchPlan) -> tuple[PlannedModel, Field] | None:
    for model in plan.models:
        prefix = f"{MODEL_PREFIX}{model.spec.key.upper()}_"
        if name.startswith(prefix) and name[len(prefix):] in BY_SUFFIX:
            return model, BY_SUFFIX[name[len(prefix):]]
    return None
