"""The life of one worker, from the fork to its exit. Nothing here returns to the parent's code."""

import atexit
import contextlib
import gc
import os
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from ..config.database import OFF, VARIABLE
from . import canary, environment
from .app import Proxy
from .capture import Capture
from .deathsig import die_with_parent, orphaned
from .generation import Generation
from .order import Order
from .pipe import Teller
from .protocol import bounded
from .server import Patience, WorkerServer
from .shares import Share

EXIT_BOOT_FAILED = 3
# LiteLLM leaves some 80 objects in circles per request (1.106): CPython's 700 collects every few requests, 50,000 stops
# all requests of a worker for 30 to 75 ms every few seconds. Measured at 16 connections.
_GC_THRESHOLDS = (5_000, 20, 50)


@dataclass(frozen=True)
class Job:
    """What is the same for all workers."""

    order: Order
    proxy: Proxy
    listener: socket.socket
    parent: int


@dataclass(frozen=True)
class Task:
    """What this worker is to do: boot ``generation``; say its boot's warnings where it is the first."""

    job: Job
    generation: Generation
    capture: Capture
    first: bool
    share: Share


def run(task: Task, pipe: int) -> NoReturn:
    """Serve until told to leave, then end this process; exit code 0 for a worker that left, 3 for a failed boot."""
    code = EXIT_BOOT_FAILED
    try:
        die_with_parent(signal.SIGKILL)  # until it serves: a hanging boot runs no Python signal handler
        if orphaned(task.job.parent):
            os._exit(0)
        task.capture.begin()
        _serve(task, Teller(pipe))
        code = 0
    except canary.NotServed as error:
        task.capture.restart()  # what uvicorn said about the interrupted lifespan
        print(error, file=sys.stderr)
    except SystemExit as stop:
        if stop.code != STARTUP_FAILURE:  # else LiteLLM has said why
            print(f"LiteLLM ended with exit code {stop.code}", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        _leave(code)


def _serve(task: Task, teller: Teller) -> None:
    job = task.job
    environment.replace({**job.proxy.set_names, **task.generation.environ})
    gc.set_threshold(*_GC_THRESHOLDS)
    if job.order.debug:
        job.proxy.module.litellm._turn_on_debug()  # what its own --detailed_debug does
    server = WorkerServer(_config(task), job.listener, teller, _patience(job.order), lambda: _booted(task),
                          task.share)
    _tell_changes(teller, task.generation)
    _listen_to_signals()
    server.run()


def _tell_changes(teller: Teller, generation: Generation) -> None:
    """Let the hooks tell the parent that rows changed which only a reload can serve."""
    if generation.environ.get(VARIABLE, OFF) != OFF:
        from ..hooks import registry_refresh  # imports SQLAlchemy

        registry_refresh.listeners.append(teller.changed)


async def _booted(task: Task) -> None:
    from ..hooks import inert, runtime

    proxy, generation, debug = task.job.proxy, task.generation, task.job.order.debug
    inert.leave_out(proxy.module, runtime.current().plan.foreign)
    key = generation.environ.get("LITELLM_MASTER_KEY") or proxy.master_key
    await canary.check(proxy.app, key, generation.document.aliases)
    task.capture.end()
    if task.first or debug:
        _repeat(task.capture.said(generation.scrubber, debug))
    task.capture.close()


def _repeat(lines: list[str]) -> None:
    with contextlib.suppress(OSError):  # nobody reads any more: no reason not to serve
        for line in lines:
            print(line, file=sys.stderr, flush=True)


def _config(task: Task) -> uvicorn.Config:
    order, tls = task.job.order, task.generation.tls
    return uvicorn.Config(
        wrapped(task.job.proxy.app, task.generation),
        loop="uvloop",
        http=bounded(order.keepalive, order.send_timeout),
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=order.keepalive,  # type: ignore[arg-type]  # call_later takes fractions
        ssl_context_factory=None if tls is None else lambda config, default: tls,
    )


def wrapped(app: Any, generation: Generation) -> Any:
    """Return LiteLLM's app inside the gateway's own ASGI wrapper."""
    from ..hooks.install import wrap  # the hooks may import LiteLLM, whose environment is set by now

    return wrap(app, generation.environ)


def _patience(order: Order) -> Patience:
    return Patience(keepalive=order.keepalive, reload_grace=order.reload_grace, grace=order.grace)


def _listen_to_signals() -> None:
    """Undo what the parent set up; uvicorn installs its own handlers when it runs."""
    signal.set_wakeup_fd(-1)
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal tells everybody; only the parent decides
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _leave(code: int) -> NoReturn:
    """End without unwinding into the parent's frames; os._exit skips atexit, where LiteLLM flushes its logs (1.106)."""
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
