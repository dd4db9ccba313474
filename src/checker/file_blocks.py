"""The blocks of a LiteLLM file: shapes, keys that nothing reads or that belong elsewhere, values of a wrong type."""

from collections.abc import Iterator

from .file_context import REFERENCE, SETTINGS, Context, a, own_entries
from .findings import Finding
from .keys_types import ANY, fits, inside, words
from .secrets_shapes import secret_name, secret_value
from .yaml_nodes import Entry, Node

_SHAPES = {"model_list": "list", "litellm_settings": "map", "general_settings": "map", "router_settings": "map",
           "environment_variables": "map", "callback_settings": "map", "guardrails": "list", "prompts": "list",
           "mcp_servers": "map", "credential_list": "list", "search_tools": "list", "sandbox_tools": "list",
           "vector_store_registry": "list", "files_settings": "list", "finetune_settings": "list",
           "assistant_settings": "map", "mcp_tools": "list", "policies": "map", "worker_registry": "list"}
_WORDS = {"list": "a list: lines that begin with `- `", "map": "a mapping: lines `name: value`"}
# An empty value (`callbacks:` alone) is read as a value by these, and as "not set" by all others.
_NOT_EMPTY = {"callbacks", "success_callback", "failure_callback", "service_callback", "audit_log_callbacks",
              "max_budget", "max_internal_user_budget", "default_max_internal_user_budget", "custom_provider_map",
              "default_team_settings", "guardrails", "model_group_settings", "post_call_rules", "responses",
              "priority_reservation_settings", "prometheus_deployment_and_latency_caller_identity",
              "upperbound_key_generate_params", "search_tool_deny_by_default", "vector_store_deny_by_default"}
# Read whole by LiteLLM's start, by code that a checker cannot stand in for.
_NOT_CHECKED = ("guardrails", "prompts", "mcp_servers", "mcp_tools", "search_tools", "sandbox_tools", "policies",
                "vector_store_registry", "assistant_settings", "agents", "agent_list", "credential_list",
                "policy_attachments", "finetune_settings", "files_settings", "default_vertex_config")


def check_blocks(context: Context) -> Iterator[Finding]:
    """Find what is wrong with the top level and the blocks of settings."""
    for entry in own_entries(context.root):
        yield from _top(context, entry)
    for block in SETTINGS:
        node = context.block(block)
        for entry in own_entries(node) if node else ():
            yield from check_key(context, block, entry)
            if entry.key.text in context.table.keys(block):
                yield from check_type(context, block, entry)
                yield from _nested(context, f"{block}.{entry.key.text}", entry.value)


def _nested(context: Context, path: str, node: Node) -> Iterator[Finding]:
    """Check inside what LiteLLM builds an object from, alone or in a list of them."""
    known = context.table.nested(path)
    for item in (node.items if node.kind == "list" else [node]) if known else ():
        if item.kind != "map":
            if node.kind == "list":
                yield Finding("GW206", f"each item of {path} must be a mapping", item.place(), "- name: value")
            continue
        for needed in context.table.required(path):
            if needed not in item.entries:
                yield Finding("GW207", f"{path} has no {needed}; LiteLLM refuses to start", item.place(),
                              f"{needed}: ...")
        for entry in own_entries(item):
            name = entry.key.text
            if name in known:
                yield from check_value(context, str(name), known[str(name)], entry.value, lax=True)
            elif name and (hint := context.hint(name, path, known)):
                yield Finding("GW208", f"LiteLLM does not read {a(name)} in {path}; did you mean {hint}?",
                              entry.key.place(), f"{hint}:")


def _top(context: Context, entry: Entry) -> Iterator[Finding]:
    name, node = entry.key.text, entry.value
    if name is None:
        yield _not_text(entry)
        return
    if name not in context.table.top:
        yield from _unknown_top(context, entry, name)
        return
    shape = _SHAPES.get(name)
    # A block without a value (`general_settings:` alone) is no fault: LiteLLM reads it as empty.
    if shape and node.kind != shape and not (node.kind == "scalar" and node.value is None):
        yield Finding("GW206", f"{name} must be {_WORDS[shape]}", node.place(),
                      f"{name}:\n" + ("- ..." if shape == "list" else "  name: value"))
    elif name in _NOT_CHECKED and not node.empty:
        yield Finding("GW212", f"LiteLLM reads {name} when it starts; what stands in it was not checked",
                      entry.key.place(), "rehearse the start before you rely on it")


