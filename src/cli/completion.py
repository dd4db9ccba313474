"""`completion SHELL` prints a script; that script asks this program what may stand at the cursor, and gets it quickly.

Pressing a key must never print anything but possibilities: whatever goes wrong, there are none.
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete

from .completion_scripts import BREAKS_VARIABLE, LINE_VARIABLE, PROGRAM, SCRIPTS, SHELL_VARIABLE
from .context import Invocation

_UNSAFE = re.compile(r"[^\w@%+=:,./-]")


@click.command()
@click.argument("shell", type=click.Choice(tuple(SCRIPTS)))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes this program's commands, options, aliases and names.

    \b
    bash:       eval "$(litellm-gateway completion bash)" in ~/.bashrc
    zsh:        eval "$(litellm-gateway completion zsh)" in ~/.zshrc, after compinit
    fish:       litellm-gateway completion fish > ~/.config/fish/completions/litellm-gateway.fish
    powershell: litellm-gateway completion powershell | Out-String | Invoke-Expression in $PROFILE
    """
    click.echo(SCRIPTS[shell], nl=False)


def answer(environ: Mapping[str, str], package: str, folder: Path | None) -> int:
    """Print what may stand at the cursor of the line in ``environ``, one possibility per line; return 0, always."""
    shell, _, source = environ[SHELL_VARIABLE].partition("_")
    if source == "source":  # click's own way to ask for the script
        click.echo(SCRIPTS.get(shell, ""), nl=False)
        return 0
    try:
        lines = _lines(environ, package, folder or Path.cwd())
    except Exception:  # half a command line may be anything, and so may the files that it names
        lines = []
    click.echo("".join(f"{line}\n" for line in lines), nl=False)
    return 0


def _lines(environ: Mapping[str, str], package: str, folder: Path) -> list[str]:
    from .completing import with_names
    from .root import root
    with_names(root, "")
    shell, line = environ[SHELL_VARIABLE], environ.get(LINE_VARIABLE, "")
    hidden = {name: value for name, value in environ.items()
              if name not in (SHELL_VARIABLE, LINE_VARIABLE, BREAKS_VARIABLE)}
    invocation = Invocation(hidden, package, folder, PROGRAM)
    completer = Completer(root, {"obj": invocation}, PROGRAM, SHELL_VARIABLE)
    completer.shell, completer.line, completer.breaks = shell, line, environ.get(BREAKS_VARIABLE, "")
    return [text for text in completer.complete().split("\n") if text]


class Completer(ShellComplete):
    """click's machinery with one protocol for all four shells."""

    name = "gateway"
    source_template = ""
    shell = line = breaks = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the finished words of the line after the program's name, and the one at the cursor."""
        words = split(self.line)[1:]
        if not words or self.line[-1:].isspace():
            return words, ""
        return words[:-1], words[-1]

    def get_completions(self, args: list[str], incomplete: str) -> list[Any]:
        """Return the possibilities; the beginning that bash keeps to itself is taken off."""
        items = super().get_completions(args, incomplete)
        cut = max((incomplete.rfind(mark) + 1 for mark in ":" if mark in self.breaks), default=0)
        return [_shortened(item, cut) for item in items] if cut and self.shell == "bash" else items

    def format_completion(self, item: Any) -> str:
        """Return a possibility as the scripts read it."""
        kind = "file" if item.type in ("file", "dir") else "open" if item.type == "open" else "plain"
        help_text = " ".join((item.help or "").split())
        value = str(item.value)
        return f"{kind}\t{_quoted(value, self.shell)}\t{help_text}" if value.isprintable() else ""


def split(line: str) -> list[str]:
    """Return the words of a command line that may end inside of quotes."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:
        words.append(lexer.token)
    return words


def _shortened(item: Any, cut: int) -> Any:
    return CompletionItem(str(item.value)[cut:], item.type, item.help)


def _quoted(value: str, shell: str) -> str:
    """Return a value as the shell takes it literally; zsh and fish quote by themselves."""
    if shell == "bash":
        return _UNSAFE.sub(lambda found: f"\\{found[0]}", value)
    if shell == "powershell" and _UNSAFE.search(value):
        return "'" + value.replace("'", "''") + "'"
    return value
