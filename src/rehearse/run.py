"""One whole rehearsal: mock and gateway up, the trials, the end of the gateway, and what is left behind it."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.plan import LaunchPlan
from ..errors import NotStarted
from ..launch.document import Generation
from ..mock.server import Fault, MockUpstream
from . import trials
from .asking import PIECES, Answer, Client
from .canaries import Canaries
from .copying import Copied, changes, copied, has_limits, limit_rows
from .judging import ledger_problems, stream_problems
from .network import DeadEnd
from .process import Child
from .results import Check, Report, judged
from .stage import Stage
from .targets import targets, upstreams

MASTER = "LITELLM_MASTER_KEY"
_SHUTDOWN_GAP_S = 0.25
_GRACE_S = 30.0


@dataclass(frozen=True)
class Subject:
    """What is rehearsed. ``folder`` is private and removed by its owner; ``database`` a URL in there, or `off`.

    ``write_limits`` replaces the registry's limits in that database, ``rows`` reads its ledger; both are None where
    there is no database.
    """

    plan: LaunchPlan
    generation: Generation
    package: str
    environ: Mapping[str, str]
    folder: Path
    database: str
    own_file: bool = False
    write_limits: Callable[[Sequence[Mapping[str, Any]]], None] | None = None
    rows: Callable[[], list[dict[str, Any]]] | None = None


def rehearse(subject: Subject, tell: Callable[[Check], None]) -> Report:
    """Return what was found; ``tell`` hears each check at once. Leaves neither process nor thread behind."""
    began = time.monotonic()
    told: list[Check] = []

    def hear(check: Check) -> None:
        told.append(check)
        tell(check)
    canaries = Canaries(subject.plan.secrets)
    for name in (MASTER, *subject.generation.plan.get("secret_names", ())):
        canaries.of(str(name))
    error, notes = None, list[str]()
    with MockUpstream() as mock, DeadEnd() as dead_end:
        run = _Run(subject, canaries, mock, dead_end, hear)
        try:
            notes = run.run()
        except NotStarted as failure:
            error = failure
    names = [check.name for check in told]
    places = {target.alias: number for number, target in enumerate(run.targets)}
    told.sort(key=lambda check: (names.index(check.name), places.get(check.subject, len(places))))
    return Report(tuple(told), tuple(notes), subject.generation.hash, time.monotonic() - began, error)


class _Run:
    def __init__(self, subject: Subject, canaries: Canaries, mock: MockUpstream, dead_end: DeadEnd,
                 tell: Callable[[Check], None]) -> None:
        self.subject, self.canaries, self.mock, self.dead_end, self.tell = subject, canaries, mock, dead_end, tell
        self.root = mock.url.removesuffix("/v1")
        self.targets = targets(subject.generation.plan, subject.generation.config)
        self.tried = [target for target in self.targets if not target.missing]

    def copied(self, limited: bool) -> Copied:
        """Return the copy, and bring the database's limits to the same state."""
        generation = self.subject.generation
        if self.subject.write_limits is not None:
            self.subject.write_limits(limit_rows((generation.plan.get("registry") or {}).get("limits") or (), limited))
        return copied(generation, self.root, self.canaries, self.subject.database, limited, self.subject.own_file)

    def run(self) -> list[str]:
        """Rehearse; return what the copy changed."""
        subject = self.subject
        limited = has_limits(subject.generation.plan) and _can_reload()
        copy = self.copied(limited)
        environ = {**self.canaries.instead(subject.environ), **self.dead_end.environment}
        with Child(subject.plan, subject.folder, subject.package, environ, self.canaries.of(MASTER)) as child:
            self._boot(child, copy)
            client = Client(child.url, self.canaries.of(MASTER))
            try:
                stage = Stage(client, self.mock, upstreams(copy.generation.plan, copy.places), self.canaries, self.tell)
                self._try(stage, child, limited)
                self._end(stage, child)
            finally:
                client.close()
        return [*changes(subject.generation.plan), *copy.notes]

    def _boot(self, child: Child, copy: Copied) -> None:
        began = time.monotonic()
        try:
            child.start(copy.generation)
        except NotStarted as error:
            self.tell(Check("boots", "", "failed", error.problems[0].what, time.monotonic() - began))
            raise
        seconds = time.monotonic() - began
        self.tell(Check("boots", "", "passed", f"ready after {seconds:.1f} s", seconds))
        for target in self.targets:
            if target.missing:
                self.tell(Check("upstream", target.alias, "skipped", target.missing))

    def _try(self, stage: Stage, child: Child, limited: bool) -> None:
        declared = [target.alias for target in self.targets]
        rows = self.subject.generation.plan.get("registry") or {}
        declared += [str(row["slug"]) for row in rows.get("endpoints") or ()]
        trials.authentication(stage, [target.alias for target in self.tried], declared)
        if limited:
            trials.limits(stage, [target for target in self.tried if target.limited])
            began = time.monotonic()
            wrong = child.reload(self.copied(limited=False).generation)
            stage.client.renew()
            self.tell(judged("reload", "", [wrong], "limits lifted, no restart", time.monotonic() - began))
        trials.answers(stage, self.tried)
        trials.chains(stage, self.tried)
        trials.templates(stage, rows, self.targets)

    def _end(self, stage: Stage, child: Child) -> None:
        began = time.monotonic()
        addresses = trials.secrets(stage, self.tried, self.root)
        self._shutdown(stage, child)
        places = [("the log", child.said.encode()), *_files(self.subject.folder)]
        places += [(f"the answer to {answer.marker or 'a list'}", _bytes(answer)) for answer in stage.client.answers]
        found = self.canaries.found_in(places)
        found += self.canaries.real_in((f"a call of {record.model}", str(record.headers).encode())
                                       for record in self.mock.requests)
        self.tell(judged("secrets", "", [*found, *addresses], f"{len(self.canaries.values)} canary keys, echoed by the "
                         f"upstreams, found in none of {len(places)} outputs, answers and files",
                         time.monotonic() - began))
        self._ledger(stage)
        self.tell(judged("network", "", [_asked(place) for place in dict.fromkeys(self.dead_end.asked)],
                         f"{len(self.mock.requests)} calls to the mock, none elsewhere"))

    def _shutdown(self, stage: Stage, child: Child) -> None:
        """Stop the gateway while a stream runs; it must be read to its end, and the exit code be 0."""
        stage.client.renew()  # an idle connection with TLS would be waited for until the grace period ends
        target = next((target for target in self.tried if target.streams), None)
        began, first, told = time.monotonic(), threading.Event(), list[Answer]()
        if target is None:
            child.terminate()
        else:
            slow = Fault(reply="".join(PIECES), chunks=len(PIECES), gap=_SHUTDOWN_GAP_S)
            with stage.faults((alias, slow) for alias in target.walk):
                thread = threading.Thread(target=lambda: told.append(
                    stage.client.stream(target.alias, target.path, stage.sent, first)), daemon=True)
                thread.start()
                first.wait(_GRACE_S)
                child.terminate()
                thread.join(2 * _GRACE_S)
        code = child.wait(2 * _GRACE_S)
        problems = [problem for answer in told for problem in stream_problems(answer)]
        problems += [] if code == 0 else [f"exit code {code}" if code is not None else "it did not end"]
        what = "a stream in flight was read to its end" if target else "no stream to try"
        self.tell(judged("shutdown", "", problems, f"SIGTERM: {what}, exit code 0", time.monotonic() - began))

    def _ledger(self, stage: Stage) -> None:
        mode = str((self.subject.generation.plan.get("ledger") or {}).get("mode"))
        if self.subject.rows is None or mode == "off":
            self.tell(Check("ledger", "", "skipped", "there is no database" if mode != "off" else "GATEWAY_LEDGER=off"))
            return
        rows = self.subject.rows()
        calls = {name: len(stage.seen(answer)) for answer in stage.client.answers
                 if answer.marker and (name := answer.headers.get("x-gateway-request-id"))}
        self.tell(judged("ledger", "", ledger_problems(calls, rows),
                         f"{len(rows)} rows for {len(calls)} requests and {sum(calls.values())} upstream calls"))


def _asked(place: str) -> str:
    # LiteLLM 1.106 (utils.py, _select_tokenizer) fetches a tokenizer for llama models, and waits for it.
    hint = "; set litellm_settings.disable_hf_tokenizer_download: true" if "huggingface" in place else ""
    return f"{place} was asked for, and refused{hint}"


def _can_reload() -> bool:
    return hasattr(os, "fork")


def _bytes(answer: Answer) -> bytes:
    return (answer.text + str(dict(answer.headers)) + answer.broken).encode()


def _files(folder: Path) -> list[tuple[str, bytes]]:
    """Return what lies in the folder: the database with its rows, spill files, whatever the gateway wrote."""
    return [(f"the file {path.name}", path.read_bytes()) for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink()]
