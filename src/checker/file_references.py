"""References to variables that are not set or that LiteLLM does not replace, and secrets that stand in the file."""

import re
from collections import Counter
from collections.abc import Iterator

from .file_context import REFERENCE, Context, a
from .findings import Finding
from .secrets_shapes import looks_secret, secret_name, secret_value
from .yaml_nodes import Node, walk

_SHELL = re.compile(r"\$\{?[A-Za-z_][A-Za-z0-9_]*\}?")
_INSIDE = re.compile(r"os\.environ[/.\[]|\$\{[A-Za-z_]\w*\}|\$[A-Z][A-Z0-9_]{2,}|\{\{ *\w+ *\}\}|%[A-Z_]{3,}%")
_LATE = "environment_variables"


def check_references(context: Context) -> Iterator[Finding]:
    """Find references that lead nowhere and literal secrets, in the whole file."""
    managed = context.setting("general_settings", "key_management_system")
    if managed is not None and not managed.empty:
        yield Finding("GW212", "references are looked up in a secret manager too; whether it has them was not checked",
                      managed.place(), "rehearse the start before you rely on it")
    told: dict[str, int] = Counter(str(node.value) for node, _ in walk(context.root) if node.kind == "scalar")
    for node, key in walk(context.root):
        if node.kind != "scalar" or node.text is None:
            continue
        name = str(key.value) if key else ""
        if not node.text.startswith(REFERENCE):
            yield from _literal(node, name)
        elif node.path != "general_settings.master_key":  # LiteLLM refuses to start without: a finding of its own
            uses = told.pop(node.text, 0) or (1 if node.path.endswith("]") else 0)
            yield from _reference(context, node, name, managed is not None, uses) if uses else ()


def _reference(context: Context, node: Node, key: str, managed: bool, uses: int) -> Iterator[Finding]:
    name = str(node.text).replace(REFERENCE, "")
    if key.endswith("_ref") or name.startswith("oidc/"):
        return
    if node.path.endswith("]"):
        yield Finding("GW216", f"LiteLLM does not replace {node.text} here: it is an item of a list", node.place(),
                      "write the value itself")
    elif not name or name != name.strip():
        yield Finding("GW505", f"{a(node.text)} names no variable", node.place(), f"{key}: os.environ/NAME")
    elif name in context.own_variables and name not in context.environ:
        if node.path.split(".")[0] != _LATE:
            yield Finding("GW505", f"{name} is set by this file's environment_variables, which LiteLLM reads after it "
                          "has replaced references: it finds nothing here", node.place(), f"export {name}=...")
    elif not context.environ.get(name, "").strip() and not managed:
        empty = "is empty" if name in context.environ else "is not set"
        hint = context.hint(name, "variables", frozenset(context.environ)) if name not in context.environ else None
        more = f" (here and in {uses - 1} more place{'s' if uses > 2 else ''})" if uses > 1 else ""
        yield Finding("GW505", f"{name} {empty}{more}" + (f"; did you mean {hint}?" if hint else ""), node.place(),
                      f"{key}: os.environ/{hint}" if hint else f"export {name}=...")


def _literal(node: Node, name: str) -> Iterator[Finding]:
    text = str(node.text)
    secret = secret_name(name)
    if secret and (_SHELL.fullmatch(text) or text.startswith("os.environ")):
        variable = re.sub(r"^os\.environ(\.get)?|[^A-Za-z0-9_]", "", text)
        yield Finding("GW216", f"{a(text)} is no reference for LiteLLM: the text itself would be the {name}",
                      node.place(), f"{name}: os.environ/{variable}")
    elif secret_value(text) or secret and looks_secret(text):
        yield Finding("GW415", f"{name or 'this'} holds a secret in clear", node.place(),
                      f"{name or 'api_key'}: os.environ/{_variable(node, name)}")
    elif name in ("api_base", "base_url", "api_version", "model") and _INSIDE.search(text):
        yield Finding("GW216", f"LiteLLM does not replace a variable inside {a(text)}", node.place(),
                      f"{name}: os.environ/NAME")


def _variable(node: Node, name: str) -> str:
    if node.path == "general_settings.master_key":
        return "LITELLM_MASTER_KEY"
    return re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_") or "MY_API_KEY"
