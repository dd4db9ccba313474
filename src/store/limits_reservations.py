"""What calls under way have reserved of tokens and money, so that it does not outlast those who hold it.

A reservation is written in the transaction that takes its charges and goes in the one that corrects them: that it is
there says that they still stand. It lives as long as its worker renews it, by the database's clock. What nobody renewed
is settled with what the ledger knows of the request, else given back; should the ledger hear of it later, from a file
that a dead worker left, it is charged then, once.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from ..policy.budgets import Reservation, used
from ..policy.costs import Cost
from ..policy.limits import Charge
from .direct import Direct

# Longer than a worker on an overloaded machine stands still.
LEASE_S = 120
# Counters and reservations stay for a while after their windows, so that reports and late corrections find them.
KEPT_S = 86_400
# So few at a time that requests need not wait long behind them.
_MANY = 200
_TABLE, _COUNTERS, _LOGS = "ai_limit_reservations", "ai_limit_counters", "ai_request_logs"
_CLOCK = {"postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)",
          "sqlite": "CAST(strftime('%s', 'now') AS INTEGER)"}
_COLUMNS = "(id, request_id, charges, lease_ends, released, expires)"
# What becomes of a reservation: its holder or the ledger ends it; nobody renewed it; its holder was not dead after all.
# Each says whether the counters still held it.
_CHANGES = {
    "settled": "DELETE FROM {table} WHERE id = ? RETURNING released",
    "released": "UPDATE {table} SET released = TRUE WHERE id = ? AND NOT released AND lease_ends < {clock} "
                "RETURNING FALSE AS released",
    "retaken": "UPDATE {table} SET released = FALSE WHERE id = ? AND released RETURNING TRUE AS released"}
# What a row adds, and what it adds besides where the reservation had been given back. `cap` only carries the sum: that
# of a counter that is there already does not change.
_SUM = "(v.column3 + CASE WHEN e.released THEN v.column4 ELSE 0 END)"
_ADD = (f"INSERT INTO {_COUNTERS} (name, start, used, cap, expires) "
        f"SELECT v.column1, v.column2, CASE WHEN {_SUM} > 0 THEN {_SUM} ELSE 0 END, {_SUM}, v.column5 "
        f"FROM (VALUES {{rows}}) AS v, {{ended}} AS e WHERE TRUE ON CONFLICT (name, start) DO UPDATE "
        f"SET used = CASE WHEN {_COUNTERS}.used + excluded.cap > 0 THEN {_COUNTERS}.used + excluded.cap ELSE 0 END")
_ROW = "(?, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT))"
_FACTS = ("prompt_tokens", "completion_tokens", "cost_pico", "error_type", "ttft_ms", "client_gone", "route")
_LAPSED = (f"SELECT r.id, r.charges, l.request_id, {', '.join(f'l.{name}' for name in _FACTS)} FROM {_TABLE} AS r "
           f"LEFT JOIN {_LOGS} AS l ON l.request_id = r.request_id AND l.ended_at IS NOT NULL "
           f"WHERE r.lease_ends < {{clock}} AND (NOT r.released OR l.request_id IS NOT NULL) LIMIT {_MANY}")


class Part(NamedTuple):
    """What a reservation holds of one counter."""

    name: str
    start: int
    expires: int
    counted: str
    amount: int


class Addition(NamedTuple):
    """What a counter gets; ``back`` comes on top where the reservation had been given back."""

    name: str
    start: int
    by: int
    back: int
    expires: int


class Lapsed(NamedTuple):
    """A reservation that nobody renewed; ``used`` are tokens and micro-dollars by the ledger, where it knows any."""

    id: str
    parts: tuple[Part, ...]
    recorded: bool
    used: tuple[int | None, int | None]


def parts_of(charges: Iterable[Charge]) -> list[Part]:
    """Return what ``charges`` reserve; attempts are used up, whatever becomes of them."""
    return [Part(charge.key, charge.window.start, charge.window.end + KEPT_S, charge.measure.counted, charge.amount)
            for charge in charges if charge.reserves]


class Reservations:
    """The reservations of one store, on the connection of its counters."""

    def __init__(self, direct: Direct) -> None:
        self._direct = direct
        self._clock = _CLOCK[direct.store.database.kind]

    def inserted(self, reservation: Reservation) -> tuple[str, list[Any]]:
        """Return the statement without its condition, and its values, that writes down ``reservation``."""
        parts = parts_of(reservation.charges)
        return (f"INSERT INTO {_TABLE} {_COLUMNS} SELECT ?, ?, ?, {self._clock} + {LEASE_S}, FALSE, CAST(? AS BIGINT)",
                [reservation.id, reservation.request, orjson.dumps([[*part] for part in parts]).decode(),
                 max((part.expires for part in parts), default=0)])

    def settle(self, name: str, additions: Sequence[Addition]) -> None:
        """End a reservation with what corrects its counters; nothing happens where it has ended before."""
        self._change("settled", name, additions)

    def settle_lapsed(self, lapsed: Lapsed) -> None:
        """Charge what the ledger knows; where it knows no tokens or no cost, what was reserved stays charged."""
        real = dict(zip(("tokens", "cost"), lapsed.used))
        self.settle(lapsed.id, [
            Addition(part.name, part.start, 0 if (known := real[part.counted]) is None else known - part.amount,
                     part.amount, part.expires) for part in lapsed.parts])

    def release(self, lapsed: Lapsed) -> None:
        """Give back what nobody renewed, unless somebody did meanwhile."""
        self._change("released", lapsed.id, [
            Addition(part.name, part.start, -part.amount, 0, part.expires) for part in lapsed.parts])

    def renew(self, names: Sequence[str]) -> None:
        """Keep what these reservations hold, and take again what was given back too early."""
        for first in range(0, len(names), _MANY):
            some = names[first:first + _MANY]
            found = self._direct.run(
                f"UPDATE {_TABLE} SET lease_ends = {self._clock} + {LEASE_S} WHERE id IN "
                f"({', '.join('?' * len(some))}) RETURNING id, charges, released", some)
            for name, text, released in found:
                if released:
                    self._change("retaken", name, [
                        Addition(part.name, part.start, 0, part.amount, part.expires) for part in _parts(text)])

    def lapsed(self) -> list[Lapsed]:
        """Return some that nobody renewed: all that hold anything, and those that the ledger has heard of since."""
        return list(_lapsed(self._direct.run(_LAPSED.format(clock=self._clock))))

    def prune(self, at: float) -> None:
        """Remove those whose windows ended long ago."""
        self._direct.run(f"DELETE FROM {_TABLE} WHERE expires < ?", [int(at)])

    def _change(self, how: str, name: str, additions: Sequence[Addition]) -> None:
        change = _CHANGES[how].format(table=_TABLE, clock=self._clock)
        # In one order everywhere, or two transactions of PostgreSQL would wait for each other.
        ordered = sorted(additions)
        rows, values = ", ".join([_ROW] * len(ordered)), [value for one in ordered for value in one]
        if self._direct.postgres:
            self._direct.run(f"WITH ended AS ({change}) {_ADD.format(rows=rows, ended='ended')}", [name, *values])
            return
        self._direct.begin()
        for released, in self._direct.run(change, [name]):
            self._direct.run(_ADD.format(rows=rows, ended=f"(SELECT {int(released)} AS released)"), values)
        self._direct.end()


def _lapsed(rows: Iterable[Sequence[Any]]) -> Iterator[Lapsed]:
    for name, text, recorded, *facts in rows:
        prompt, completion, pico, error, ttft, gone, route = facts
        nothing = route == "count_tokens" or (error is not None and ttft is None and not gone)
        yield Lapsed(name, _parts(text), recorded is not None,
                     used(prompt, completion, Cost(pico, "unknown").micros, nothing))


def _parts(text: str) -> tuple[Part, ...]:
    return tuple(Part(*part) for part in orjson.loads(text))
