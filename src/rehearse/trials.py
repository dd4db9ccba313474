"""The trials of a running gateway: who may call, whether everything answers, streams, moves on, fills and limits."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from ..mock.server import Fault
from ..policy.prompts import Filled, fill
from ..policy.registry import Snapshot
from .asking import PIECES, Answer
from .copying import REQUESTS
from .judging import (Case, answer_problems, auth_problems, cases, limit_problems, stream_problems, template_problems,
                      walk_problems)
from .results import Check, judged
from .stage import Stage
from .targets import STREAMED, Target

# Seconds between chunks: first what a quiet machine needs, then what a busy one does.
_GAPS = (0.06, 0.4)
_INJECTED = {"429": Fault(status=429, retry_after=1), "500": Fault(status=500), "timeout": Fault(hang=True)}


def authentication(stage: Stage, aliases: Sequence[str], declared: Iterable[str]) -> None:
    """Try without a key and with a wrong one, and read the list of models with the right one."""
    began, client = time.monotonic(), stage.client
    probes = {"GET /v1/models without a key": client.get("/v1/models", key=""),
              "GET /v1/models with a wrong key": client.get("/v1/models", key=client.marker())}
    for alias in aliases[:1]:
        probes[f"a request for {alias} without a key"] = client.ask(alias, key="")
        probes[f"a request for {alias} with a wrong key"] = client.ask(alias, key=client.marker())
    listed = client.get("/v1/models")
    names = _listed(listed)
    problems = auth_problems({what: answer.status for what, answer in probes.items()}, names, declared)
    problems += [f"{what} reached the upstream" for what, answer in probes.items() if stage.records(answer.marker)
                 if answer.marker]
    stage.tell(judged("auth", "", problems, f"401 without the key; {len(names)} aliases are listed with it",
                      time.monotonic() - began))


def _listed(answer: Answer) -> list[str]:
    import json
    try:
        return [str(entry["id"]) for entry in json.loads(answer.text)["data"]]
    except (ValueError, KeyError, TypeError):
        return []


def answers(stage: Stage, targets: Sequence[Target]) -> None:
    """Ask every alias once for a whole answer and, where it can, once for a stream."""
    def plain(target: Target) -> None:
        began = time.monotonic()
        answer = stage.client.ask(target.alias, target.path)
        seen = f"{target.path}, {target.walk[0]} answered"
        stage.judge("answers", target, answer, answer_problems(target, answer, stage.seen(answer)), seen, began)
    stage.each(plain, targets)
    for gap in _GAPS:
        targets = _streams(stage, [target for target in targets if target.streams], gap, last=gap == _GAPS[-1])


def _streams(stage: Stage, targets: Sequence[Target], gap: float, last: bool) -> list[Target]:
    """Ask for streams; return those whose chunks were not seen to be spaced, to be tried again more slowly."""
    again = []

    def stream(target: Target) -> None:
        began = time.monotonic()
        answer = stage.client.stream(target.alias, target.path, stage.sent)
        problems = stream_problems(answer)
        if problems and answer.status == 200 and not last:
            again.append(target)
            return
        seen = f"{len(answer.sent)} chunks, the first while the upstream had sent {answer.sent[0]}" if answer.sent \
            else ""
        stage.judge("streams", target, answer, problems, seen, began)
    spoken = Fault(reply="".join(PIECES), chunks=len(PIECES), gap=gap)
    with stage.faults((alias, spoken) for alias in stage.upstreams.places):
        stage.each(stream, targets)
    return again


def chains(stage: Stage, targets: Sequence[Target]) -> None:
    """Inject faults and compare the walks with the declared ones; what cannot disturb each other runs together."""
    began = time.monotonic()
    problems: dict[str, list[str]] = {target.alias: [] for target in targets}

    def one(case: Case) -> None:
        client, target = stage.client, case.target
        answer = client.stream(target.alias, target.path, stage.sent) if case.stream else \
            client.ask(target.alias, target.path)
        problems[target.alias] += walk_problems(case, stage.seen(answer), answer)
    for together in batches([case for target in targets for case in cases(target)]):
        with stage.faults((alias, _INJECTED[case.fault]) for case in together for alias in case.failing):
            stage.each(one, together)
    for target in targets:
        done = cases(target)
        way = " -> ".join(target.walk) if len(target.walk) > 1 else "stays with its own error"
        stage.tell(judged("chain", target.alias, problems[target.alias],
                          f"{way}: 429, 500 and a timeout injected, {len(done)} walks as declared",
                          time.monotonic() - began))


def batches(listed: Sequence[Case]) -> list[list[Case]]:
    """Return the cases in groups: within one no case makes a model fail that another one asks."""
    groups: list[tuple[set[str], set[str], list[Case]]] = []
    for case in listed:
        asked, failing = set(case.target.walk), set(case.failing)
        for used, broken, group in groups:
            if not failing & used and not broken & asked:
                used |= asked
                broken |= failing
                group.append(case)
                break
        else:
            groups.append((asked, failing, [case]))
    return [group for _, _, group in groups]


def limits(stage: Stage, targets: Sequence[Target]) -> None:
    """Ask each limited alias until it refuses: first the models, then the chains that begin with them."""
    for shared in (False, True):
        stage.each(lambda target: _limit(stage, target), [target for target in targets if target.shared == shared])


def _limit(stage: Stage, target: Target) -> None:
    began = time.monotonic()
    # A minute may end in between, and the count begins again.
    told: list[Answer] = []
    while len(told) <= 2 * REQUESTS and not (told and _limited(told[-1], target)):
        told.append(stage.client.ask(target.alias, target.path))
    own = [answer for answer in told if answer.status != 200 or not _moved(answer, target)]
    calls = sum(len(stage.seen(answer)) for answer in own)
    moved = told[len(own):]
    problems = [] if moved else limit_problems(own, 2 * REQUESTS, calls, fresh=not target.shared)
    seen = f"{moved[0].headers.get('x-gateway-model')} answered once {target.walk[0]} might not" if moved else \
        f"429 after {calls} requests{' (a minute ended in between)' if calls > REQUESTS else ''}, " \
        f"Retry-After {told[-1].headers.get('retry-after')}"
    stage.judge("limits", target, told[-1], problems, seen, began)


def _limited(answer: Answer, target: Target) -> bool:
    return answer.status != 200 or _moved(answer, target)


def _moved(answer: Answer, target: Target) -> bool:
    """Tell whether a fallback answered, which is what a limit leads to where there are any."""
    return len(target.walk) > 1 and answer.headers.get("x-gateway-model") in target.walk[1:]


def templates(stage: Stage, rows: Any, targets: Sequence[Target]) -> None:
    """Ask every endpoint on its route; where it has a template, read the filled text in what the mock received."""
    snapshot, by_alias = Snapshot.of(rows), {target.alias: target for target in targets}
    for slug, endpoint in snapshot.endpoints.items():
        target = by_alias.get(endpoint.target)
        if target is None or target.missing:
            reason = target.missing if target else f"{endpoint.target} is not served"
            stage.tell(Check("endpoint", slug, "skipped", reason))
            continue
        _endpoint(stage, slug, endpoint.path, snapshot)


def _endpoint(stage: Stage, slug: str, path: str, snapshot: Snapshot) -> None:
    began = time.monotonic()
    used = snapshot.used_by.get(slug)
    versions = snapshot.templates.get(used) if used else None
    chosen = [version for version in (versions.active, versions.other) if version] if versions else []
    values = {name: f"value of {name}" for version in chosen for name in version.names}
    more: dict[str, Any] = {"prompt_variables": values} if chosen else {}
    answer = stage.client.ask(slug, path, **more)
    records = stage.records(answer.marker)
    problems = [] if answer.status == 200 else [f"answered {answer.status}: {' '.join(answer.text.split())[:160]}"]
    if not problems and not records:
        problems.append("the upstream was not asked")
    if chosen and not problems:
        tried = [template_problems(_parts(fill(version, values)), records[-1].body) for version in chosen]
        problems = [] if [] in tried else tried[0]
    filled = f"; template {used} filled with {len(values)} values" if chosen else ""
    stage.judge("template" if chosen else "endpoint", Target(slug, path, ()), answer, problems,
                f"{path} answered{filled}", began)


def _parts(filled: Filled) -> tuple[str | None, ...]:
    return filled.system, filled.user


def secrets(stage: Stage, targets: Sequence[Target], root: str) -> list[str]:
    """Let every upstream repeat its key in an error; return who told a client an upstream's address."""
    echo = Fault(status=400, echo_key=True, message="The key that you sent is wrong.")
    with stage.faults((alias, echo) for alias in stage.upstreams.places):
        stage.each(lambda target: stage.client.ask(target.alias, target.path), targets)
        stage.each(lambda target: stage.client.stream(target.alias, target.path, stage.sent),
                   [target for target in targets if target.path in STREAMED])
    address = root.partition("//")[2]
    return [f"{answer.marker or 'a list'} was told the upstream's address" for answer in stage.client.answers
            if address in answer.text or address in str(dict(answer.headers))]
