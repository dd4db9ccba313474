"""`init`: the first `.env`, asked for or given with flags."""

import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config.environment import Environment, parse_dotenv
from ..config.lines import printable
from ..config.readers import BadValue
from ..errors import EXIT_PROBLEMS, PROGRAM, ConfigurationError, Problem, UsageProblem
from .context import Invocation
from .launch import write_private
from .sources import ENV_FILE, read_secret_file

if TYPE_CHECKING:
    from ..begin.answers import Answers


@click.command()
@click.option("--non-interactive", is_flag=True, help="Ask nothing; the flags below say everything.")
@click.option("--provider", metavar="NAME", help="openai, anthropic, gemini, groq, ...; compatible, vllm or ollama.")
@click.option("--model", "models", multiple=True, metavar="ID", help="A model id as the provider knows it; repeatable.")
@click.option("--base", metavar="URL", help="Base of an OpenAI-compatible upstream.")
@click.option("--key-env", metavar="NAME", help="Variable that holds the key; its value is taken from the environment.")
@click.option("--key-file", metavar="FILE", help="File that holds the key; it is named, not copied.")
@click.option("--chain", metavar="NAME", help="One more name that tries the models one after another.")
@click.option("--output", metavar="FILE", default=ENV_FILE, show_default=True, help="Write this file.")
@click.option("--force", is_flag=True, help="Change an existing file without asking.")
@click.pass_context
def init(ctx: click.Context, /, non_interactive: bool, output: str, force: bool, **flags: Any) -> None:
    """Make a first .env: providers, models, keys and a master key.

    Keys are typed hidden, or taken from the environment or a file, never from the command line. What the file holds
    besides models stays in it.
    """
    invocation: Invocation = ctx.obj
    path = invocation.cwd / output
    existing, env = _existing(invocation, path, output)
    answers = _given(flags, env, invocation) if non_interactive else _asked(flags, env)
    from ..begin.answers import lines_of, merged
    text = merged(existing, lines_of(answers), output)
    if not _may_write(existing, text, output, force, non_interactive):
        click.echo("nothing was written", err=True)
        ctx.exit(EXIT_PROBLEMS)
    _write(path, text, output)
    click.echo(f"{output} is written; only you can read it.")
    _check_git(path, invocation, non_interactive)
    if not _say_what_is_left(invocation, text, output):
        ctx.exit(EXIT_PROBLEMS)


def _existing(invocation: Invocation, path: Path, output: str) -> tuple[str, Environment]:
    """Return the file as it is, and the environment with it."""
    try:
        data = path.read_bytes() if os.path.lexists(path) else b""
    except OSError as error:
        raise UsageProblem(f"{output} cannot be read: {error.strerror}", "--output", "name a file") from None
    dotenv = parse_dotenv(data, output, invocation.environ)
    if dotenv.problems:
        raise ConfigurationError(dotenv.problems)
    env = Environment(invocation.environ, dotenv, lambda name: read_secret_file(invocation.cwd / name))
    return data.decode("utf-8-sig"), env


def _asked(flags: dict[str, Any], env: Environment) -> "Answers":
    from ..begin.questions import interview
    given = ["--" + name.rstrip("s").replace("_", "-") for name, value in flags.items() if value]
    if given:
        raise UsageProblem(f"{', '.join(given)} without --non-interactive", "flags", "add --non-interactive, or leave "
                           "them out and answer the questions")
    if not sys.stdin.isatty():
        raise UsageProblem("init asks questions and there is no terminal", "standard input",
                           f"{PROGRAM} init --non-interactive --provider openai --model gpt-5")
    return interview(_Terminal(), env)


class _Terminal:
    """The person at the terminal."""

    def say(self, text: str) -> None:
        click.echo("\n".join(map(printable, text.split("\n"))))

    def ask(self, question: str, default: str | None = None) -> str:
        return str(click.prompt(question, default=default))

    def secret(self, question: str) -> str:
        return str(click.prompt(question, default="", show_default=False, hide_input=True))

    def confirm(self, question: str, default: bool) -> bool:
        return click.confirm(question, default=default)


