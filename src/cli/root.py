"""The root command: without a subcommand it launches the proxy or prints its configuration."""

from typing import Any

import click

from .colours import wish
from .context import Invocation
from .examples import text_of, with_examples
from .lazy import LazyGroup

NOUN_HELP = {
    "providers": "Where models are: base and the variable that holds the key.",
    "models": "What is served under which alias, at what price.",
    "endpoints": "Names that stand for a model with its defaults, tools and template.",
    "prompts": "Templates in versions; one is active, one more may get a share.",
    "tools": "Functions that endpoints offer to their model.",
    "flags": "What is switched off or on, and for whom.",
    "tiers": "Groups of client keys.",
    "chains": "Models that are tried one after another.",
}


_STARTING = ("start", "run", "serve", "launch", "up")


class Root(LazyGroup):
    """The root group with its table of commands."""

    lazy = {
        "init": (".init", "init", "Make a first .env: providers, models, keys, a master key."),
        "import": (".importing", "import_", "Turn a LiteLLM config.yaml into variables or registry rows."),
        "precommit": (".precommit", "precommit", "Check files that are about to be committed, without their keys."),
        "status": (".operate", "status", "Show the running gateway: workers, configuration, uptime."),
        "reload": (".operate", "reload", "Read the sources again and change over without losing a request."),
        "stop": (".operate", "stop", "Stop the running gateway; running requests end first."),
        "check": (".check", "check", "Find what is wrong before anything is started; LiteLLM files too."),
        "explain": (".explain", "explain", "What a request to an alias will do, and where every value comes from."),
        "diff": (".diff", "diff", "What differs between two configurations: files, or the running gateway."),
        "registry": (".registry", "registry", "Export, import or seed the whole registry."),
        **{name: (".prompts" if name == "prompts" else ".nouns", name, text) for name, text in NOUN_HELP.items()},
        "report": (".report", "report", "Costs, tokens, requests, latency and errors, by model, user, day and more."),
        "ledger": (".ledger", "ledger", "Single requests, unpriced models, export and backup."),
        "dashboard": (".dashboard", "dashboard", "The ledger, limits and prices as pages in a browser; reads only."),
        "limits": (".limits", "limits", "Limits and budgets: what is used, what is left, what applies to a model."),
        "keys": (".keys", "keys", "Client keys: who may ask for what, how much, until when."),
        "params": (".params", "params", "Show what a model accepts, drops and renames."),
        "ping": (".ping", "ping", "One tiny real request per model: latency, status, what to repair."),
        "rehearse": (".rehearse", "rehearse", "Try the whole configuration against mock upstreams: no key, no cost."),
        "completion": (".completion", "completion", "Print a script that completes commands and names in your shell."),
        "discovery": (".discovery", "discovery", "Serve the list of models to desktop clients."),
        "render": (".render", "render", "Write the plan as documents for docker-compose or Kubernetes."),
    }

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, with its examples."""
        command = super().get_command(ctx, cmd_name)
        if command is not None and ctx.resilient_parsing:
            from .completing import with_names
            return with_names(command, cmd_name)
        return command and with_examples(command, cmd_name, _program(ctx))

    def resolve_command(self, ctx: click.Context, args: list[str]
                        ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and help those who look for the one that starts the gateway: it has none."""
        word = args[0] if args and not ctx.resilient_parsing else ""
        if word in _STARTING:
            raise click.UsageError(f"No such command {word!r}: {_program(ctx)} alone starts the gateway.", ctx)
        if word not in self.lazy and not word.startswith("-"):
            from ..config.fields import suggest
            if near := suggest(word, self.lazy):
                raise click.UsageError(f"No such command {word!r}{near}", ctx)
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples with the name by which this program was called."""
        formatter.write("\n" + text_of("", _program(ctx)))


def _program(ctx: click.Context) -> str:
    return ctx.obj.program if isinstance(ctx.obj, Invocation) else "litellm-gateway"


@click.group(cls=Root, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model-spec", "model_specs", multiple=True, metavar="FIELDS",
              help="A model as key=..,alias=..,upstream=..; repeatable. Replaces the environment's models.")
@click.option("--add-model-spec", "add_model_specs", multiple=True, metavar="FIELDS",
              help="A model beside those that the environment declares; repeatable.")
@click.option("--model", metavar="ID", help="The upstream model, where only one is served.")
@click.option("--alias", metavar="NAME", help="What clients call the only model.")
@click.option("--base", metavar="URL", help="Base of every OpenAI-compatible model that names none.")
@click.option("--reasoning-effort", metavar="LEVEL", help="Effort of every model that names none; none omits it.")
@click.option("--host", metavar="ADDRESS", help="Address to listen on (127.0.0.1).")
@click.option("--port", "-p", metavar="PORT", help="Port to listen on (4000).")
@click.option("--workers", "-w", metavar="N", help="Worker processes (1).")
@click.option("--grace", metavar="SECONDS", help="How long running requests may take at shutdown (30).")
@click.option("--reload-grace", metavar="SECONDS", help="The same for an old configuration after a reload (3600).")
@click.option("--log-format", metavar="FORMAT", help="auto (text at startup, JSON per request), text or json.")
@click.option("--ssl-certfile", metavar="FILE", help="TLS certificate chain (PEM).")
@click.option("--ssl-keyfile", metavar="FILE", help="TLS private key (PEM).")
@click.option("--env-file", metavar="FILE", help="Read this file instead of .env.")
@click.option("--no-env-file", is_flag=True, help="Read no .env at all.")
@click.option("--config", metavar="FILE", help="Launch an existing LiteLLM YAML instead.")
@click.option("--print-config", is_flag=True, help="Print the generated YAML and end; needs no key.")
@click.option("--output", metavar="FILE", help="Write the generated YAML (mode 0600) and end.")
@click.option("--demo", is_flag=True, help="Serve example models through a built-in mock; needs no key.")
@click.option("--watch", is_flag=True, help="Reload when the .env or --config file changes.")
@click.option("--debug", is_flag=True, help="Show LiteLLM's debug log.")
@click.option("--version", is_flag=True, help="Show the versions of the gateway and of LiteLLM, and end.")
@click.option("--launch-document", is_flag=True, hidden=True)
@click.pass_context
def root(ctx: click.Context, /, **options: Any) -> None:
    """Several models behind one OpenAI-compatible endpoint: the real LiteLLM proxy, generated and launched.

    Models come from --model-spec, else from PROXY_MODEL_KEYS and MODEL_<KEY>_* in the environment or .env.
    """
    ctx.color = wish(ctx.obj)
    if ctx.invoked_subcommand is not None and not options["version"]:
        ctx.meta["root"] = options
        return
    from .launch import run
    run(ctx.obj, options)
