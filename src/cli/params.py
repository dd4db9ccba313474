"""`params MODEL`: what the installed LiteLLM does with each parameter for a model."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config.plan import build_plan
from ..config.providers import split_provider
from ..config.wildcards import upstream_of
from ..errors import GatewayError, UsageProblem
from ..policy.names import DeclaredNames
from .sources import read_sources

if TYPE_CHECKING:
    from .context import Invocation

_SECONDS = 120


@click.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def params(context: click.Context, model: str, as_json: bool) -> None:
    """Show what MODEL accepts, drops and renames; MODEL is a declared alias or an upstream id.

    Asks the installed LiteLLM, offline. Parameters that are not listed are sent on as they are.
    """
    found = _explain(context.obj, _upstream(context, model))
    click.echo(json.dumps(found, indent=2) if as_json else _text(found))


def _upstream(context: click.Context, model: str) -> str:
    """Return ``provider/model`` of a declared alias; any other name is an upstream id."""
    try:
        declared = build_plan(read_sources(context.obj, context.find_root().params)).models
    except GatewayError as error:
        click.echo(f"note: no declared models ({error.problems[0].what}); {model} is taken as an upstream id", err=True)
        declared = ()
    for entry in declared:
        if model in (entry.alias, entry.spec.key):
            return entry.spec.upstream
    declared_as = DeclaredNames.of(entry.alias for entry in declared).declared(model)
    for entry in declared:
        if entry.alias == declared_as:
            return upstream_of(entry.alias, entry.spec.upstream, model)
    return "/".join(split_provider(model))


def _explain(invocation: "Invocation", upstream: str) -> dict[str, Any]:
    # LiteLLM takes seconds to import and belongs to the serving side: a process of its own.
    command = [sys.executable, "-m", f"{invocation.package}.serving.params_tool", upstream]
    paths = [str(Path(__file__).parents[2]), invocation.environ.get("PYTHONPATH", "")]
    environ = {**invocation.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)),
               "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise GatewayError(f"LiteLLM did not answer within {_SECONDS} s", "",
                           "try again when this machine is less busy") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UsageProblem(f"{upstream} cannot be explained: {reason}", repair="name it as provider/model")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _text(found: dict[str, Any]) -> str:
    renames = [f"{sent} -> {became}" for sent, became in found["renames"].items()]
    rows = [("accepts", found["accepts"]), ("renames", renames), ("drops", found["drops"])]
    lines = [f"{found['model']} with LiteLLM {found['litellm']}:"]
    return "\n".join(lines + [f"  {name:<8} {', '.join(values) or '-'}" for name, values in rows])
