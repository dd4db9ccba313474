"""An explanation for people: what was asked, the calls it may lead to, each deployment's values, and the worst case."""

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from ..config.lines import printable
from .aliases import Explanation
from .limits import Met
from .models import Model
from .values import Value, plain
from .variables import Variable
from .walks import Call, Worst

# Text, what it is: a `title`, an `origin`, what `lost`, a `warning`; returns the text with its colour, if any.
Paint = Callable[[str, str], str]
Row = tuple[str, ...]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ALWAYS = ("timeout", "key", "reasoning_effort", "max_output", "retries")
_KINDS = {"model": "a model", "balanced": "several deployments under one name", "chain": "the chain {}",
          "endpoint": "an endpoint"}


def uncoloured(text: str, kind: str) -> str:
    """Return ``text`` as it is."""
    return text


def text_of(one: Explanation, paint: Paint = uncoloured) -> str:
    """Return everything about one alias."""
    lines = [*_head(one, paint), "", paint("Calls", "title"), *_calls(one.calls), "", *_worst(one, paint)]
    for model in one.models:
        lines += ["", paint(f"Deployment {model.key}", "title") + f", alias {model.alias}", *_values(model, paint)]
    lines += ["", paint("Limits", "title"), *_limits(one)]
    lines += ["", paint("Everywhere", "title"), *_rows([_row(value, paint) for value in one.settings.values()])]
    return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    # Colours are ours and stay; names and values are anybody's.
    return "\x1b".join(map(printable, line.split("\x1b")))


def _head(one: Explanation, paint: Paint) -> list[str]:
    what = _KINDS[one.kind].format(one.chain)
    under = f", one of {one.covered_by}" if one.covered_by else ""
    lines = [f"{paint(one.alias, 'title')} is {what}{under}, from {one.source}"]
    if one.endpoint is not None:
        lines += _endpoint(one)
    lines += _rows([_row(value, paint) for value in one.chain_values.values()]) if one.chain_values else []
    lines += [f"  moves on for {word}: {text}" for word, text in one.moves_on.items()]
    if one.switched_off:
        lines.append(paint("  switched off: " + ", ".join(one.switched_off), "warning"))
    return lines


def _endpoint(one: Explanation) -> list[str]:
    found = one.endpoint
    assert found is not None
    defaults = ", ".join(f"{name} {value:g}" for name, value in found.defaults.items())
    parts = [("works on", found.path), ("stands for", found.target), ("adds", defaults),
             ("offers tools", ", ".join(found.tools)), ("puts in", ", ".join(found.templates)),
             ("needs in prompt_variables", ", ".join(found.variables)),
             ("streaming", "" if found.streaming else "refused")]
    return [f"  {name}: {text}" for name, text in parts if text]


def _calls(calls: Sequence[Call]) -> list[str]:
    rows = [(str(number), call.alias, call.when, seconds(call.seconds), money(call.dollars))
            for number, call in enumerate(calls, 1)]
    return _rows([("", "ALIAS", "WHEN", "AT MOST", "AND"), *rows])


def _worst(one: Explanation, paint: Paint) -> list[str]:
    worst = one.worst
    calls = f"{worst.calls} call{'s' if worst.calls != 1 else ''}"
    lines = [f"{paint('Worst case', 'title')}: {calls}, {seconds(worst.seconds)}, {money(worst.dollars)}"]
    if worst.wait_s:
        lines.append(f"  {worst.wait_s:g} s of it in line for room under limits")
    if worst.endless:
        lines.append(f"  no end: {', '.join(worst.endless)} has no TIMEOUT" if len(worst.endless) == 1 else
                     f"  no end: {', '.join(worst.endless)} have no TIMEOUT")
    lines.append("  to the whole answer, or to a stream's first byte; then at most "
                 f"{worst.between_chunks:g} s between chunks")
    return lines + [f"  {text}" for text in _dollars(worst)]


