"""`--config FILE`: launch a LiteLLM YAML that somebody else wrote, with our guard and callback around it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import checks, misspelt
from ..config.document import plan_document
from ..config.environment import Environment, Secret
from ..config.models import MODES, ModelSpec, caps_for
from ..config.plan import LaunchPlan, Sources, merged_settings
from ..config.providers import split_provider
from ..config.rendering import KEYLESS_VALUE, content_hash
from ..config.resolve import PlannedModel
from ..errors import ConfigurationError, Problem
from .document import Generation, worker_values

_LIFTED = "GATEWAY_FILE_SECRET_"
_REFERENCE = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
_SECRET_KEY = re.compile(r".*(key|token|secret|password|credentials?)", re.IGNORECASE)
_HEADER = re.compile(r"\A# [^\n]*Content hash: [0-9a-f]{12}\n")
_NOT_KEY = re.compile(r"[^a-z0-9_]+")
_OWN_NAMES = {value: name for name, value in MODES.items()}
# libyaml's composer is recursive and ends the process on a file of brackets; no configuration is this deep.
_DEEPEST = 50


def load_existing(path: Path, sources: Sources) -> tuple[LaunchPlan, Generation]:
    """Return plan and generation of the YAML at ``path``; raises ConfigurationError with every problem."""
    text = _read(path)
    config = parse_yaml(text, path)
    problems = _shape(config, path)
    if problems:
        raise ConfigurationError(problems)
    settings, wrong = merged_settings(sources)
    declared = _declared_variables(config, sources.env)
    env = replace(sources.env, process={**sources.env.process, **declared})
    master, values = _master_key(config, env, path)
    lifted = _lift_literals(config)
    values.update(declared | lifted)
    names = dict.fromkeys(name for name, _ in _references(config))
    secrets = {checks.MASTER_KEY: master, **{name: env.secret(name) for name in names if name != checks.MASTER_KEY},
               **{name: Secret(name, value, str(path)) for name, value in lifted.items()}}
    models = _with_fallbacks([_planned(number, entry) for number, entry in enumerate(config["model_list"], 1)], config)
    own = [] if master.problem else checks.master_key(master)
    slips = misspelt.misspelt(env, secrets)
    at_launch = misspelt.explained(_unset(config, secrets) + own + checks.certificate(settings), env, slips)
    plan = LaunchPlan(tuple(models), (), settings, secrets, (*env.dotenv.problems, *wrong), tuple(at_launch),
                      tuple(misspelt.notes(env, slips)))
    return plan, _generation(path, text, config, plan, values, env)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError([Problem(f"the file cannot be read: {error.strerror}", str(path),
                                          "name an existing LiteLLM YAML: --config config.yaml")]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([Problem("the file is not UTF-8 text", str(path), "save it as UTF-8")]) from None


def parse_yaml(text: str, path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML text; raises ConfigurationError with the position of what is wrong."""
    import yaml
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if _depth(yaml.parse(text, Loader=loader)) > _DEEPEST:
            raise ConfigurationError([Problem(f"the file nests deeper than {_DEEPEST} levels", str(path),
                                              "name a LiteLLM YAML: --config config.yaml")])
        config = yaml.load(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path} line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
        raise ConfigurationError([Problem(f"this is not YAML: {error.problem}", where, "correct that line")]) from None
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: a date such as 2025-02-30, or a number beyond all bounds.
        reason = str(error).splitlines()[0]
        raise ConfigurationError([Problem(f"this is not YAML: {reason}", str(path), "correct the file")]) from None
    if not isinstance(config, dict):
        raise ConfigurationError([Problem("the file holds no mapping with a model_list", str(path),
                                          "write `model_list:` at its top")])
    return config


def _depth(events: Iterable[Any]) -> int:
    """Return how deep the collections of a YAML event stream nest, read no further than `_DEEPEST`."""
    depth = deepest = 0
    for event in events:
        depth += hasattr(event, "flow_style") - (type(event).__name__ in ("SequenceEndEvent", "MappingEndEvent"))
        deepest = max(deepest, depth)
        if deepest > _DEEPEST:
            break
    return deepest


