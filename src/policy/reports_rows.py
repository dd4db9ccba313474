"""What each report says of a group of requests, from their totals; plain values, formatted by whoever shows them."""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from .costs import Cost
from .reports import BINS, percentile

Sums = Mapping[str, int]
# By (value of the dimension or Unix seconds, error type or nothing), as the store adds them up.
Groups = Mapping[tuple[str | int, str], Sums]
Row = dict[str, Any]

_DURATION = tuple(f"d{number}" for number in range(BINS))
_TTFT = tuple(f"t{number}" for number in range(BINS))
_MONEY = ("cost_micros", "cost_pico_rest", "priced", "free", "unpriced")
_TOKENS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")
COLUMNS = {
    "costs": ("requests", *_MONEY),
    "tokens": ("requests", *_TOKENS),
    "requests": ("requests", "streams", "attempts"),
    "latency": ("requests", *_DURATION, *_TTFT),
    "errors": ("requests",),
}
_SORTED_BY = {"costs": "cost_micros", "tokens": "total_tokens", "requests": "requests", "latency": "p95_ms",
              "errors": "requests"}


def rows_of(kind: str, by: str, groups: Groups) -> list[Row]:
    """Return the rows of a report, the largest first, times in their order. Unknown is None."""
    if kind == "errors":
        rows = _errors(by, groups)
    else:
        outcomes: dict[str | int, dict[str, Sums]] = {}
        for (value, outcome), sums in groups.items():
            outcomes.setdefault(value, {})[outcome] = sums
        rows = [{by: shown(by, value), **_ROWS[kind](found)} for value, found in outcomes.items()]
        rows = [row for row in rows if row["requests"]]
    if by in ("day", "hour"):
        return sorted(rows, key=lambda row: str(row[by]))
    return sorted(rows, key=lambda row: (-(row[_SORTED_BY[kind]] or 0), str(row[by])))


def shown(by: str, value: str | int) -> str | None:
    """Return a group's name: None for requests without one, times in UTC."""
    if isinstance(value, int):
        moment = datetime.fromtimestamp(value, timezone.utc)
        return moment.strftime("%Y-%m-%d" if by == "day" else "%Y-%m-%dT%H:00Z")
    return value or None


def _sum(found: Mapping[str, Sums], *names: str) -> list[int]:
    return [sum(sums[name] for sums in found.values()) for name in names]


def _costs(found: Mapping[str, Sums]) -> Row:
    requests, micros, rest, priced, free, unpriced = _sum(found, *COLUMNS["costs"])
    known = Cost(micros * 1_000_000 + rest if priced + free else None, "priced")
    return {"requests": requests, "cost_micros": known.micros, "priced": priced, "free": free, "unpriced": unpriced,
            "uncounted": requests - priced - free - unpriced}


def _tokens(found: Mapping[str, Sums]) -> Row:
    requests, *tokens = _sum(found, *COLUMNS["tokens"])
    return {"requests": requests, **dict(zip(_TOKENS, tokens)), "total_tokens": tokens[0] + tokens[1]}


def _requests(found: Mapping[str, Sums]) -> Row:
    requests, streams, attempts = _sum(found, *COLUMNS["requests"])
    failed = requests - found.get("", {"requests": 0})["requests"]
    return {"requests": requests, "succeeded": requests - failed, "failed": failed, "streams": streams,
            "attempts": attempts}


def _latency(found: Mapping[str, Sums]) -> Row:
    """Of answered requests alone: how fast errors come tells something else."""
    sums = found.get("")
    if sums is None:
        return {"requests": 0, "p95_ms": None}
    whole, first = [sums[name] for name in _DURATION], [sums[name] for name in _TTFT]
    return {"requests": sums["requests"],
            **{f"p{share}_ms": percentile(whole, share / 100) for share in (50, 90, 95, 99)},
            **{f"ttft_p{share}_ms": percentile(first, share / 100) for share in (50, 95)}}


def _errors(by: str, groups: Groups) -> list[Row]:
    asked: dict[str | int, int] = {}
    for (value, _), sums in groups.items():
        asked[value] = asked.get(value, 0) + sums["requests"]
    return [{by: shown(by, value), "error_type": outcome, "requests": sums["requests"],
             "percent": round(100 * sums["requests"] / asked[value], 1)}
            for (value, outcome), sums in groups.items() if outcome and sums["requests"]]


_ROWS = {"costs": _costs, "tokens": _tokens, "requests": _requests, "latency": _latency}
