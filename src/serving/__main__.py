"""`python -m <package>.serving --order-fd N`: the process that serves; started by the launcher, not by people."""

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Sequence

from ..errors import GatewayError
from . import environment
from .order import Order, read_order

# httpx's own command line, which brings rich and pygments: 50 ms for nothing that a gateway uses.
_CLIENT = "httpx._main"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the order and carry it out; return the exit code."""
    gc.disable()  # until everything is imported, see app.load
    start = environment.start_environment()
    sys.modules.setdefault(_CLIENT, None)  # type: ignore[arg-type]  # forbids the import; httpx does without
    parser = argparse.ArgumentParser(prog="serving", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--order-fd", type=int)
    source.add_argument("--order-file")
    chosen = parser.parse_args(arguments)
    try:
        return _serve(_read(chosen.order_fd, chosen.order_file), start)
    except GatewayError as error:
        print(error.text(), file=sys.stderr)
        return error.exit_code


def _read(fd: int | None, path: str | None) -> Order:
    """Read the order from ``fd``, or from the file at ``path``, which is removed: it may hold secrets."""
    if path is None:
        assert fd is not None
        return read_order(fd)
    order = read_order(os.open(path, os.O_RDONLY))
    os.unlink(path)
    return order


def _serve(order: Order, start: dict[str, str]) -> int:
    if hasattr(os, "fork"):
        from . import parent

        return parent.serve(order, start)
    from . import fallback

    return fallback.serve(order, start)


if __name__ == "__main__":
    code = main()
    with contextlib.suppress(OSError):  # nobody reads any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # LiteLLM's exit handlers belong to the workers, which ran them
