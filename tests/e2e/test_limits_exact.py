"""A limit is exact: over workers, over a restart, and over two gateways on one PostgreSQL."""

import signal
from pathlib import Path

from src.mock.server import MockUpstream
from tests.e2e.gateway import Gateway, models
from tests.e2e.limits_support import arrived, at_once, rows, run, statuses, within_one_minute
from tests.unit.store_support import fresh_database

LIMIT = 20


def test_exactly_as_many_as_allowed_reach_the_upstream_over_workers_and_a_restart(upstream: MockUpstream) -> None:
    environ = models(upstream.url, "minute", "daily", MODEL_DAILY_RPD=str(LIMIT))
    gateway = Gateway(environ, workers=2)
    run(gateway, "limits", "add", "exact", "--scope", "model", "--target", "minute", "--rpm", str(LIMIT),
        "--action", "reject")
    with gateway:
        at_once([gateway], "daily", 5)  # LiteLLM imports much at the first request
        within_one_minute()
        assert statuses(at_once([gateway], "minute")) == {200: LIMIT, 429: 64 - LIMIT}
        assert arrived(upstream, "minute") == LIMIT
        assert [(row["used"], row["left"]) for row in rows(gateway, limit="exact")] == [(LIMIT, 0)]
        assert gateway.stop(signal.SIGTERM) == 0
        (gateway.home / "stderr").unlink()
        gateway.start()
        gateway.wait_ready()
        assert statuses(at_once([gateway], "daily", 32)) == {200: LIMIT - 5, 429: 32 - LIMIT + 5}
        assert arrived(upstream, "daily") == LIMIT


def test_two_gateways_on_one_postgresql_share_their_limits(upstream: MockUpstream, tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as database:
        environ = models(upstream.url, "shared", "other", GATEWAY_DATABASE_URL=database.url)
        first, second = (Gateway(environ) for _ in range(2))
        run(first, "limits", "add", "both", "--scope", "model", "--target", "shared", "--rpm", str(LIMIT),
            "--action", "reject")
        with first, second:
            at_once([first, second], "other", 4)
            within_one_minute()
            assert statuses(at_once([first, second], "shared")) == {200: LIMIT, 429: 64 - LIMIT}
            assert arrived(upstream, "shared") == LIMIT
