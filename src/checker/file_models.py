"""The entries of model_list: what each needs, keys that nothing reads or that would reach the upstream, types."""

import re
from collections.abc import Iterator
from datetime import date

from .file_blocks import check_type
from .file_context import SETTINGS, Context, Model, a, own_entries
from .findings import Finding
from .yaml_nodes import Entry, Node

# Parameters of some provider too, and hardly ever meant so.
_OF_THE_INFO = {"mode"}
# Names that LiteLLM takes below litellm_params as well, and replaces by those of the entry.
_OF_THE_ENTRY = {"model_name", "litellm_params", "model_info"}


def check_models(context: Context) -> Iterator[Finding]:
    """Find what is wrong with single entries; what they ask of providers is checked in `file_providers`."""
    node = context.root.get("model_list")
    if node is None or node.empty:
        if _from_database(context):
            return
        place = (node or context.root).place()
        yield Finding("GW109", "model_list is missing or empty: LiteLLM starts and serves nothing", place,
                      "model_list:\n- model_name: gpt-5\n  litellm_params:\n    model: openai/gpt-5\n"
                      "    api_key: os.environ/OPENAI_API_KEY")
        return
    for item in node.items:
        if item.kind != "map":
            yield Finding("GW206", "an entry of model_list must be a mapping", item.place(),
                          "- model_name: ...\n  litellm_params:\n    model: ...")
        else:
            yield from _entry(context, item)
    yield from _ids(context)


def _from_database(context: Context) -> bool:
    """Return whether LiteLLM has a database, which may hold the models that the file does not."""
    url = context.setting("general_settings", "database_url")
    return url is not None and not url.empty or context.available("DATABASE_URL", "DATABASE_HOST")


def _entry(context: Context, item: Node) -> Iterator[Finding]:
    name, params = item.get("model_name"), item.get("litellm_params")
    if name is None or name.kind != "scalar" or name.value in (None, ""):
        yield Finding("GW207", "an entry of model_list has no model_name", item.place(), "model_name: ...")
    elif name.text is None:
        yield Finding("GW102", f"model_name is {name.value}, no text; LiteLLM leaves the model out", name.place(),
                      f'model_name: "{name.value}"')
    if params is None or params.kind != "map" or params.empty:
        yield Finding("GW207", f"the entry {a(name.value if name else '?')} has no litellm_params", item.place(),
                      "litellm_params:\n  model: ...")
    else:
        yield from _params(context, params)
    for entry in own_entries(item):
        yield from _entry_key(context, entry)
    info = item.get("model_info")
    if info is not None and info.kind != "map":
        yield Finding("GW206", "model_info must be a mapping; LiteLLM ends with a traceback", info.place(),
                      "model_info:\n  mode: chat")
    elif info is not None:
        yield from _info(context, info)


def _entry_key(context: Context, entry: Entry) -> Iterator[Finding]:
    name = entry.key.text
    known = context.table.keys("entry")
    if name is None:
        yield Finding("GW206", f"the key {a(entry.key.value)} is no text", entry.key.place(), f'"{entry.key.value}":')
    elif name in known:
        if name in ("rpm", "tpm", "blocked"):
            yield from check_type(context, "entry", entry, lax=True)
    elif name in context.table.keys("litellm_params") and name not in ("id", *_OF_THE_INFO):
        yield Finding("GW202", f"{name} stands beside litellm_params; LiteLLM reads it inside", entry.key.place(),
                      f"litellm_params:\n  {name}: ...")
    elif name in context.table.keys("model_info"):
        yield Finding("GW202", f"{name} stands beside model_info; LiteLLM reads it inside", entry.key.place(),
                      f"model_info:\n  {name}: ...")
    elif hint := context.hint(name, "entry", known):
        yield Finding("GW208", f"LiteLLM does not read {a(name)} in an entry of model_list; did you mean {hint}?",
                      entry.key.place(), f"{hint}:")
    else:
        yield Finding("GW201", f"LiteLLM does not read {a(name)} in an entry of model_list", entry.key.place(),
                      "remove it")


def _params(context: Context, params: Node) -> Iterator[Finding]:
    model = params.get("model")
    if model is None or model.kind == "scalar" and model.value in (None, ""):
        yield Finding("GW207", "litellm_params has no model", params.place(), "model: openai/gpt-5")
    for entry in own_entries(params):
        name = entry.key.text
        if name is None:
            yield Finding("GW206", f"the key {a(entry.key.value)} is no text", entry.key.place(),
                          f'"{entry.key.value}":')
        elif name in context.table.keys("litellm_params") and name not in (*_OF_THE_INFO, *_OF_THE_ENTRY):
            yield from check_type(context, "litellm_params", entry, lax=True)
            yield from _numbers(entry, name)
            yield from _items(entry, name)
        else:
            yield from _unknown_param(context, entry, name)


