"""`render compose` and `render k8s`: the plan of a launch as documents for containers."""

import sys
from typing import Any

import click

from ..config.plan import LaunchPlan, build_plan
from ..deploy.asked import IMAGE, LOOPBACK, Compose, Kubernetes
from ..errors import ConfigurationError, Problem
from .context import Invocation
from .database import with_registry
from .launch import print_bytes, write_private
from .sources import read_sources

_NOT_HERE = ("config", "demo", "print_config", "output", "watch")
_IMAGE = click.option("--image", default=IMAGE, show_default=True, metavar="NAME",
                      help="The gateway's image, with a version or a digest.")
_OUTPUT = click.option("--output", metavar="FILE", help="Write this file (mode 0600) instead of standard output.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def render() -> None:
    """Write what would be launched here as documents for containers: no key has to be set, and none is in them.

    Models and settings come from where a launch takes them; flags that declare stand before the word render.
    """


@render.command()
@_IMAGE
@click.option("--publish", default=LOOPBACK, show_default=True, metavar="ADDRESS",
              help="The address of this machine where gateway and discovery are reached.")
@click.option("--postgres", is_flag=True, help="Add PostgreSQL, and keep the state in it.")
@click.option("--discovery", is_flag=True, help="Add the discovery service for desktop clients.")
@click.option("--prometheus", is_flag=True, help="Add Prometheus, which reads /metrics with a key of its own.")
@_OUTPUT
@click.pass_context
def compose(ctx: click.Context, /, output: str | None, **options: Any) -> None:
    """One docker-compose file, for compose 1.29 and v2. Its head says how the secrets' files are made."""
    from ..deploy.compose import render as rendered
    from ..deploy.compose import wanted_secrets
    from ..deploy.target import target_of
    asked, plan = Compose(**options), _plan(ctx)
    target = target_of(plan, asked.postgres, wanted_secrets(plan, asked))
    _write(ctx, rendered(target, asked), (*plan.notes, *target.notes), output)


@render.command()
@click.option("--namespace", required=True, metavar="NAME", help="The namespace of everything; it exists already.")
@click.option("--name", required=True, metavar="NAME", help="The name of everything.")
@click.option("--replicas", type=click.IntRange(min=1), default=1, show_default=True,
              help="Pods; several need PostgreSQL.")
@click.option("--postgres", is_flag=True, help="Keep the state in a PostgreSQL; the Secret holds its URL.")
@click.option("--storage", metavar="SIZE", help="Size of SQLite's volume; default by the ledger's limit.")
@click.option("--no-secret", is_flag=True, help="Leave the Secret out, so that applying again keeps the real keys.")
@_IMAGE
@_OUTPUT
@click.pass_context
def k8s(ctx: click.Context, /, output: str | None, no_secret: bool, **options: Any) -> None:
    """ConfigMap, Secret (placeholders only), Deployment, Service and a volume, for `kubectl apply -f`."""
    from ..deploy.kubernetes import render as rendered
    from ..deploy.target import target_of
    asked, plan = Kubernetes(secret=not no_secret, **options), _plan(ctx)
    target = target_of(plan, asked.postgres)
    _write(ctx, rendered(target, asked), (*plan.notes, *target.notes), output)


def _plan(ctx: click.Context) -> LaunchPlan:
    """Return the checked plan of what is declared; raises ConfigurationError with every problem."""
    options = ctx.meta["root"]
    given = ["--" + name.replace("_", "-") for name in _NOT_HERE if options[name]]
    if given:
        raise ConfigurationError([Problem(f"{flag} does not go with render", "flags", f"remove {flag}")
                                  for flag in given])
    assert isinstance(ctx.obj, Invocation)
    return build_plan(with_registry(read_sources(ctx.obj, options), launching=False)).checked()


def _write(ctx: click.Context, text: str, notes: tuple[str, ...], output: str | None) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    if output:
        write_private(ctx.obj.cwd / output, text.encode())
    else:
        print_bytes(text.encode())
