"""`check [FILE...]`: what is wrong with the declarations, or with LiteLLM files, before anything is started."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..checker.codes import CODES, explain
from ..checker.codes_shape import Code
from ..checker.findings import Finding
from ..checker.formats import FORMATS, render
from ..checker.report import Report, without_secrets
from ..config.database import find_database
from ..config.fields import suggest
from ..config.plan import LaunchPlan, Sources, build_plan
from ..config.readers import to_list
from ..config.registry import RegistryReading
from ..errors import PROGRAM, ConfigurationError, Problem, UsageProblem
from .colours import styled
from .context import Invocation
from .sources import env_file, read_sources

_STYLES: Mapping[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True}, "warning": {"fg": "yellow", "bold": True}, "place": {"bold": True},
    "repair": {"fg": "cyan"}, "ok": {"fg": "green"},
}
_SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIALS", "DATABASE_URL")
_OF_A_FILE = ("the port is free", "the upstreams can be reached, know the models and accept the keys",
              "the Python modules and optional packages that the file asks for are installed")


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE.yaml]...")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
              help="sarif for code scanning, github for annotations in a workflow.")
@click.option("--strict", is_flag=True, help="End with exit code 1 for warnings too.")
@click.option("--ignore", "ignored", multiple=True, metavar="CODE",
              help="Leave findings of this code out; repeatable. GW505 where the keys are elsewhere.")
@click.option("--explain", "code", metavar="CODE", help="Say what a code means, with an example, and end.")
@click.pass_context
def check(context: click.Context, files: tuple[str, ...], form: str, strict: bool, ignored: tuple[str, ...],
          code: str | None) -> None:
    """Find what is wrong with what flags, environment, .env and registry declare, or with LiteLLM files.

    Offline, and no key is needed for a file. Exit code 0: it will start (warnings or not), 1: errors, 2: something
    could not be checked. Options such as --model-spec and --env-file stand before `check`.
    """
    if code is not None:
        click.echo(explain(_code(code, "--explain")))
        return
    left_out = {_code(word, "--ignore").code for word in to_list(",".join(ignored))}
    options = context.meta["root"]
    named = files or ((options["config"],) if options["config"] else ())
    report = check_files(context.obj, options, named) if named else check_declared(context.obj, options)
    report = report.ignoring(left_out)
    from .launch import version
    text = render(report, form, version(), lambda text, kind: styled(context, text, **_STYLES[kind]))
    _say(text.replace(PROGRAM, context.obj.program))
    context.exit(report.exit_code(strict))


def _say(text: str) -> None:
    """Print, whatever the output's encoding: names in an environment may be no text at all."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))


def _code(name: str, flag: str) -> Code:
    """Return the row of a code; raises UsageProblem for what is none."""
    code = CODES.get(name.strip().upper())
    if code is None:
        raise UsageProblem(f"{name[:40]!a} is no code{suggest(name.upper(), CODES)}", flag,
                           f"{PROGRAM} check --explain GW101")
    return code


def check_declared(invocation: Invocation, options: Mapping[str, Any]) -> Report:
    """Return the report on everything declared; a database that should be read and cannot be is a failure."""
    from ..checker.plan_check import Subject, check_plan, conditions
    try:
        sources, failures = _with_rows(read_sources(invocation, options))
    except ConfigurationError as error:
        return Report("nothing", failures=tuple(problem.what for problem in error.problems))
    plan, unpriced = _priced(build_plan(sources))
    extra = (*_flag_problems(options), *_package_problems(sources))
    path = env_file(invocation, options)
    text, public, committed = _env_file(path, sources) if path is not None else ("", (), ())
    subject = Subject(plan, sources, text, unpriced, public, committed, extra)
    values = [secret.value.strip() for secret in plan.secrets.values() if secret.value]
    findings = without_secrets(check_plan(subject), [*values, *_secrets(sources.env.values)])
    return Report(_counted(plan), findings, conditions(plan), failures, file=sources.env.dotenv.path)


def _counted(plan: LaunchPlan) -> str:
    numbers = {"model": len(plan.models), "chain": len(plan.chains)}
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in numbers.items()
                     if count or noun == "model")


def check_files(invocation: Invocation, options: Mapping[str, Any], files: tuple[str, ...]) -> Report:
    """Return the report on LiteLLM files."""
    from ..checker.file_check import check_text
    from ..checker.variables import picked_up
    environ = read_sources(invocation, options).env.values
    findings: list[Finding] = []
    failures = []
    for name in files:
        try:
            text = Path(invocation.cwd, name).read_bytes().decode("utf-8-sig")
        except OSError as error:
            failures.append(f"{name} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            failures.append(f"{name} is not UTF-8 text")
        else:
            findings += check_text(text, name, environ)
    findings += picked_up(environ)
    return Report(", ".join(files), without_secrets(findings, _secrets(environ)), _OF_A_FILE, tuple(failures),
                  file=files[0])


def _with_rows(sources: Sources) -> tuple[Sources, tuple[str, ...]]:
    """Return ``sources`` with the registry's rows, and why these could not be read."""
    from ..store.failures import StoreError
    from .database import with_registry
    try:
        return with_registry(sources, launching=False), ()
    except StoreError as error:
        unread = replace(sources, registry=RegistryReading(), database=find_database(sources.env)[0])
        return unread, (f"the registry: {error.problems[0].what}",)


def _flag_problems(options: Mapping[str, Any]) -> tuple[Problem, ...]:
    from .launch import check_flags
    try:
        check_flags(options)
    except ConfigurationError as error:
        return error.problems
    return ()


def _package_problems(sources: Sources) -> tuple[Problem, ...]:
    from ..launch.telemetry import telemetry
    try:
        telemetry(sources.env.values)
    except UsageProblem as error:
        return tuple(replace(problem, code="GW510") for problem in error.problems)
    return ()


def _priced(plan: LaunchPlan) -> tuple[LaunchPlan, tuple[str, ...]]:
    """Return the plan with what its budgets ask for, and the aliases that nobody has a price for."""
    if plan.database is None or not plan.models:
        return plan, ()
    from .ledger_prices import PriceBook
    from .limits_plan import with_budget_problems
    return with_budget_problems(plan), tuple(PriceBook(plan).unpriced())


def _env_file(path: Path, sources: Sources) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    from .check_files import readable_by_others, would_be_committed
    name = sources.env.dotenv.path
    if not path.is_file():
        return "", (), ()  # a pipe gives its text only once
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    if not any(_secrets({key: value for key, (value, _) in sources.env.dotenv.values.items()})):
        return text, (), ()
    return text, (name,) if readable_by_others(path) else (), (name,) if would_be_committed(path) else ()


def _secrets(values: Mapping[str, str]) -> list[str]:
    """Return the values of variables that are secret by their name."""
    return [value.strip() for name, value in values.items() if value.strip() and name.upper().endswith(_SECRET_NAMES)]