def _unknown_param(context: Context, entry: Entry, name: str) -> Iterator[Finding]:
    known, place = context.table.keys("litellm_params"), entry.key.place()
    home = next((block for block in ("model_info", *SETTINGS) if name in context.table.keys(block)), None)
    if name in _OF_THE_ENTRY:
        yield Finding("GW202", f"{name} belongs one level up, beside litellm_params", place, "check the indentation")
    elif home:
        yield Finding("GW202", f"{name} stands in litellm_params, and would be sent to the upstream; LiteLLM reads it "
                      f"in {home}", place, f"{home}:\n  {name}: ...")
    elif hint := context.hint(name, "litellm_params", known):
        yield Finding("GW208", f"LiteLLM does not know {a(name)} and would send it to the upstream; did you mean "
                      f"{hint}?", place, f"{hint}:")
    else:
        yield Finding("GW203", f"LiteLLM does not know {a(name)} and sends it to the upstream with each request", place,
                      f"remove it, or say that it is meant:\nextra_body:\n  {name}: ...")


_POSITIVE = {"rpm", "tpm", "itpm", "otpm", "max_parallel_requests", "timeout", "stream_timeout", "max_tokens",
             "max_completion_tokens", "max_agentic_loops", "ptu_count"}


def _numbers(entry: Entry, name: str) -> Iterator[Finding]:
    value = entry.value.value
    if name == "max_agentic_loops" and isinstance(value, bool):
        yield Finding("GW102", f"{name} is {value}; LiteLLM refuses to start", entry.value.place(), f"{name}: 3")
    elif name == "organization" and entry.value.kind == "list" and entry.value.empty:
        yield Finding("GW102", "organization is an empty list: LiteLLM leaves the model out", entry.value.place(),
                      "organization: org-...")
    if name in _POSITIVE and isinstance(value, int | float) and value <= 0:
        yield Finding("GW102", f"{name} is {value}: no request could pass", entry.value.place(), f"{name}: 60")
    elif name == "weight" and isinstance(value, int | float) and value < 0:  # 0 takes a deployment out of the draw
        yield Finding("GW102", f"weight is {value}: LiteLLM cannot draw by it", entry.value.place(), "weight: 1")


# What each mapping in these lists must have; text alone is allowed in the first (types/router.py, LiteLLM 1.106).
_ITEMS = {"configurable_clientside_auth_params": ("api_base",), "aws_session_tags": ("Key", "Value")}


def _items(entry: Entry, name: str) -> Iterator[Finding]:
    for item in entry.value.items if name in _ITEMS else ():
        if item.kind == "scalar" and item.text is not None and name == "configurable_clientside_auth_params":
            continue
        if item.kind != "map" or any(not (node := item.get(key)) or node.text is None for key in _ITEMS[name]):
            needed = ", ".join(f"{key}: ..." for key in _ITEMS[name])
            yield Finding("GW206", f"an item of {name} is not what LiteLLM needs; it leaves the model out",
                          item.place(), f"- {{{needed}}}")


def _info(context: Context, info: Node) -> Iterator[Finding]:
    known = context.table.keys("model_info")
    for entry in own_entries(info):
        name = entry.key.text
        if name is None:
            yield Finding("GW206", f"the key {a(entry.key.value)} is no text", entry.key.place(),
                          f'"{entry.key.value}":')
        elif name == "id" and isinstance(entry.value.value, int):
            continue  # LiteLLM writes it as text
        elif name in known:
            yield from check_type(context, "model_info", entry, lax=True)
            yield from _numbers(entry, name)
            if name == "access_windows" and not entry.value.empty:
                yield Finding("GW212", "access_windows were not checked", entry.value.place(),
                              "rehearse the start before you rely on it")
        elif name in ("api_key", "api_base", "model"):
            yield Finding("GW202", f"{name} stands in model_info; LiteLLM reads it in litellm_params",
                          entry.key.place(), f"litellm_params:\n  {name}: ...")
        # model_info is the operator's own notebook: only what looks misspelt is said.
        elif hint := context.hint(name, "model_info", known):
            yield Finding("GW208", f"LiteLLM does not read {a(name)} in model_info; did you mean {hint}?",
                          entry.key.place(), f"{hint}:")


def _ids(context: Context) -> Iterator[Finding]:
    first: dict[str, Node] = {}
    for model in context.models:
        node = model.info.get("id") if model.info else None
        if node is None or node.value is None:
            continue
        known = first.setdefault(str(node.value), node)
        if known is not node:
            yield Finding("GW217", f"the id {a(node.value)} is used in line {known.line} already", node.place(),
                          "id: another one")


def needs_more(model: Model) -> str | None:
    """Return the strategy of an automatic router, whose own settings were not checked."""
    prefix, _, rest = model.upstream.partition("/")
    return rest.partition("/")[0] if prefix == "auto_router" else None


def expired(last: date | None) -> bool:
    """Return whether a model's last day is over."""
    return last is not None and last < date.today()


def wildcard(model: Model) -> bool:
    """Return whether an entry stands for every model that fits a pattern."""
    return "*" in model.alias or "*" in model.upstream


def pattern(text: str) -> re.Pattern[str]:
    """Return LiteLLM's reading of a name with stars."""
    return re.compile(".*".join(map(re.escape, text.split("*"))))
