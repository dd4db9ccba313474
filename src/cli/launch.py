"""What the root command does: print, write or launch."""

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import versions
from ..config.database import OFF, VARIABLE
from ..config.plan import LaunchPlan, Sources, build_plan
from ..errors import ConfigurationError, GatewayError, Problem, UsageProblem
from .context import Invocation
from .sources import env_file, read_sources

Options = Mapping[str, Any]
_EXCLUSIVE = ("print_config", "output", "config", "demo")


def run(invocation: Invocation, options: Options) -> None:
    """Carry out the root command; launching does not return."""
    if options["version"]:
        print_version()
        return
    check_flags(options)
    if options["demo"]:
        invocation, options = _demo(invocation, options)
    from .database import with_registry
    only_shown = bool(options["print_config"] or options["output"])
    sources = with_registry(read_sources(invocation, options), launching=not only_shown)
    if options["config"]:
        _launch_existing(invocation, options, sources)
        return
    plan = build_plan(sources)
    if options["print_config"] or options["output"]:
        _show(plan.checked(), invocation.cwd, options["output"])
        return
    from ..launch.document import generate
    from .ledger_prices import with_price_note
    from .limits_plan import with_budget_problems
    plan = with_price_note(with_budget_problems(plan).checked(launch=True))
    _launch(invocation, options, sources, plan, generate(plan, sources.env))


def check_flags(options: Options) -> None:
    """Raise ConfigurationError for flags that are empty or contradict each other."""
    empty = ["--" + name.replace("_", "-") for name, value in options.items() if value == ""]
    if empty:
        # Mostly an unset shell variable; silently doing something else would be worse.
        raise ConfigurationError([Problem(f"{flag} is empty", f"flag {flag}", f"{flag} VALUE, or leave it out", "GW105")
                                  for flag in empty])
    given = [name for name in _EXCLUSIVE if options[name]]
    if len(given) > 1:
        flags = " and ".join("--" + name.replace("_", "-") for name in given)
        raise ConfigurationError([Problem(f"{flags} exclude each other", "flags", "keep one", "GW108")])
    models = [name for name in ("model_specs", "add_model_specs", "model", "alias") if options[name]]
    if models and (options["config"] or options["demo"]):
        flags = ", ".join("--" + name.rstrip("s").replace("_", "-") for name in models)
        raise ConfigurationError([Problem("--config and --demo bring their own models", "flags", f"remove {flags}",
                                          "GW108")])


def _show(plan: LaunchPlan, cwd: Path, output: str | None) -> None:
    from ..config.rendering import render_config
    text = render_config(plan).encode()
    for note in plan.notes:
        print(f"note: {note}", file=sys.stderr)
    if output:
        write_private(cwd / output, text)
    else:
        print_bytes(text)


def print_bytes(data: bytes) -> None:
    """Write to standard output, whatever its encoding; past Python's buffer, which would complain again at exit."""
    try:
        while data:
            data = data[os.write(sys.stdout.fileno(), data):]
    except BrokenPipeError:
        return  # whoever read it has seen enough, as `head` does
    except OSError as error:
        raise GatewayError(f"the configuration cannot be written: {error.strerror}", "standard output",
                           "make room, or print elsewhere") from None


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 at once or not at all; raises UsageProblem where that is impossible."""
    path = path.resolve()  # or a symbolic link would be replaced, and with it /dev/stdout
    if os.path.exists(path) and not path.is_file():
        raise UsageProblem(f"{path} is no file", "--output", "name a file, or use --print-config")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        os.unlink(name)
        raise _unwritable(path, error) from None
    except KeyboardInterrupt:
        Path(name).unlink(missing_ok=True)  # it may hold keys
        raise


def _unwritable(path: Path, error: OSError) -> UsageProblem:
    return UsageProblem(f"{path} cannot be written: {error.strerror}", "--output", "name a file in a writable folder")


def _demo(invocation: Invocation, options: Options) -> tuple[Invocation, Options]:
    """Start the mock; from here on the demo is an ordinary launch with its own environment file."""
    from ..launch import demo
    from ..launch.ports import take_port
    plan = build_plan(read_sources(invocation, {**options, "no_env_file": True, "env_file": None}))
    take_port(str(plan.settings.text("LITELLM_HOST")), plan.settings.whole("PORT")).close()
    environ = demo.demo_process_environment(invocation.environ)
    folder = demo.start_demo(environ, invocation.package)
    renderer = [argument for argument in invocation.argv if argument != "--demo"]
    renderer += ["--env-file", str(folder / demo.ENV_FILE)]
    changed = replace(invocation, environ=environ, argv=tuple(renderer))
    return changed, {**options, "demo": False, "env_file": str(folder / demo.ENV_FILE), "no_env_file": False}


def _launch_existing(invocation: Invocation, options: Options, sources: Sources) -> None:
    from ..launch.existing import load_existing
    # A file of one's own says everything that is served: the registry's rows do not join it.
    plan, generation = load_existing(invocation.cwd / options["config"], replace(sources, registry=None))
    _launch(invocation, options, sources, replace(plan, database=sources.database).checked(launch=True), generation)


def _launch(invocation: Invocation, options: Options, sources: Sources, plan: LaunchPlan, generation: Any) -> None:
    from ..launch.document import launch_document
    from ..launch.start import Host, launch, python_module
    from ..launch.telemetry import telemetry
    found = versions.installed()
    versions.refuse(found)
    plan = replace(plan, notes=(*versions.note(found), *plan.notes))
    tracing = telemetry(sources.env.values)
    url = plan.database.url if plan.database else OFF
    generation = replace(generation, env={**generation.env, VARIABLE: url, **tracing.env})
    if options["launch_document"]:
        import json
        print(json.dumps(launch_document(generation, invocation.package, plan.notes, tracing.callbacks)))
        return
    watched = [env_file(invocation, options), invocation.cwd / options["config"] if options["config"] else None]
    host = Host(invocation.environ, invocation.package, version(), found.shown,
                renderer=(*python_module(invocation.package, "main"), *invocation.argv, "--launch-document"),
                watch=tuple(str(path.absolute()) for path in watched if path) if options["watch"] else (),
                callbacks=tracing.callbacks)
    launch(plan, generation, host)


def version() -> str:
    """Return this gateway's version."""
    from .. import __version__
    return __version__


def print_version() -> None:
    """Print both versions on one line, and what is wrong with LiteLLM's."""
    found = versions.installed()
    print(f"litellm-gateway {version()} (LiteLLM {found.shown}{f', {found.remark}' if found.remark else ''})")
