"""--help teaches: every command shows an example that works as typed; colours go to terminals only."""

import io
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from src.cli.colours import colours, styled
from src.cli.context import Invocation
from src.cli.examples import EXAMPLES
from src.cli.root import root

from .declaring import run_here


def context(path: str = "") -> click.Context:
    """Return the context of the command ``path``, as a command line that ends there makes it."""
    ctx = click.Context(root, info_name="litellm-gateway", obj=Invocation({}, "src", Path()))
    for name in path.split():
        assert isinstance(ctx.command, click.Group)
        command = ctx.command.get_command(ctx, name)
        assert command is not None, path
        ctx = click.Context(command, parent=ctx, info_name=name)
    return ctx


def commands(path: str = "") -> Iterator[str]:
    """Yield every command that the help lists, as its words."""
    ctx = context(path)
    yield path
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            command = ctx.command.get_command(ctx, name)
            if command is not None and not command.hidden:
                yield from commands(f"{path} {name}".strip())


ALL = tuple(commands())


@pytest.mark.parametrize("path", ALL, ids=lambda path: path or "root")
def test_every_command_shows_an_example_that_it_accepts(path: str) -> None:
    assert EXAMPLES.get(path), f"src/cli/examples.py has no example of `{path}`"
    shown = context(path).get_help()
    for title, arguments in EXAMPLES[path]:
        assert f"{title}:" in shown and f"litellm-gateway {arguments}" in shown
        assert f"{arguments} ".startswith(f"{path} ".lstrip())
        accepted(arguments)


def accepted(arguments: str) -> None:
    """Let click read ``arguments`` down to the last command, without running one; raises UsageError."""
    words, ctx = shlex.split(arguments), click.Context(root, info_name="litellm-gateway")
    try:
        ctx = root.make_context("litellm-gateway", words, obj=Invocation({}, "src", Path()))
        while isinstance(ctx.command, click.Group) and (rest := [*ctx._protected_args, *ctx.args]):
            name, command, rest = ctx.command.resolve_command(ctx, rest)
            assert command is not None
            ctx = command.make_context(name, rest, parent=ctx)
    except click.exceptions.Exit:
        return  # --help ends the reading where it stands


def test_an_example_that_a_command_refuses_would_be_noticed() -> None:
    for wrong in ("status --prot 1", "report everything", "keys add", "nothing", "prompts activate summary"):
        with pytest.raises(click.UsageError):
            accepted(wrong)


def test_no_example_is_left_of_a_command_that_is_gone() -> None:
    assert set(EXAMPLES) <= set(ALL)


def test_examples_name_the_program_as_it_was_called(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shown = run_here("keys", "add", "--help", cwd=tmp_path, capfd=capfd).text
    assert "    python -m src.main keys add alice " in shown


# --- colours ----------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("environ, terminal, coloured", [
    ({}, True, True), ({}, False, False), ({"TERM": "dumb"}, True, False),
    ({"NO_COLOR": "1"}, True, False), ({"NO_COLOR": ""}, True, True), ({"FORCE_COLOR": "1"}, False, True),
    ({"FORCE_COLOR": ""}, False, False), ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
])
@pytest.mark.parametrize("err", [False, True])
def test_colours_are_for_terminals_and_for_who_asks(
    environ: dict[str, str], terminal: bool, coloured: bool, err: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, other = Terminal() if terminal else io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr" if err else "stdout", stream)
    monkeypatch.setattr(sys, "stdout" if err else "stderr", other)
    invocation = Invocation(environ, "src", Path())
    below = click.Context(root, parent=click.Context(root, obj=invocation))
    assert colours(invocation, err) is coloured
    expected = "\x1b[31mfailed\x1b[0m" if coloured else "failed"
    assert styled(invocation, "failed", err=err, fg="red") == styled(below, "failed", err=err, fg="red") == expected


@pytest.mark.parametrize("environ, wish", [({}, None), ({"NO_COLOR": "1"}, False), ({"FORCE_COLOR": "1"}, True)])
def test_what_is_echoed_follows_the_same_wish(environ: dict[str, str], wish: bool | None) -> None:
    seen = []

    @click.command(cls=click.Command)
    @click.pass_context
    def probe(ctx: click.Context) -> None:
        seen.append(ctx.color)

    ctx = root.make_context("x", ["status"], obj=Invocation(environ, "src", Path()))
    assert root.callback is not None
    ctx.invoked_subcommand = "status"
    with ctx:
        ctx.invoke(root.callback, **ctx.params)
        probe.main([], parent=ctx, standalone_mode=False)
    assert seen == [wish]