def _given(flags: dict[str, Any], env: Environment, invocation: Invocation) -> "Answers":
    from ..begin.answers import Answers
    from ..begin.dotenv_text import Unwritable
    from ..begin.offers import nearest, offer_of
    from ..begin.questions import from_flags, master_key
    problems = []
    if not flags["provider"]:
        problems.append(Problem("--provider is needed", "--non-interactive", "--provider openai"))
    elif offer_of(flags["provider"]) is None:
        problems.append(Problem(f"there is no provider {flags['provider']!a}{nearest(flags['provider'])}", "--provider",
                                "--provider openai, or compatible with --base"))
    if not flags["models"]:
        problems.append(Problem("--model is needed", "--non-interactive", "--model gpt-5"))
    if flags["key_file"]:
        flags["key_file"] = str((invocation.cwd / flags["key_file"]).absolute())
    if problems:
        raise ConfigurationError(problems)
    try:
        upstream = from_flags(flags, env)
    except (BadValue, Unwritable) as error:
        raise ConfigurationError([Problem(str(error), "flags", f"see {PROGRAM} init --help")]) from None
    return Answers((upstream,), flags["chain"], master_key(env, lambda text: click.echo(text, err=True)))


def _may_write(existing: str, text: str, output: str, force: bool, non_interactive: bool) -> bool:
    """Show what would change in an existing file, secrets masked, and ask; without a person it needs --force."""
    if not existing:
        return True
    from ..begin.answers import masked_lines
    old = {name: value for name, (value, _) in parse_dotenv(existing.encode()).values.items()}
    difference = list(difflib.unified_diff(masked_lines(existing), masked_lines(text, old), output, f"{output} (new)",
                                           lineterm=""))
    click.echo("\n".join(map(printable, difference)) or f"{output} stays as it is", err=non_interactive)
    if force:
        return True
    if non_interactive:
        raise UsageProblem(f"{output} exists already", "--output", "look at the difference above; --force applies it")
    return click.confirm(f"Change {output} like this?", default=False)


def _write(path: Path, text: str, output: str) -> None:
    try:
        write_private(path, text.encode())
    except UsageProblem as error:
        raise UsageProblem(error.problems[0].what, output, error.problems[0].repair) from None


def _check_git(path: Path, invocation: Invocation, non_interactive: bool) -> None:
    from ..begin.ignored import git_state, ignore
    state = git_state(path, invocation.environ)
    if state == "tracked":
        click.echo(f"warning: git tracks {path.name}, and with it your keys: git rm --cached {path.name}", err=True)
    if state not in ("tracked", "open"):
        return
    if non_interactive:
        if state == "open":
            click.echo(f"warning: git does not ignore {path.name}: echo {path.name} >> .gitignore", err=True)
    elif click.confirm(f"git does not ignore {path.name}. Add it to .gitignore?", default=True):
        try:
            click.echo(f"{ignore(path).name} names it now.")
        except OSError as error:
            click.echo(f"warning: .gitignore cannot be written: {error.strerror}", err=True)


def _say_what_is_left(invocation: Invocation, text: str, output: str) -> bool:
    """Check what was written as a launch would, say what is missing and what to do next; return whether it is ready."""
    from ..config.plan import Sources, build_plan
    env = Environment(invocation.environ, parse_dotenv(text.encode(), output, invocation.environ),
                      lambda name: read_secret_file(invocation.cwd / name))
    plan = build_plan(Sources(env))
    for model in plan.models:
        click.echo(f"  {model.alias} -> {model.base or model.spec.provider}, key: {model.key_env or 'none'}")
    problems = plan.problems + plan.launch_problems
    for problem in problems:
        told = f"missing: {problem.text()}".replace(PROGRAM, invocation.program)
        click.echo("\n".join(map(printable, told.split("\n"))), err=True)
    flag = "" if output == ENV_FILE else f" --env-file {output}"
    first = "when that is done: " if problems else ""
    click.echo(f"next: {first}{invocation.program}{flag}")
    return not problems
