"""One entry of a LiteLLM model_list, on its way to one of our models; what entries share while a file is read."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..config.fields import BY_ATTRIBUTE, BY_SUFFIX, KEY_SUFFIXES
from ..config.models import ModelCaps, caps_for
from ..config.parsing import key_of
from ..config.providers import default_alias, split_provider
from ..config.readers import BadValue
from .dotenv_text import Unwritable, quoted
from .report import Report
from .yaml_tree import Node

REFERENCE = re.compile(r"os\.environ/(.+)")
# Rows of the registry know more of a model than variables do: LiteLLM's key -> the field of a row.
ROW_PRICES: Mapping[str, str] = MappingProxyType({
    "cache_read_input_token_cost": "cached_input_price_micros",
    "output_cost_per_reasoning_token": "reasoning_price_micros"})
ROW_SWITCHES: Mapping[str, str] = MappingProxyType({"supports_vision": "vision", "supports_function_calling": "tools"})
# The fields that rows of the registry can hold.
ROW_FIELDS = frozenset(("mode", "api_base", "api_key_env", "timeout", "retries", "rpm", "tpm", "input_cost",
                        "output_cost", "context_window"))
NO_ROW = "rows have no such field; import without --registry to declare the model with variables"
_SIMPLE_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")
_SUFFIXES = (*BY_SUFFIX, *KEY_SUFFIXES)
# A key `a_stream` beside a key `a` would own MODEL_A_STREAM_TIMEOUT.
_UNCLEAR = tuple(f"_{suffix[:-len(rest) - 1].lower()}" for suffix in _SUFFIXES for rest in _SUFFIXES
                 if suffix.endswith(f"_{rest}"))


@dataclass
class Deployment:
    """One model. ``values`` are texts by ModelSpec attribute, ``row`` what only a registry row can hold."""

    key: str
    alias: str
    provider: str
    model: str
    node: Node
    values: dict[str, str] = field(default_factory=dict)
    row: dict[str, int | bool] = field(default_factory=dict)
    fallbacks: list[str] = field(default_factory=list)

    @property
    def caps(self) -> ModelCaps:
        """Return what is known of the model."""
        return caps_for(self.provider, self.model)

    @property
    def upstream(self) -> str:
        """Return the id as UPSTREAM_MODEL takes it: what reads as another provider gets `openai/` before it."""
        plain = self.provider == "openai" and split_provider(self.model)[0] == "openai" \
            and not self.model.startswith("openai/")
        return self.model if plain else f"{self.provider}/{self.model}"

    @property
    def stated_alias(self) -> str | None:
        """Return the alias where it is not the default."""
        return None if self.alias == default_alias(self.provider, self.model) else self.alias

    @property
    def fresh_key(self) -> str:
        """Return a variable for a key that nobody has set yet."""
        return f"UPSTREAM_KEY_{self.key.upper()}"

    def variable(self, attribute: str) -> str:
        """Return the variable of a field, `MODEL_GPT5_RPM`."""
        return f"MODEL_{self.key.upper()}_{BY_ATTRIBUTE[attribute].suffixes[0]}"


@dataclass
class Reading:
    """What a file has said so far.

    ``value_of`` returns a variable as it is set now; ``secrets`` stood in clear; ``wanted`` must be set for a launch;
    ``rows``: the models become rows of the registry, which hold less; ``generated``: the file is one of ours.
    """

    report: Report
    root: Node
    value_of: Callable[[str], str | None]
    rows: bool = False
    generated: bool = False
    models: list[Deployment] = field(default_factory=list)
    chains: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, None] = field(default_factory=dict)

    def text(self, node: Node) -> str | None:
        """Return a scalar's text, a reference replaced by its present value; None, reported, where that is unset."""
        if node.children or node.kind in ("map", "list"):
            self.report.lost(node, "a single value is expected here")
            return None
        found = REFERENCE.fullmatch(node.text) if node.kind == "text" else None
        if found is None:
            return node.text
        value = self.value_of(found[1])
        if not value:
            self.report.lost(node, f"{found[1]} is not set here; set it and import again")
            return None
        return value

    def take(self, model: Deployment, attribute: str, node: Node, text: str) -> bool:
        """Give ``model`` a value that our own reader accepts; another is reported. Return whether it did."""
        if self.rows and attribute not in ROW_FIELDS:
            self.report.lost(node, NO_ROW)
            return False
        try:
            BY_ATTRIBUTE[attribute].read(text)
            quoted(text)
        except (BadValue, Unwritable) as error:
            self.report.lost(node, f"{model.variable(attribute)} {error}")
            return False
        model.values[attribute] = text
        self.report.carried(node, self.place(model, attribute))
        return True

    def place(self, model: Deployment, attribute: str) -> str:
        """Return where a field of ``model`` is kept."""
        return f"rows of {model.alias}" if self.rows else model.variable(attribute)

    def new_key(self, alias: str, stated: Node | None) -> str:
        """Return an unused key: the entry's id where that is a simple word, else one made of the alias."""
        name = key_of(alias)[:40]
        if stated is not None and _SIMPLE_ID.fullmatch(stated.text):
            name = stated.text
        return free_key(name, {model.key for model in self.models})


def free_key(name: str, taken: Collection[str]) -> str:
    """Return ``name``, numbered where somebody has it already or where variables could belong to either of two keys."""
    found, number = name, 2
    while found in taken or _unclear(found, taken):
        found, number = f"{name}_{number}", number + 1
    return found


def _unclear(key: str, taken: Collection[str]) -> bool:
    return any(key == f"{other}{tail}" or other == f"{key}{tail}" for other in taken for tail in _UNCLEAR)
