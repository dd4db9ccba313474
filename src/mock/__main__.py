"""``python -m <package>.mock``: the mock upstream as a process of its own."""

import argparse
import asyncio
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
    add("--until-eof", action="store_true", help="stop when standard input ends, so as not to outlive the starter")
    add("--remove", type=Path, metavar="FOLDER", help="remove this folder at the end: what the starter made for this run")
    return parser.parse_args(argv)


def _write_port(path: Path, port: int) -> None:
    """Write the port so that a reader never sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(f"{port}\n", encoding="ascii")
    draft.replace(path)


def _stop_on_signals(stop: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))


def _stop_at_eof(stop: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()

    def watch() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(stop)

    threading.Thread(target=watch, daemon=True).start()


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal, or the end of standard input, asks to stop. Raises OSError where it cannot listen."""
    state = State(gap=options.gap, models=[name for name in options.models.split(",") if name],
                  recorder=Recorder(options.record, keep=not options.count_only))
    stop = asyncio.Event()
    _stop_on_signals(stop.set)
    runner, port = await start(state, options.host, options.port)
    if options.port_file:
        _write_port(options.port_file, port)
    print(url_of(options.host, port), flush=True)
    if options.until_eof:
        _stop_at_eof(stop.set)
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