def _dollars(worst: Worst) -> Iterable[str]:
    if worst.unpriced:
        yield f"no amount: of {', '.join(worst.unpriced)} the price, the window or the longest answer is not known"
    elif worst.dollars:
        yield "the amount is for a full context window, the longest answer, and every call billed"


def _values(model: Model, paint: Paint) -> list[str]:
    shown = [value for value in model.values.values()
             if value.value is not None or value.overrode or value.name in _ALWAYS]
    rest = [value.name for value in model.values.values() if value not in shown]
    lines = _rows([_row(value, paint) for value in shown])
    return lines + ([f"  not set: {', '.join(rest)}"] if rest else [])


def _row(value: Value, paint: Paint) -> Row:
    lost = ", ".join(f"{_shown(said.value)} ({said.origin})" for said in value.overrode)
    instead = paint(f"instead of {lost}", "lost") if lost else ""
    return (value.name, _text(value), paint(value.origin, "origin"), instead)


def _text(value: Value) -> str:
    if value.value is None:
        return value.note or "not set"
    unit = f" {value.unit}" if value.unit else ""
    note = f" ({value.note})" if value.note else ""
    return _shown(value.value) + unit + note


def _shown(value: Any) -> str:
    # Here, because a line keeps the escape character of our own colours.
    if isinstance(value, tuple):
        return printable(", ".join(map(str, value))) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else "not set" if value is None else printable(str(plain(value)))


def _limits(one: Explanation) -> list[str]:
    if not one.limits:
        return ["  none"]
    rows = [(met.name, f"{met.scope} {met.subject}", met.counts + (f" of {met.deployment}" if met.deployment else ""),
             ", ".join(met.numbers), _then(met, one), met.origin) for met in one.limits]
    return _rows([("LIMIT", "FOR", "COUNTS", "ALLOWS", "THEN", "FROM"), *rows])


def _then(met: Met, one: Explanation) -> str:
    """Return what becomes of a call for which there is no room."""
    end = "the next model" if met.moves_on in one.moves_on else "429"
    return f"wait up to {met.wait_s:g} s, then {end}" if met.wait_s else end


def table_of(explained: Sequence[Explanation]) -> str:
    """Return one line per alias."""
    rows = [(one.alias, one.chain and f"chain {one.chain}" or one.kind,
             " > ".join(dict.fromkeys(call.alias for call in one.calls)), str(one.worst.calls),
             seconds(one.worst.seconds), money(one.worst.dollars), one.source) for one in explained]
    lines = _rows([("ALIAS", "KIND", "ANSWERED BY", "CALLS", "SECONDS", "DOLLARS", "FROM"), *rows], "")
    return "\n".join(map(_printable, lines))


def text_of_variable(one: Variable, paint: Paint = uncoloured) -> str:
    """Return everything about one variable."""
    flag = f"; the same as {one.flag}" if one.flag else ""
    name, value, origin, lost = _row(one.value, paint)
    lines = [f"{paint(one.name, 'title')}: {one.help}{flag}", *_rows([("value", value), ("from", origin)])]
    return "\n".join(map(_printable, [*lines, *([f"  {lost}"] if lost else [])]))


def seconds(value: float | None) -> str:
    """Return seconds for people."""
    return "no end" if value is None else f"{value:g} s"


def money(value: Decimal | None) -> str:
    """Return dollars for people, rounded up to a hundredth of a cent: a worst case is never understated."""
    if value is None:
        return "$ unknown"
    return f"${value.quantize(Decimal('0.0001'), 'ROUND_CEILING'):f}"


def _rows(rows: Sequence[Row], indent: str = "  ") -> list[str]:
    """Return aligned columns; colours have no width."""
    widths = [max(len(_bare(row[column])) for row in rows) for column in range(len(rows[0]))]
    return [(indent + "  ".join(cell + " " * (width - len(_bare(cell))) for cell, width in zip(row, widths))).rstrip()
            for row in rows]


def _bare(cell: str) -> str:
    return _COLOUR.sub("", cell)
