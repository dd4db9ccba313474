"""`rehearse`: the real configuration with real LiteLLM against mock upstreams, on a copy of the registry."""

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config.lines import printable
from ..config.plan import LaunchPlan, build_plan
from ..errors import EXIT_PROBLEMS, ConfigurationError, UsageProblem
from .colours import styled
from .context import Invocation
from .rehearse_store import RehearsalStore
from .sources import read_sources

if TYPE_CHECKING:
    from ..launch.document import Generation
    from ..rehearse.results import Check, Report

# What a launch refuses because a key, or the file that holds it, is not there: no rehearsal needs any.
_UNSET = ("GW401", "GW406", "GW408")


@click.command()
@click.option("--config", metavar="FILE", help="Rehearse an existing LiteLLM YAML instead.")
@click.option("--junit", metavar="FILE", help="Write the result as JUnit XML too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def rehearse(ctx: click.Context, config: str | None, junit: str | None, as_json: bool) -> None:
    """Start the real configuration with real LiteLLM on a spare port, its upstreams played by a mock.

    Proves that it boots, wants its key, answers and streams under every alias, takes its chains and limits, fills its
    templates, tells no secret and loses nothing at its end. Needs no key and no network, costs nothing, and works on a
    temporary copy of the registry. Exit code 1: something failed; 2: the configuration has problems; 3: it did not
    start.
    """
    assert isinstance(ctx.obj, Invocation)
    options = {**ctx.meta["root"], **({"config": config} if config else {})}
    with _private_folder() as folder:
        report = _rehearse(ctx.obj, options, folder)
        _write(report, ctx.obj.cwd, junit)
    _show(ctx, report, as_json)
    if report.error is not None:
        raise report.error
    if report.failed:
        ctx.exit(EXIT_PROBLEMS)


def _rehearse(invocation: Invocation, options: Mapping[str, Any], folder: Path) -> "Report":
    from ..rehearse.run import Subject
    from ..rehearse.run import rehearse as run
    store = RehearsalStore(folder, read_sources(invocation, options))
    plan, generation = _declared(invocation, options, store)
    used = store.database is not None
    subject = Subject(plan, generation, invocation.package, invocation.environ, folder, store.url,
                      bool(options["config"]), store.write_limits if used else None, store.rows if used else None)
    with _progress() as tell:
        return run(subject, tell)


def _declared(invocation: Invocation, options: Mapping[str, Any],
              store: RehearsalStore) -> tuple[LaunchPlan, "Generation"]:
    """Return the real plan and generation; raises ConfigurationError for everything but keys that are not set."""
    from ..launch.document import generate
    from ..launch.existing import load_existing
    from .limits_plan import with_budget_problems
    sources = store.sources()
    if options["config"]:
        plan, generation = load_existing(invocation.cwd / options["config"], replace(sources, registry=None))
        return replace(_checked(plan), database=store.database), generation
    plan = _checked(with_budget_problems(build_plan(sources)))
    return plan, generate(plan, sources.env)


def _checked(plan: LaunchPlan) -> LaunchPlan:
    """Return the plan, or raise ConfigurationError with what a launch would refuse, missing keys aside."""
    problems = [*plan.problems, *(problem for problem in plan.launch_problems
                                  if problem.code not in _UNSET and not problem.what.endswith(" is not set"))]
    if problems:
        raise ConfigurationError(problems)
    return plan


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Make a folder that only this user may read, and remove it however the rehearsal ends."""
    folder = Path(tempfile.mkdtemp(prefix="lg-rehearse-"))
    before = {number: signal.signal(number, _interrupt) for name in ("SIGTERM", "SIGHUP")
              if (number := getattr(signal, name, None)) is not None}
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _progress() -> Iterator[Any]:
    """Yield what hears each check: one changing line on a terminal, nothing elsewhere."""
    count = 0

    def tell(check: "Check") -> None:
        nonlocal count
        count += 1
        _say(f"{count} checks, {check.title}: {check.outcome}")
    if not sys.stderr.isatty():
        yield lambda check: None
        return
    _say("starting the gateway")
    try:
        yield tell
    finally:
        _say("")
        sys.stderr.write("\r")


def _say(text: str) -> None:
    width = shutil.get_terminal_size().columns - 1
    sys.stderr.write(f"\r{printable(text)[:width]:<{width}}")
    sys.stderr.flush()


def _write(report: "Report", cwd: Path, target: str | None) -> None:
    if target is None:
        return
    from ..rehearse.results import junit
    path = cwd / target
    try:
        path.write_text(junit(report), encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"{target} cannot be written: {error.strerror}", "--junit",
                           "name a file in a writable folder") from None


def _show(ctx: click.Context, report: "Report", as_json: bool) -> None:
    from ..rehearse.results import summary, table
    if as_json:
        click.echo(json.dumps(report.document(), indent=2))
        return
    heading, *lines = table(report.checks)
    click.echo(heading)
    colours = {"passed": "green", "failed": "red", "skipped": "yellow"}
    for line, check in zip(lines, report.checks):
        click.echo(styled(ctx, printable(line), fg=colours[check.outcome]))
    for note in report.notes:
        click.echo(printable(f"note: {note}"))
    click.echo(styled(ctx, printable(summary(report)), fg="red" if report.failed else "green", bold=True))