def _shape(config: Mapping[str, Any], path: Path) -> list[Problem]:
    entries = config.get("model_list")
    where = str(path)
    if not isinstance(entries, list) or not entries:
        return [Problem("model_list is missing or empty", where, "list at least one model")]
    problems = [problem for number, entry in enumerate(entries, 1) for problem in _entry_shape(number, entry, where)]
    if config.get("include"):
        problems.append(Problem("include: the gateway reads one file", where, "merge the included files into it"))
    for block in ("litellm_settings", "router_settings", "general_settings", "environment_variables"):
        if not isinstance(config.get(block) or {}, dict):
            problems.append(Problem(f"{block} is no mapping", where, "write `name: value` lines below it"))
        elif block == "general_settings" and (config.get(block) or {}).get("custom_auth"):
            problems.append(Problem("general_settings.custom_auth: the gateway has its own", where, "remove it"))
    return problems


def _entry_shape(number: int, entry: Any, where: str) -> Iterator[Problem]:
    name = entry.get("model_name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name:
        yield Problem(f"model_list entry {number} has no model_name", where, "add `model_name: name`")
        return
    params = entry.get("litellm_params")
    if not isinstance(params, dict) or not isinstance(params.get("model"), str) or not params["model"]:
        yield Problem(f"model_list entry {number} ({name}) has no litellm_params.model", where,
                      "add `model: openai/gpt-5` below `litellm_params:`")
    if not isinstance(entry.get("model_info") or {}, dict):
        yield Problem(f"model_list entry {number} ({name}): model_info is no mapping", where,
                      "write `name: value` lines below it")


def _references(value: Any) -> Iterator[tuple[str, str]]:
    """Yield (variable, path) of every `os.environ/NAME` in the document, which anchors may make a circle."""
    stack, seen = [(value, "")], set()
    while stack:
        node, path = stack.pop()
        if isinstance(node, dict | list):
            if id(node) in seen:
                continue
            seen.add(id(node))
        if isinstance(node, dict):
            stack += [(child, f"{path}.{name}".lstrip(".")) for name, child in node.items()]
        elif isinstance(node, list):
            stack += [(child, f"{path}[{number}]") for number, child in enumerate(node)]
        elif isinstance(node, str) and (found := _REFERENCE.fullmatch(node)):
            yield found[1], path


def _unset(config: Mapping[str, Any], secrets: Mapping[str, Secret]) -> list[Problem]:
    """Refuse references that nobody set, by name; LiteLLM would start and answer 500."""
    problems = [secret.problem for secret in secrets.values() if secret.problem]
    for name, path in sorted(set(_references(config))):
        secret = secrets.get(name)
        if name != checks.MASTER_KEY and secret and not secret.problem and not (secret.value or "").strip():
            problems.append(Problem(f"{name} is not set", f"os.environ/{name} in {path}", f"{name}=... in .env"))
    return problems


def _declared_variables(config: dict[str, Any], env: Environment) -> dict[str, str]:
    """Take the file's `environment_variables`, which LiteLLM would set at its start, out of it; references resolved."""
    found = {}
    for name, value in (config.pop("environment_variables", None) or {}).items():
        reference = _REFERENCE.fullmatch(str(value))
        text = env.get(reference[1]) if reference else str(value)
        if text and "\0" not in text and re.fullmatch(r"[^=\0]+", str(name)):
            found[str(name)] = text
    return found


def _master_key(config: dict[str, Any], env: Environment, path: Path) -> tuple[Secret, dict[str, str]]:
    """Return the master key and make the file's private copy refer to LITELLM_MASTER_KEY."""
    general = config["general_settings"] = config.get("general_settings") or {}
    stated = general.get("master_key")
    general["master_key"] = f"os.environ/{checks.MASTER_KEY}"
    reference = _REFERENCE.fullmatch(stated) if isinstance(stated, str) else None
    if isinstance(stated, str) and not reference:
        secret = Secret(checks.MASTER_KEY, stated, f"{path} general_settings.master_key")
    else:
        name = reference[1] if reference else checks.MASTER_KEY
        secret = replace(env.secret(name), name=checks.MASTER_KEY, variable=name)
        if secret.value is None and reference:
            secret = replace(secret, where=f"{path} general_settings.master_key: os.environ/{name}")
    return secret, {checks.MASTER_KEY: secret.value.strip()} if secret.value else {}


def _lift_literals(config: Mapping[str, Any]) -> dict[str, str]:
    """Move keys that stand in the file in clear into variables of the workers, so that they can be scrubbed."""
    lifted: dict[str, str] = {}
    for entry in config["model_list"]:
        for name, value in entry["litellm_params"].items():
            if not _SECRET_KEY.fullmatch(str(name)) or value == KEYLESS_VALUE:
                continue
            if isinstance(value, str) and not _REFERENCE.fullmatch(value):
                variable = f"{_LIFTED}{len(lifted) + 1}"
                lifted[variable] = value
                entry["litellm_params"][name] = f"os.environ/{variable}"
    return lifted


def _planned(number: int, entry: dict[str, Any]) -> PlannedModel:
    params, info = entry["litellm_params"], entry.get("model_info") or {}
    provider, model = split_provider(params["model"])
    alias = entry["model_name"]
    key = str(info.get("id") or f"{_NOT_KEY.sub('_', alias.lower())}_{number}")
    entry["model_info"] = {**info, "id": key}
    reference = _REFERENCE.fullmatch(str(params.get("api_key") or ""))
    spec = ModelSpec(key, alias, provider, model, source=f"model_list entry {number}")
    caps = caps_for(provider, model)
    mode = _OWN_NAMES.get(str(info.get("mode")), caps.mode)
    base, effort = params.get("api_base"), params.get("reasoning_effort")
    return PlannedModel(spec, caps, mode, str(base) if base else None, "file", reference[1] if reference else None,
                        str(effort) if effort else None)


def _with_fallbacks(models: list[PlannedModel], config: Mapping[str, Any]) -> list[PlannedModel]:
    """Return the models with the file's `fallbacks`: each request brings its own walk, and LiteLLM follows that alone.

    As in LiteLLM the router's settings win, and `*` or `default_fallbacks` serve models that have none.
    """
    blocks = [config.get(name) or {} for name in ("litellm_settings", "router_settings")]
    listed = [entry for block in blocks for entry in block.get("fallbacks") or () if isinstance(entry, dict)]
    usual = [name for block in blocks for name in block.get("default_fallbacks") or ()]
    by_alias: dict[str, Any] = {"*": usual, **{alias: names for entry in listed for alias, names in entry.items()}}
    keys = {model.alias: model.spec.key for model in reversed(models)}
    found = []
    for model in models:
        names = by_alias.get(model.alias, by_alias["*"])
        later = dict.fromkeys(keys[name] for name in names if isinstance(name, str) and name in keys
                              and name != model.alias)
        found.append(replace(model, spec=replace(model.spec, fallbacks=tuple(later))))
    return found


def _generation(path: Path, text: str, config: dict[str, Any], plan: LaunchPlan, values: Mapping[str, str],
                env: Environment) -> Generation:
    body = _HEADER.sub("", text)
    beside = _beside(path, body)
    document = beside or {**plan_document(plan), "foreign": True}
    digest = content_hash(body, document)
    secret = {name for name in values if name.startswith(_LIFTED) or _SECRET_KEY.fullmatch(name)}
    names = sorted({*document.get("secret_names", ()), *plan.secrets, *secret})
    settings = config["litellm_settings"] = config.get("litellm_settings") or {}
    settings["global_disable_no_log_param"] = True
    config["general_settings"].setdefault("cancel_on_disconnect", True)
    config["general_settings"].setdefault("trusted_proxy_ranges", [])
    known = {name: secret.value.strip() for name, secret in plan.secrets.items()
             if secret.value and not secret.in_environment}
    return Generation(text, config, {**document, "secret_names": names, "hash": digest},
                      {**worker_values(env), **known, **values})


def _beside(path: Path, body: str) -> dict[str, Any] | None:
    """Return the plan.json beside the file where it belongs to exactly this text."""
    try:
        document = json.loads(path.with_name("plan.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or document.get("hash") != content_hash(body, document):
        return None
    return {name: value for name, value in document.items() if name != "hash"}
