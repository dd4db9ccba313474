"""``python -m <package>.mock``: the mock upstream as a process of its own."""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from .recording import Recorder
from .server import start, url_of
from .state import LISTED, State


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mock", description="A mock OpenAI-compatible upstream.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0, the default, takes a free one")
    add("--port-file", type=Path, metavar="FILE", help="write the port there once it listens")
    add("--record", type=Path, metavar="FILE", help="append every ended request there as a JSON line")
    add("--gap", type=float, default=0.0, metavar="SECONDS", help="pause between the chunks of a stream")
    add("--models", default=",".join(LISTED), metavar="A,B", help="the ids that GET models lists")
    add("--count-only", action="store_true", help="keep no requests, only their number (for long benchmarks)")
    add("--until-eof", action="store_true", help="stop when standard input ends (and not at Ctrl-C)")
    add("--remove", type=Path, metavar="FOLDER", help="remove this folder at the end: made by the starter")
    return parser.parse_args(argv)


def _write_port(path: Path, port: int) -> None:
    """Write the port so that a reader never sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(f"{port}\n", encoding="ascii")
    draft.replace(path)


def _teller(stop: Callable[[], object]) -> Callable[..., None]:
    """Return a function that calls ``stop`` in this loop, from a thread or a signal handler."""
    loop = asyncio.get_running_loop()

    def tell(*_: object) -> None:
        # A loop that has ended already need not be told.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop)

    return tell


def _stop_on_signals(tell: Callable[..., None], tied: bool) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    if tied:
        # Ctrl-C reaches every process of a terminal; the one that started us may still have streams to finish.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop_at_eof(tell: Callable[..., None]) -> None:
    def watch() -> None:
        # Not sys.stdin: a thread that waits in there makes the interpreter abort at exit. No input is an end too.
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        tell()

    threading.Thread(target=watch, daemon=True).start()


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal, or the end of standard input, asks to stop. Raises OSError where it cannot listen."""
    state = State(gap=options.gap, models=[name for name in options.models.split(",") if name],
                  recorder=Recorder(options.record, keep=not options.count_only))
    stop = asyncio.Event()
    tell = _teller(stop.set)
    _stop_on_signals(tell, options.until_eof)
    runner, port = await start(state, options.host, options.port)
    if options.port_file:
        _write_port(options.port_file, port)
    print(url_of(options.host, port), flush=True)
    if options.until_eof:
        _stop_at_eof(tell)
    await stop.wait()
    state.stopping = True
    await runner.cleanup()
    state.recorder.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the mock; return 0 after a signal, 3 where it cannot listen."""
    options = _arguments(argv)
    try:
        asyncio.run(serve(options))
    except OSError as error:
        print(f"mock: cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 3
    finally:
        if options.remove:
            shutil.rmtree(options.remove, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
