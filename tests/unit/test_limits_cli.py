"""`limits` and `keys` on the command line: what is shown, what is refused, and that a key is shown once."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection

from src.cli.keys import moment
from src.config.database import parse_database_url
from src.config.readers import BadValue
from src.policy.client_keys import digest_of
from src.store.client_keys import find_key, read_revision
from src.store.engine import open_store

from .declaring import Ran, refused, run_here

ENV = {"PROXY_MODEL_KEYS": "one,two", "MODEL_ONE_UPSTREAM_MODEL": "gpt-5", "MODEL_ONE_API_KEY_ENV": "none",
       "MODEL_ONE_RPM": "60", "MODEL_ONE_FALLBACKS": "two", "MODEL_TWO_UPSTREAM_MODEL": "own",
       "MODEL_TWO_API_KEY_ENV": "none", "PROXY_CHAIN_KEYS": "c", "CHAIN_C_MODELS": "two,one"}


class Line:
    """The command line with a database of its own."""

    def __init__(self, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.home, self._capfd = home, capfd
        self.env = {**ENV, "HOME": str(home), "GATEWAY_DATABASE_URL": f"sqlite:///{home}/x.db"}

    def __call__(self, *arguments: str, **more: str) -> Ran:
        return run_here(*arguments, env={**self.env, **more}, cwd=self.home, capfd=self._capfd)

    def text(self, *arguments: str) -> str:
        ran = self(*arguments)
        assert ran.code == 0, ran
        return ran.text


@pytest.fixture
def line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Line:
    return Line(tmp_path, capfd)


def test_limits_show_tells_every_limit_what_is_left_and_where_it_is_enforced(line: Line) -> None:
    line.text("limits", "add", "month", "--scope", "model", "--target", "gpt-5", "--budget", "5.5", "--headroom", "10",
              "--rpd", "100")
    line.text("keys", "add", "ann", "--tpd", "1000")
    rows = json.loads(line.text("limits", "show", "--json"))
    assert [(row["limit"], row["what"], row["used"], row["left"], row["counted"]) for row in rows] == [
        ("MODEL_ONE", "60 requests per minute", 0, 60, "upstream calls"),
        ("month", "90 requests per day", 0, 90, "upstream calls"),
        ("month", "$5.50 per month", 0, 5_500_000, "upstream calls"),
        ("keys/ann", "1000 tokens per day", 0, 1000, "client requests")]
    assert all("x.db, by every worker" in row["enforced"] and row["resets_at"].endswith("Z") for row in rows)
    assert "per worker" in rows[0]["enforced"]
    assert "refused" in json.loads(line("limits", "show", "--json", GATEWAY_STORE_DOWN="deny").text)[0]["enforced"]
    assert "LIMIT" in line.text("limits", "show") and "budget_micros: 5500000" in line.text("limits", "show", "month")
    assert json.loads(line.text("limits", "show", "month", "--json"))["scope"] == "model"


def test_what_is_left_of_a_budget_is_told_in_dollars(line: Line) -> None:
    line.text("keys", "add", "ann", "--budget", "20.0015")
    assert "$20.0015 per month" in line.text("limits", "show")
    assert line.text("limits", "show").count("$20.0015") == 2 and "$0.00 " in line.text("limits", "show")


def test_no_limits_are_shown_with_the_way_to_one(tmp_path: Path, line: Line) -> None:
    line.env |= {"PROXY_MODEL_KEYS": "two", "PROXY_CHAIN_KEYS": ""}
    assert "limits add" in line.text("limits", "show")
    assert line.text("limits", "explain", "own").strip() == "no limits"


def test_limits_explain_names_what_a_model_its_fallbacks_and_a_chain_meet(line: Line) -> None:
    line.text("limits", "add", "each", "--scope", "user", "--target", "*", "--rpm", "5", "--wait", "2")
    line.text("limits", "add", "own", "--scope", "model", "--target", "own", "--backoff", "fixed", "--backoff-s", "3")
    found = json.loads(line.text("limits", "explain", "gpt-5", "--json"))
    assert [(one["checked"], one["limit"], one["declared"]) for one in found] == [
        ("client request", "each", "registry"), ("call of gpt-5", "MODEL_ONE", "environment"),
        ("call of own", "own", "registry")]
    assert found[0]["action"] == "wait up to 2 s, then 429" and "fixed backoff after 429, 3 s" in found[2]["numbers"]
    assert line.text("limits", "explain", "c").splitlines()[2].startswith("call of own")
    unknown = line("limits", "explain", "gpt-6")
    assert unknown.code == 1 and "did you mean gpt-5" in unknown.err


@pytest.mark.parametrize(("arguments", "said"), [
    (("--scope", "model", "--target", "gpt-5"), "limits nothing"),
    (("--scope", "group", "--target", "gpt-5", "--rpm", "1"), "--scope 'group' must be one of"),
    (("--scope", "model", "--target", "gpt-6", "--rpm", "0", "--headroom", "100", "--reset-zone", "Mars"), "Mars"),
    (("--scope", "model", "--target", "nobody", "--rpm", "1"), "which there is not"),
])
def test_limits_that_make_no_sense_are_refused(line: Line, arguments: tuple[str, ...], said: str) -> None:
    ran = line("limits", "add", "bad", *arguments)
    assert ran.code == 2 and said in ran.err
    assert "bad" not in line.text("limits", "list")


def test_a_limit_of_a_model_that_is_gone_is_refused_with_the_way_to_remove_it(line: Line) -> None:
    line.text("limits", "add", "month", "--scope", "model", "--target", "gpt-5", "--rpm", "5")
    launch = ("--print-config", "--model-spec", "upstream=other,key_env=none")
    refused(line(*launch), "the limit month is for model 'gpt-5'", "src.main limits remove month")
    line.text("limits", "remove", "month")
    assert "model_name: other" in line.text(*launch)


@pytest.mark.parametrize(("option", "example"), [
    ("--rpm", "60"), ("--tpm", "100000"), ("--rpd", "1500"), ("--tpd", "1000000"), ("--budget", "20"),
    ("--expires", "30d"), ("--tier", "gold")])
def test_a_value_that_a_key_cannot_have_is_refused_with_one_that_it_can(
    line: Line, option: str, example: str
) -> None:
    refused(line("keys", "add", "ann", option, "a b"), f"{option} 'a b' must", f"repair: {option} {example}\n")
    line.text("tiers", "add", "gold")
    line.text("keys", "add", "ann", option, example)


@pytest.mark.parametrize("command", [
    ("keys", "add", "ann"), ("limits", "add", "m", "--scope", "user", "--target", "*")])
def test_a_budget_that_is_no_amount_is_refused_as_one(line: Line, command: tuple[str, ...]) -> None:
    ran = line(*command, "--budget", "-1")
    assert ran.code == 2 and "must be US dollars per month" in ran.err and "million" not in ran.err


def test_a_budget_needs_prices_before_a_launch(line: Line) -> None:
    line.text("limits", "add", "month", "--scope", "model", "--target", "own", "--budget", "5")
    key = "k" + digest_of("any")
    refused(line(LITELLM_MASTER_KEY=key), "a budget for own, for which no price is known")


def test_time_zones_of_providers_are_checked(line: Line) -> None:
    assert line("limits", "show", GATEWAY_RESET_ZONES="openai=Asia/Tokyo").code == 0
    refused(line("--print-config", GATEWAY_RESET_ZONES="openai=Mars/Base"), "America/Los_Angeles")


def test_a_key_is_shown_once_and_known_by_its_digest(line: Line) -> None:
    ran = line("keys", "add", "ann", "--models", "gpt-*,own", "--rpm", "5", "--budget", "1.5",
               "--expires", "2099-01-01")
    key = ran.text.strip()
    assert ran.code == 0 and key.startswith("sk-gw-") and "shown this once" in ran.err
    assert f"stored, in sqlite:///{line.home}" in ran.err, "the operator sees which database it is"
    shown = line.text("keys", "list") + line.text("keys", "show", "ann") + line.text("keys", "list", "--json")
    assert key not in shown and digest_of(key) not in shown and "1.5" in shown and "2099-01-01" in shown
    made = json.loads(line("keys", "add", "bob", "--json").text)
    assert made["name"] == "bob" and made["key"].startswith("sk-gw-")
    for path in line.home.rglob("*"):
        assert path.is_dir() or key.encode() not in path.read_bytes()


def test_a_key_is_changed_revoked_and_removed(line: Line) -> None:
    line.text("tiers", "add", "gold")
    line.text("keys", "add", "ann", "--rpm", "5", "--models", "gpt-5", "--expires", "1d")
    line.text("keys", "set", "ann", "--tier", "gold", "--unset", "models", "--unset", "expires")
    found = json.loads(line.text("keys", "show", "ann", "--json"))
    assert (found["tier"], found["models"], found["rpm"], found["expires_at"]) == ("gold", [], 5, None)
    assert "within GATEWAY_CONFIG_TTL" in line.text("keys", "revoke", "ann")
    assert "at once" in line.text("keys", "revoke", "ann", "--now")
    assert json.loads(line.text("keys", "show", "ann", "--json"))["state"] == "revoked"
    assert line("tiers", "remove", "gold").code == 1
    line.text("keys", "remove", "ann", "--now")
    assert line("keys", "show", "ann").code == 1 and "ann" not in line.text("keys", "list")


UNKNOWN = "note: nothing that is declared here fits --models "


@pytest.mark.parametrize(("models", "unknown"), [
    ("gpt-5,own,c", []), ("gpt-*", []), ("xai/grok-4,xai/grok-*,x*", []), ("face", []), ("other,later", []),
    ("nosuch", ["nosuch"]), ("gtp-5,gpt-5,gpt-6-*", ["gtp-5; did you mean gpt-5?", "gpt-6-*"]),
    ("groq/llama,groq/*", ["groq/llama", "groq/*"]), ("grok-4", ["grok-4"]),
])
def test_a_key_for_what_is_not_declared_yet_is_made_with_a_note(line: Line, models: str, unknown: list[str]) -> None:
    line.env |= {"PROXY_MODEL_KEYS": "one,two,many", "MODEL_MANY_UPSTREAM_MODEL": "xai/*"}
    line.text("providers", "add", "unpaid", "--provider", "xai", "--key-env", "GROK_API_KEY")
    for alias in ("other", "late"):
        line.text("models", "add", alias, "--provider", "unpaid")
    line.text("endpoints", "add", "face", "--model", "other")
    line.text("chains", "add", "later", "--models", "late")
    added = line("keys", "add", "ann", "--models", models)
    assert added.code == 0 and added.text.startswith("sk-gw-")
    assert [text.removeprefix(UNKNOWN) for text in added.err.splitlines() if text.startswith("note:")] == unknown
    line.text("keys", "add", "bob")
    changed = line("keys", "set", "bob", "--models", models)
    assert [text.removeprefix(UNKNOWN) for text in changed.err.splitlines()] == unknown


@pytest.mark.parametrize("here", [
    {"PROXY_MODEL_KEYS": ""}, {"PROXY_MODEL_KEYS": "", "OPENAI_API_KEY": "any"}, {"MODEL_ONE_RPM": "many"}])
def test_nothing_is_said_of_names_where_the_declarations_are_elsewhere_or_wrong(
    line: Line, here: dict[str, str]
) -> None:
    line.env |= {"PROXY_CHAIN_KEYS": "", **here}
    added = line("keys", "add", "ann", "--models", "nosuch")
    assert added.code == 0 and "note:" not in added.err


@contextmanager
def stored(line: Line) -> Iterator[Connection]:
    found = parse_database_url(line.env["GATEWAY_DATABASE_URL"], line.home)
    assert found is not None
    with closing(open_store(found)) as store, store.reading() as connection:
        yield connection


def revision(line: Line) -> int:
    """Return how often the gateways on the database were told to read the keys at once."""
    with stored(line) as connection:
        return read_revision(connection)


@pytest.mark.parametrize("verb", ["revoke", "remove"])
def test_every_gateway_hears_at_once_of_a_key_that_ends_now(verb: str, line: Line) -> None:
    for name in ("ann", "bob"):
        line.text("keys", "add", name)
    line.text("keys", verb, "ann")
    assert revision(line) == 0, "without --now they hear of it by themselves"
    line.text("keys", verb, "bob", "--now")
    assert revision(line) == 1
    assert line("keys", verb, "bob", "--now").code == (0 if verb == "revoke" else 1)
    assert revision(line) == (2 if verb == "revoke" else 1)


def test_a_key_that_is_revoked_again_keeps_the_moment_of_its_end(line: Line) -> None:
    line.text("keys", "add", "x" * 64)
    ends = set()
    for _ in range(2):
        line.text("keys", "revoke", "x" * 64)
        with stored(line) as connection:
            ends.add(find_key(connection, "x" * 64).revoked_at)
    assert len(ends) == 1 and None not in ends


@pytest.mark.parametrize(("arguments", "said"), [
    (("add", "a b"), "must not contain spaces"), (("add", "master"), "taken or too long"),
    (("add", "x" * 65), "taken or too long"), (("add", "there"), "exists already"),
    (("add", "new", "--rpm", "0", "--expires", "soon"), "--expires 'soon' must be a date"),
    (("add", "new", "--expires", "9999-12-31T23:59-10:00"), "--expires '9999-12-31T23:59-10:00' must be a date"),
    (("add", "new", "--tier", "nothing"), "has no row 'nothing'"),
    (("set", "there"), "nothing is given"), (("set", "there", "--unset", "name"), "no field that can be cleared"),
    (("set", "there", "--rpm", "1", "--unset", "rpm"), "no field that can be cleared"),
])
def test_mistakes_are_named_and_change_nothing(line: Line, arguments: tuple[str, ...], said: str) -> None:
    line.text("keys", "add", "there")
    before = line.text("keys", "list")
    ran = line("keys", *arguments)
    assert ran.code == 2 and said in ran.err
    assert line.text("keys", "list") == before


def test_moments_are_dates_or_times_from_now() -> None:
    assert moment("2026-12-31") == datetime(2026, 12, 31, tzinfo=timezone.utc)
    assert moment("2026-12-31T12:00:00+02:00") == datetime(2026, 12, 31, 10, tzinfo=timezone.utc)
    assert timedelta(days=27) < moment("4w") - datetime.now(timezone.utc) <= timedelta(days=28)
    with pytest.raises(BadValue):
        moment("2026-13-01")
