"""Python that the file names (callbacks, custom_auth, ...): whether LiteLLM will find it. Nothing is imported."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from .file_context import Context, a
from .findings import Finding
from .yaml_nodes import Node

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_GENERAL = ("custom_auth", "custom_key_generate", "custom_key_update", "custom_key_policy", "custom_sso",
            "custom_team_metadata_validate", "custom_ui_sso_sign_in_handler")
# Names that LiteLLM only takes with an Enterprise licence (proxy/common_utils/callback_utils.py, 1.106).
_LICENSED = {"llamaguard_moderations", "hide_secrets", "openai_moderations", "google_text_moderation",
             "llmguard_moderations", "blocked_user_check", "banned_keywords"}
_LOGGED = ("success_callback", "failure_callback", "audit_log_callbacks")


def check_modules(context: Context) -> Iterator[Finding]:
    """Find callbacks and hooks that nobody knows or that cannot be imported."""
    for name in _GENERAL:
        node = context.setting("general_settings", name)
        if node is not None and not (node.kind == "scalar" and node.value is None):
            yield from _imported(context, node, name)
    if (auth := context.setting("general_settings", "custom_auth")) is not None and not auth.empty:
        yield Finding("GW218", "custom_auth decides who may call; LiteLLM's own keys are not asked", auth.place(),
                      "remove it to run the file behind the gateway")
    yield from _callbacks(context)
    for block, name in (("router_settings", "plugins"), ("litellm_settings", "post_call_rules")):
        node = context.setting(block, name)
        for item in ([] if node is None else node.items or [node]):
            if not item.empty:
                yield from _imported(context, item, name)
    providers = context.setting("litellm_settings", "custom_provider_map")
    for item in providers.items if providers else ():
        yield from _custom_provider(context, item)


def _callbacks(context: Context) -> Iterator[Finding]:
    known = context.table.raw["callbacks"]
    node = context.setting("litellm_settings", "callbacks")
    for item in ([] if node is None or node.empty else node.items or [node]):
        if item.text is None or item.text not in known["callbacks"] or node is item:
            yield from _imported(context, item, "callbacks", known["callbacks"])
        elif item.text in _LICENSED and not context.available("LITELLM_LICENSE"):
            yield Finding("GW213", f"{item.text} needs LITELLM_LICENSE", item.place(), "remove it")
    for name in _LOGGED:
        node = context.setting("litellm_settings", name)
        for item in node.items if node else ():
            if item.text is None:
                yield Finding("GW206", f"{name} must be a list of names", item.place(), f"{name}: [langfuse]")
            elif "." in item.text:
                yield from _imported(context, item, name)
            elif item.text not in known["logged"]:
                hint = context.hint(item.text, name, frozenset(known["logged"]))
                suggestion = f"; did you mean {hint}?" if hint else ""
                yield Finding("GW208" if hint else "GW201", f"LiteLLM knows no callback {a(item.text)}{suggestion}",
                              item.place(), hint or "remove it")


def _custom_provider(context: Context, item: Node) -> Iterator[Finding]:
    handler, provider = item.get("custom_handler"), item.get("provider")
    if handler is None or provider is None:
        yield Finding("GW207", "an item of custom_provider_map needs provider and custom_handler", item.place(),
                      "- provider: mine\n  custom_handler: my_handler.instance")
    else:
        yield from _imported(context, handler, "custom_handler")


def _imported(context: Context, node: Node, what: str, known: list[str] | None = None) -> Iterator[Finding]:
    text = context.resolved(node)
    if isinstance(text, str) and text.startswith(("s3://", "gcs://")):
        yield Finding("GW212", f"{a(text)} is loaded when LiteLLM starts, and was not checked", node.place(),
                      "rehearse the start before you rely on it")
    elif not isinstance(text, str) or not _DOTTED.fullmatch(text):
        hint = context.hint(text, what, frozenset(known)) if isinstance(text, str) and known else None
        suggestion = f"; did you mean {hint}?" if hint else ""
        yield Finding("GW209", f"{what} names {a(text)}, which is no module.object{suggestion}", node.place(),
                      hint or "my_module.my_object   # with my_module.py beside this file")
    elif reason := why_not_imported(text, context.folder):
        yield Finding("GW209", f"{what} {a(text)} cannot be imported: {reason}", node.place(),
                      f"{text.rpartition('.')[0].replace('.', '/')}.py beside this file, or install its package")


def why_not_imported(dotted: str, folder: Path) -> str:
    """Return why LiteLLM could not import `module.object`, "" where it should be able to.

    A file beside the configuration comes first, then what is installed (get_instance_fn, LiteLLM 1.106).
    """
    module, _, name = dotted.rpartition(".")
    beside = folder.joinpath(*module.split(".")).with_suffix(".py")
    file = beside if beside.is_file() else _installed(module, folder)
    if file is None:
        return (f"there is no {module.replace('.', '/')}.py beside the file, and no installed package "
                f"{module.split('.')[0]}")
    if file.suffix != ".py":
        return ""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        return f"{file.name} is no Python{line}"
    if not _defines(tree, name):
        return f"{file.name} defines no {name}"
    missing = [root for root in _roots(tree) if _installed(root, folder) is None]
    return f"{file.name} imports {missing[0]}, which is not installed" if missing and file == beside else ""


def _installed(module: str, folder: Path) -> Path | None:
    """Return the file of an importable module without importing its parents."""
    if module.split(".")[0] in sys.stdlib_module_names:
        return Path(module)
    search: list[str] | None = [str(Path.cwd()), str(folder), *sys.path]
    for part in module.split("."):
        spec = PathFinder.find_spec(part, search)
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or [])
        origin = spec.origin
    return Path(origin) if origin else Path(module)


def _defines(tree: ast.Module, name: str) -> bool:
    """Return whether the module's top level may bind ``name``; star imports and __getattr__ may bind anything."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("globals", "setattr", "vars"):
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) \
                and node.name in (name, "__getattr__"):
            return True
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.Import | ast.ImportFrom) and any(
                (alias.asname or alias.name.split(".")[0]) == name for alias in node.names):
            return True
    return False


def _roots(tree: ast.Module) -> Iterator[str]:
    """Yield the packages that a module imports at once, not those inside `try` or functions."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
