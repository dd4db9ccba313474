"""`python -m src.main`, `litellm-gateway`: the one funnel through which every error reaches the operator."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, PROGRAM, GatewayError


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:] if argv is None else list(argv)))


def run(argv: Sequence[str]) -> int:
    """Run the command line and return its exit code; errors are told, never shown as tracebacks."""
    import click

    from .cli.context import Invocation
    from .cli.root import root
    package = str(__package__)
    program = "litellm-gateway" if package == "litellm_gateway" else f"python -m {package}.main"
    invocation = Invocation(dict(os.environ), package, Path.cwd(), program, tuple(argv))
    try:
        result = root.main(args=list(argv), prog_name=program, standalone_mode=False, obj=invocation)
    except GatewayError as error:
        return _told(error, program)
    except click.ClickException as error:
        print(f"error: {error.format_message()}\n  repair: {program} --help", file=sys.stderr)
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    return result if isinstance(result, int) else EXIT_OK


def _told(error: GatewayError, program: str) -> int:
    count = len(error.problems)
    heading = "" if count == 1 else f"{count} problems:\n"
    text = "\n".join(f"error: {problem.text()}" for problem in error.problems)
    print((heading + text).replace(PROGRAM, program), file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    main()
