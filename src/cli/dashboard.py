"""`dashboard`: the ledger as pages, for operators who would rather look than type."""

import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ..config.plan import LaunchPlan, Sources, build_plan
from ..errors import EXIT_INTERRUPTED, EXIT_OK, PROGRAM, GatewayError, NotStarted, UsageProblem
from .context import Invocation
from .database import Opened, needed_database, registry_of, store_context
from .services import address, ending, is_loopback, listening
from .sources import read_sources

if TYPE_CHECKING:
    from ..dashboard.app import Sight
    from ..policy.limits import Limit
    from ..store.engine import Store

PORT = 4200
# Seconds that an idle connection is kept: a page that asks again by itself uses the same one.
_IDLE_S = 20.0
_NAMES = {"--port ": "--port ", "LITELLM_HOST=": "--host ", "LITELLM_HOST": "--host", "PORT": "--port"}


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), default=PORT, show_default=True, help="Port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="Address to listen on; any but loopback needs --allow-host.")
@click.option("--allow-host", "names", multiple=True, metavar="NAME",
              help="A name under which browsers of other machines, or a proxy, reach it; repeatable.")
@click.option("--open", "browse", is_flag=True, help="Open it in the browser.")
@click.pass_context
def dashboard(ctx: click.Context, port: int, host: str, names: tuple[str, ...], browse: bool) -> None:
    """Show the ledger, limits and prices as pages in a browser. It reads, and changes nothing.

    The address that it prints holds a token that is new at every start; without it nobody sees anything.
    """
    assert isinstance(ctx.obj, Invocation)
    if not is_loopback(host) and not names:
        raise UsageProblem(f"--host {host} lets other machines in, and the token travels in clear", "--host",
                           f"keep the default and use a tunnel, ssh -L {port}:127.0.0.1:{port} HOST; or put TLS in "
                           "front and name how it is reached: --allow-host dashboard.example.com")
    with ending():
        sources = read_sources(ctx.obj, ctx.meta["root"])
        store = _reader(sources)
        try:
            signum = _serve(_sight(sources, store, ctx.obj.program), port, host, names, browse)
        finally:
            store.close()
    ctx.exit(EXIT_INTERRUPTED if signum == signal.SIGINT else EXIT_OK)


def _reader(sources: Sources) -> "Store":
    """Return a store that cannot write; raises NotStarted where there is no database of this version yet."""
    database = needed_database(sources.env)
    first_start = f"start the gateway once: {PROGRAM}"
    if database.path is not None and not database.path.exists():
        raise NotStarted(f"there is no database {database.masked} yet", sources.env.origin("GATEWAY_DATABASE_URL"),
                         first_start)
    from ..store.engine import open_reader
    from ..store.migrate import is_migrated
    store = open_reader(database)
    try:
        if is_migrated(store):
            return store
    except GatewayError as error:
        first = error.problems[0]
        raise NotStarted(first.what, first.where, first.repair) from error
    raise NotStarted(f"the database {database.masked} is not one of this version yet", "GATEWAY_DATABASE_URL",
                     first_start)


def _serve(sight: "Sight", port: int, host: str, names: Sequence[str], browse: bool) -> int:
    from ..dashboard.app import create_app
    from ..dashboard.door import LOOPBACK, Door
    from ..webserver import serve
    door = Door(port, (*LOOPBACK, host, *names))
    listener = listening(host, port, _NAMES)

    def ready() -> None:
        url = f"{address(host, port)}/?token="
        click.echo(f"dashboard: {url}{door.token}")
        if browse:
            # Programs that show text would keep the server waiting.
            threading.Thread(target=_open, args=(f"{url}{door.once}",), daemon=True).start()
    return serve(create_app(sight, door), listener, _IDLE_S, ready)


def _open(url: str) -> None:
    import webbrowser
    if not webbrowser.open(url):
        click.echo("no browser was found here: open the address above", err=True)


def _sight(sources: Sources, store: "Store", program: str) -> "Sight":
    from ..dashboard.app import Sight
    from .limits import all_limits

    def limits() -> "list[Limit]":
        return all_limits(Opened(store, store_context(sources), sources), _plan(sources, store))

    def repair(rows: Sequence[Mapping[str, Any]]) -> list[str]:
        plan = _plan(sources, store)
        return list(dict.fromkeys(line for row in rows for line in price_lines(plan, row, program)))
    return Sight(store, limits, repair)


def _plan(sources: Sources, store: "Store") -> LaunchPlan:
    """Return what is declared, with the registry's rows as they are now."""
    return build_plan(replace(sources, database=store.database, registry=registry_of(store, sources)))


def price_lines(plan: LaunchPlan, row: Mapping[str, Any], program: str) -> list[str]:
    """Return what gives the model of a ledger row a price, in the form in which it is declared."""
    deployment = row["deployment"] or ""
    model = next((model for model in plan.models if model.spec.key == deployment), None)
    if model is None:
        return [f"# {row['model'] or deployment} is not declared any more: its requests stay without a price"]
    if model.spec.source.startswith("registry"):
        return [f"{program} models set {model.alias} --input-price DOLLARS --output-price DOLLARS"]
    if model.spec.source.startswith("--"):
        return [f"# in the --model-spec of {model.alias}:", "input_cost=DOLLARS,output_cost=DOLLARS"]
    return [f"MODEL_{deployment.upper()}_{kind}_COST=DOLLARS" for kind in ("INPUT", "OUTPUT")]
