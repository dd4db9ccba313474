"""Every command that a message or a page names can be typed: it exists, and so do its options."""

import ast
import re
from collections.abc import Iterator

import click
import pytest

from src.errors import PROGRAM

from .test_help import context
from .test_house import modules

NAME = "litellm-gateway"
# Behind a command, in one line: words, options and values, up to the end of the sentence's part.
TYPED = re.compile(re.escape(NAME) + r"((?: [^\s,;()`]+)+)")


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every text of a module with its line; what is put into it at run time is an X."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(map(part, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value.replace(PROGRAM, NAME)


def part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    name = node.value if isinstance(node, ast.FormattedValue) else node
    return NAME if isinstance(name, ast.Name) and name.id.upper() == "PROGRAM" else "X"


# Scripts for shells hold the name in a grammar of their own.
NAMED = sorted({(f"{file}:{line}", words) for file, tree in modules("src").items()
                if file != "src/cli/completion_scripts.py" for line, text in texts(tree)
                for words in TYPED.findall(text)})


def unknown(words: list[str]) -> list[str]:
    """Return the words that are no command and no option where they stand; prose behind the bare name is none."""
    path: list[str] = []
    wrong = []
    for word in words:
        ctx = context(" ".join(path))
        command = ctx.command
        if word.startswith("--"):
            known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
            wrong += [word] if word.partition("=")[0].rstrip(".") not in known else []
        elif isinstance(command, click.Group) and command.get_command(ctx, word):
            path.append(word)
        elif isinstance(command, click.Group) and path and word != "X":
            wrong.append(word)
    return wrong


def test_the_texts_name_commands() -> None:
    assert len(NAMED) > 40 and ("limits", "add") in {tuple(words.split()[:2]) for _, words in NAMED}


@pytest.mark.parametrize("words, wrong", [
    ("limits add NAME --rpm 5", []), ("limits ad", ["ad"]), ("providers set NAME --enabled yes", ["--enabled"]),
    ("--port 4000", []), ("--prot 4000", ["--prot"]), ("1.0 runs", [])])
def test_a_command_that_there_is_not_would_be_found(words: str, wrong: list[str]) -> None:
    assert unknown(words.split()) == wrong


@pytest.mark.parametrize("place, words", NAMED)
def test_what_is_named_can_be_typed(place: str, words: str) -> None:
    assert unknown(words.split()) == []