def _unknown_top(context: Context, entry: Entry, name: str) -> Iterator[Finding]:
    place = entry.key.place()
    hint = context.hint(name, "top", context.table.top)
    blocks = [block for block in SETTINGS if name in context.table.keys(block)]
    if blocks:
        yield _moved(name, "the top level", blocks[0], entry)
    elif name in ("model_name", "litellm_params", "model_info"):
        yield Finding("GW202", f"{name} stands at the top level; LiteLLM reads it in an entry of model_list", place,
                      "model_list:\n- model_name: ...\n  litellm_params:\n    model: ...")
    elif hint:
        yield Finding("GW208", f"LiteLLM does not read {a(name)}; did you mean {hint}?", place, f"{hint}:")
    elif not name.startswith("x-"):
        yield Finding("GW201", f"LiteLLM does not read {a(name)}", place,
                      "remove it; a block that only holds anchors may be called x-...")


def check_key(context: Context, block: str, entry: Entry) -> Iterator[Finding]:
    """Find a key of a settings block that LiteLLM does not read there."""
    name, known = entry.key.text, context.table.keys(block)
    if name is None:
        yield _not_text(entry)
    elif block == "litellm_settings" and name in context.table.raw["internal"]:
        yield Finding("GW219", f"{name} is a part of LiteLLM itself; set here it would be overwritten",
                      entry.key.place(), "remove it")
    elif name not in known:
        others = [other for other in SETTINGS if other != block and name in context.table.keys(other)]
        hint = context.hint(name, block, known)
        if others:
            yield _moved(name, block, others[0], entry)
        elif name in context.table.top:
            yield Finding("GW202", f"{name} stands in {block}; LiteLLM reads it at the top level", entry.key.place(),
                          f"move {name} to the left margin")
        elif hint:
            yield Finding("GW208", f"LiteLLM does not read {a(name)} in {block}; did you mean {hint}?",
                          entry.key.place(), f"{hint}:")
        else:
            yield Finding("GW201", f"LiteLLM does not read {a(name)} in {block}", entry.key.place(), "remove it")


def _moved(name: str, here: str, there: str, entry: Entry) -> Finding:
    return Finding("GW202", f"{name} stands in {here}; LiteLLM reads it in {there}", entry.key.place(),
                   f"{there}:\n  {name}: ...")


def _not_text(entry: Entry) -> Finding:
    return Finding("GW206", f"the key {a(entry.key.value)} is {_kind(entry.key)}, no text", entry.key.place(),
                   f'"{entry.key.value}":')


def check_type(context: Context, block: str, entry: Entry, lax: bool = False) -> Iterator[Finding]:
    """Find a value that is not of the type that its key needs; references are replaced first."""
    types, node = context.table.kind(block, str(entry.key.value)), entry.value
    if node.kind == "scalar" and node.value is None and block in SETTINGS:
        if entry.key.text in _NOT_EMPTY:
            yield Finding("GW105", f"{entry.key.text} has no value; LiteLLM refuses to start", node.place(),
                          f"remove {entry.key.text}, or give it a value")
        return
    yield from check_value(context, str(entry.key.value), types, node, lax)


def check_value(context: Context, name: str, types: str, node: Node, lax: bool) -> Iterator[Finding]:
    """Find a value that is of none of ``types``; ``lax``: LiteLLM reads numbers from text."""
    if types == ANY:
        return
    value = context.resolved(node)
    if node.text and node.text.startswith(REFERENCE) and value is None:
        return  # not set: a finding of its own
    resolved = value is not node.value and node.kind == "scalar"
    if not fits(value, node.kind, types, lax or resolved):
        yield Finding("GW102", f"{name} is {_shown(name, node, value)}; LiteLLM needs {words(types)}", node.place(),
                      _repair(name, node, types))
    elif (one := inside(types, node.kind)) != ANY:
        below = [*node.items, *(entry.value for entry in node.entries.values())]
        for item in (item for item in below if not fits(context.resolved(item), item.kind, one, lax)):
            yield Finding("GW102", f"{name} holds {_kind(item)}; LiteLLM needs {words(one)}", item.place(),
                          f'"{item.value}"' if one == "str" and item.kind == "scalar" else "...")


def _shown(name: str, node: Node, value: object) -> str:
    if node.kind != "scalar":
        return "a mapping" if node.kind == "map" else "a list"
    text = str(value)
    if secret_name(name) or secret_value(text):
        return _kind(node)
    return f"{_kind(node)} {a(text)}" if isinstance(value, str) else f"{text} ({_kind(node)})"


def _kind(node: Node) -> str:
    kinds = {str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "empty"}
    return {"map": "a mapping", "list": "a list"}.get(node.kind) or kinds.get(type(node.value), "a date")


def _repair(name: object, node: Node, types: str) -> str:
    choices = [one[1:] for one in types.split("|") if one.startswith("=")]
    if choices:
        return f"{name}: {choices[0]}"
    if "str" in types.split("|") and node.kind == "scalar":
        return f'{name}: "{node.value}"' if not isinstance(node.value, str) else f"{name}: ..."
    samples = {"int": "60", "float": "60", "bool": "true", "list:str": "[...]", "list": "[...]", "dict": "{...}"}
    return f"{name}: {next((samples[one] for one in types.split('|') if one in samples), '...')}"
