"""What `init` was told becomes the lines of a `.env` file, put into the one that is there, and read back as a plan."""

import io
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..config import checks
from ..config.environment import Environment, parse_dotenv
from ..config.fields import BY_SUFFIX, KEY_SUFFIXES
from ..config.parsing import CHAIN_FIELDS, key_of
from ..config.plan import LaunchPlan, Sources, build_plan
from ..config.providers import NATIVE_PROVIDERS, split_provider
from ..config.rendering import render_config
from ..config.settings import BY_NAME
from ..errors import ConfigurationError, GatewayError, Problem
from .deployment import free_key
from .dotenv_text import Line, Unwritable, written

MASK = "***"


@dataclass(frozen=True)
class Upstream:
    """One upstream with its chosen models. ``key`` is written, ``key_file`` named; neither: it is set elsewhere."""

    provider: str
    models: tuple[str, ...]
    base: str | None = None
    key_env: str | None = None
    key: str | None = field(default=None, repr=False)
    key_file: str | None = None


@dataclass(frozen=True)
class Answers:
    """Everything that the file will say; ``chain`` is the alias of a chain of all models, None for none."""

    upstreams: tuple[Upstream, ...]
    chain: str | None = None
    master_key: str | None = field(default=None, repr=False)


def new_master_key() -> str:
    """Return a key of 256 bits that the gateway's own check accepts."""
    return "sk-" + secrets.token_urlsafe(32)


def lines_of(answers: Answers) -> list[Line]:
    """Return the lines that declare the answers, without anything that is the default anyway."""
    keyed: dict[str, tuple[Upstream, str]] = {}
    for upstream in answers.upstreams:
        for model in upstream.models:
            keyed[free_key(key_of(model)[:40], keyed)] = upstream, model
    lines = [Line("PROXY_MODEL_KEYS", ",".join(keyed))]
    for key, (upstream, model) in keyed.items():
        lines += _model_lines(key, upstream, model)
    if answers.chain:
        key = key_of(answers.chain)
        lines.append(Line("PROXY_CHAIN_KEYS", key))
        if key != answers.chain:
            lines.append(Line(f"CHAIN_{key.upper()}_ALIAS", answers.chain))
        lines.append(Line(f"CHAIN_{key.upper()}_MODELS", ",".join(keyed)))
    return lines + list(_key_lines(answers))


def _model_lines(key: str, upstream: Upstream, model: str) -> Iterator[Line]:
    prefix = f"MODEL_{key.upper()}"
    plain = upstream.provider == "openai" and split_provider(model) == ("openai", model)
    yield Line(f"{prefix}_UPSTREAM_MODEL", model if plain else f"{upstream.provider}/{model}")
    if upstream.base:
        yield Line(f"{prefix}_API_BASE", upstream.base)
    if upstream.key_env != _usual(upstream.provider):
        yield Line(f"{prefix}_API_KEY_ENV", upstream.key_env or "none")


def _usual(provider: str) -> str | None:
    """Return the variable that is meant where a model names none, None where that is not always the same one."""
    native = NATIVE_PROVIDERS.get(provider)
    if native is None:
        return "OPENAI_API_KEY"
    return native.key_envs[0] if len(native.key_envs) == 1 and not native.keyless else None


def _key_lines(answers: Answers) -> Iterator[Line]:
    for upstream in {upstream.key_env: upstream for upstream in answers.upstreams}.values():
        if upstream.key_env and upstream.key_file:
            yield Line(f"{upstream.key_env}_FILE", upstream.key_file)
        elif upstream.key_env and upstream.key:
            yield Line(upstream.key_env, upstream.key, secret=True)
    if answers.master_key:
        yield Line(checks.MASTER_KEY, answers.master_key, secret=True)


def merged(existing: str, lines: Iterable[Line], path: str) -> str:
    """Return the file's new text: its declarations of models replaced, everything else in it kept.

    Raises ConfigurationError where the old text or a new value cannot be read or written safely.
    """
    from dotenv.parser import parse_stream
    listed = list(lines)
    old = parse_dotenv(existing.encode(), path)
    if old.problems:
        raise ConfigurationError(old.problems)
    try:
        added = written(listed)
    except Unwritable as error:
        raise ConfigurationError([Problem(str(error), path, "choose another value")]) from None
    names = {line.name for line in listed}
    # A key and the file of the same key exclude each other.
    names |= {f"{line.name}_FILE" for line in listed if line.secret}
    names |= {name.removesuffix("_FILE") for name in names}
    gone = names | _declarations({name: value for name, (value, _) in old.values.items()})
    kept = "".join(binding.original.string for binding in parse_stream(io.StringIO(existing))
                   if not (binding.key in gone and binding.value is not None))
    text = (kept.rstrip("\n") + "\n\n" if kept.strip() else "") + added
    _compare(text, {name: value for name, (value, _) in old.values.items() if name not in gone},
             {line.name: line.value or "" for line in listed}, path)
    return text


def _declarations(values: Mapping[str, str]) -> set[str]:
    """Return the variables that declare the models and chains which the file lists so far."""
    owned = {"PROXY_MODEL_KEYS", "PROXY_CHAIN_KEYS"}
    for variable, prefix, suffixes in (("PROXY_MODEL_KEYS", "MODEL", (*BY_SUFFIX, *KEY_SUFFIXES)),
                                       ("PROXY_CHAIN_KEYS", "CHAIN", CHAIN_FIELDS)):
        keys = [key.strip().upper() for key in values.get(variable, "").split(",") if key.strip()]
        owned |= {f"{prefix}_{key}_{suffix}" for key in keys for suffix in suffixes}
    return owned & set(values)


def _compare(text: str, kept: Mapping[str, str], added: Mapping[str, str], path: str) -> None:
    """Make sure that the text declares what was meant: the plan of its values and the plan of the file are equal."""
    meant, found = plan_of({**kept, **added}, b""), plan_of({}, text.encode())
    if meant.problems:
        raise ConfigurationError(meant.problems)
    specs = [[model.spec for model in plan.models] for plan in (meant, found)]
    if found.problems or specs[0] != specs[1] or render_config(meant) != render_config(found):
        raise GatewayError("the text that was made reads differently", path, "please report this; nothing was written")


def plan_of(process: Mapping[str, str], dotenv: bytes, path: str = ".env") -> LaunchPlan:
    """Return the plan of a process environment and the bytes of a `.env` file."""
    return build_plan(Sources(Environment(process, parse_dotenv(dotenv, path, process))))


def masked_lines(text: str, before: Mapping[str, str] | None = None) -> list[str]:
    """Return a `.env` text for a diff: values are shown only of variables that hold no secret.

    ``before`` holds the older file's values: a hidden value that differs from them says so.
    """
    from dotenv.parser import parse_stream
    shown = []
    for binding in parse_stream(io.StringIO(text)):
        if binding.key and binding.value is not None:
            new = before is not None and before.get(binding.key) not in (None, binding.value)
            value = binding.value if is_open(binding.key) else MASK + (" (changed)" if new else "")
            shown.append(f"{binding.key}={value}")
        else:
            lines = binding.original.string.strip().splitlines()
            shown += [f"{line.partition('=')[0]}={MASK}" if "=" in line else line for line in lines]
    return shown


def is_open(name: str) -> bool:
    """Tell whether a variable's value may be shown: the gateway knows it, and it is no secret."""
    if name in BY_NAME:
        return not BY_NAME[name].secret
    known = tuple(f"_{suffix}" for suffix in (*BY_SUFFIX, *CHAIN_FIELDS))
    return name.startswith(("MODEL_", "CHAIN_")) and name.endswith(known)
