"""`python -m src.main`, `litellm-gateway`: the one funnel through which every error reaches the operator."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .config.lines import printable
from .errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, PROGRAM, GatewayError, Problem, UsageProblem

if TYPE_CHECKING:
    import click

# Set by the scripts of `completion SHELL`; whoever sets it wants possibilities and nothing else.
COMPLETE = "_LITELLM_GATEWAY_COMPLETE"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    try:
        _open_standard_streams()
        code = run(sys.argv[1:] if argv is None else list(argv), dict(os.environ))
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED  # while click was imported
    sys.exit(code)


def run(argv: Sequence[str], environ: Mapping[str, str], folder: Path | None = None) -> int:
    """Run the command line in ``folder`` and return its exit code; errors are told, never shown as tracebacks."""
    if COMPLETE in environ:
        from .cli.completion import answer
        return answer(environ, str(__package__), folder)
    import click

    from .cli.context import Invocation
    from .cli.root import root
    package = str(__package__)
    program = "litellm-gateway" if package == "litellm_gateway" else f"python -m {package}.main"
    try:
        invocation = Invocation(environ, package, folder or _working_folder(), program, tuple(argv))
        result = root.main(args=list(argv), prog_name=program, standalone_mode=False, obj=invocation)
    except GatewayError as error:
        return _told(error, program)
    except click.ClickException as error:
        return _misused(error, program)
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return result if isinstance(result, int) else EXIT_OK


def _misused(error: "click.ClickException", program: str) -> int:
    """Tell what click refused, with the help of the command that it concerns."""
    from click.exceptions import NoArgsIsHelpError, UsageError
    text = "\n".join(map(printable, error.format_message().split("\n")))
    if not isinstance(error, NoArgsIsHelpError):  # its message is the help itself
        context = error.ctx if isinstance(error, UsageError) else None
        text = f"error: {text}\n  repair: {context.command_path if context else program} --help"
    print(text, file=sys.stderr)
    return EXIT_USAGE


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageProblem("the working folder has been removed", "", "cd into an existing folder") from None


def _open_standard_streams() -> None:
    """Open what the caller closed, or sockets and files would take the places of standard output and error."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)


def _told(error: GatewayError, program: str) -> int:
    count = len(error.problems)
    heading = "" if count == 1 else f"{count} problems:\n"
    text = "\n".join(f"error: {_escaped(problem).text()}" for problem in error.problems)
    print((heading + text).replace(PROGRAM, program), file=sys.stderr)
    return error.exit_code


def _escaped(problem: Problem) -> Problem:
    """Return the problem with control characters escaped; names and values in it are anybody's."""
    repair = "\n".join(map(printable, problem.repair.split("\n")))
    return Problem(printable(problem.what), printable(problem.where), repair, problem.code)


if __name__ == "__main__":
    main()
