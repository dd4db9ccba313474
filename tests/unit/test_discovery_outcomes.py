"""The last recorded outcome of each name, from the ledger's totals and rows."""

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from src.store.engine import Store
from src.store.ledger import LedgerWriter
from src.store.outcomes import Outcome, last_outcomes

from .ledger_support import NOON, entry, ledger_store, open_half
from .store_support import KINDS


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with ledger_store(request.param, tmp_path) as found:
        yield found


def outcome(at: float, status: int | None = 200, error_type: str | None = None) -> Outcome:
    return Outcome(status, error_type, datetime.fromtimestamp(at + 0.3, timezone.utc))


def failed(at: float, **more: Any) -> dict[str, Any]:
    return entry(**{"at": at, "status": 429, "error_type": "rate_limit", **more})


def test_each_name_has_the_outcome_that_was_written_last(store: Store) -> None:
    write = LedgerWriter(store).write
    write([entry(at=NOON - 90 * 3600, alias="rare"), failed(NOON - 7200, alias="a"), entry(at=NOON, alias="b")])
    write([entry(at=NOON + 60, alias="a"), failed(NOON + 120, alias="b"), entry(at=NOON + 130, alias="c")])
    write([failed(NOON + 3600, alias="c", status=None)])
    assert last_outcomes(store) == {
        "rare": outcome(NOON - 90 * 3600), "a": outcome(NOON + 60), "b": outcome(NOON + 120, 429, "rate_limit"),
        "c": outcome(NOON + 3600, None, "rate_limit")}


def test_a_request_under_way_has_no_outcome_yet(store: Store) -> None:
    write = LedgerWriter(store).write
    write([entry(alias="a")])
    write([open_half(entry(at=NOON + 1, alias="a")), open_half(entry(at=NOON + 1, alias="b"))])
    assert last_outcomes(store) == {"a": outcome(NOON)}


def test_an_endpoint_has_an_outcome_under_its_own_name_and_an_alias_wins_over_it(store: Store) -> None:
    write = LedgerWriter(store).write
    write([entry(at=NOON, alias="gpt-5", endpoint="summary"), failed(NOON + 1, alias="gpt-5", endpoint="both"),
           entry(at=NOON + 2, alias="both")])
    assert last_outcomes(store) == {"summary": outcome(NOON), "gpt-5": outcome(NOON + 1, 429, "rate_limit"),
                                    "both": outcome(NOON + 2)}


def test_an_empty_ledger_knows_nothing(store: Store) -> None:
    assert last_outcomes(store) == {}
