"""The registry on the command line: the same verbs for every noun, all problems at once, nothing half-done."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from src import main
from src.policy.nouns import NOUNS

from .declaring import Ran, canary, refused, run_here

ENV = {"PROXY_MODEL_KEYS": "one", "MODEL_ONE_UPSTREAM_MODEL": "gpt-5", "MODEL_ONE_API_KEY_ENV": "none"}


class Line:
    """The command line with a database of its own."""

    def __init__(self, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.home, self._capfd = home, capfd
        self.env = {**ENV, "HOME": str(home), "GATEWAY_DATABASE_URL": f"sqlite:///{home}/x.db"}

    def __call__(self, *arguments: str, **more: str) -> Ran:
        return run_here(*arguments, env={**self.env, **more}, cwd=self.home, capfd=self._capfd)

    def text(self, *arguments: str) -> str:
        """Return what a command that must work prints."""
        ran = self(*arguments)
        assert ran.code == 0, ran
        return ran.text

    def json(self, *arguments: str) -> Any:
        """Return what a command prints as JSON."""
        return json.loads(self.text(*arguments, "--json"))


@pytest.fixture
def line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Line:
    return Line(tmp_path, capfd)


FILLED = (
    ("providers", "add", "xai", "--provider", "xai"),
    ("models", "add", "grok-3-mini", "--provider", "xai", "--input-price", "0.3", "--vision"),
    ("tools", "add", "look_up", "--schema", '{"type": "object"}'),
    ("endpoints", "add", "document_summary", "--model", "grok-3-mini", "--path", "/chat/completions",
     "--max-tokens", "800", "--tools", "look_up"),
    ("prompts", "add", "document_summary", "--endpoint", "document_summary", "--system", "You sum up.",
     "--user", "Text: {{document_text}}"),
    ("chains", "add", "safe", "--models", "grok-3-mini,gpt-5", "--on", "on_error,on_cost_exceeded"),
    ("tiers", "add", "gold"),
    ("flags", "set", "enable_streaming", "--off"),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a database once; each test gets a copy."""
    home = tmp_path_factory.mktemp("filled")
    environ = {**ENV, "HOME": str(home), "GATEWAY_DATABASE_URL": f"sqlite:///{home}/x.db"}
    assert [main.run(arguments, environ, home) for arguments in FILLED] == [0] * len(FILLED)
    return home / "x.db"


@pytest.fixture
def filled(line: Line, database: Path, capfd: pytest.CaptureFixture[str]) -> Line:
    shutil.copy(database, line.home / "x.db")
    capfd.readouterr()
    return line


@pytest.mark.parametrize("noun", sorted({arguments[0] for arguments in FILLED}))
def test_every_noun_lists_shows_and_removes(noun: str, filled: Line) -> None:
    (row,) = filled.json(noun, "list")
    name = row[NOUNS[noun].key[0]]
    assert filled.json(noun, "show", name) == row
    assert name in filled.text(noun, "list") and name in filled.text(noun, "show", name)
    assert set(row) == {field.name for field in NOUNS[noun].fields}


@pytest.mark.parametrize("noun, name", [("flags", "enable_streaming"), ("prompts", "document_summary"),
                                        ("tiers", "gold"), ("chains", "safe")])
def test_rows_that_nobody_needs_are_removed(noun: str, name: str, filled: Line) -> None:
    assert filled.text(noun, "remove", name).startswith("- ")
    assert filled.json(noun, "list") == []


def test_options_are_stored_as_typed(filled: Line) -> None:
    model = filled.json("models", "show", "grok-3-mini")
    assert (model["model_id"], model["input_price_micros"], model["vision"], model["tools"]) == (
        "grok-3-mini", 300_000, True, None)
    assert model["price_source"] == "operator"
    chain = filled.json("chains", "show", "safe")
    assert (chain["alias"], chain["models"], chain["triggers"]) == ("safe", ["grok-3-mini", "gpt-5"], ["error", "cost"])
    assert filled.json("flags", "list")[0]["enabled"] is False


def test_only_what_is_given_changes(filled: Line) -> None:
    before = filled.json("models", "show", "grok-3-mini")
    said = filled.text("models", "set", "grok-3-mini", "--no-vision", "--output-price", "1.25",
                       "--unset", "input-price")
    assert "vision True -> False" in said and "output_price_micros unset -> 1250000" in said
    after = filled.json("models", "show", "grok-3-mini")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"vision", "output_price_micros", "input_price_micros"}
    assert filled.text("models", "set", "grok-3-mini", "--no-vision") == "nothing changes\n"


def test_a_flag_is_set_per_scope(filled: Line) -> None:
    filled.text("flags", "set", "enable_streaming", "--on", "--tier", "gold")
    filled.text("flags", "set", "enable_streaming", "--off", "--tier", "gold", "--environment", "dev")
    assert [(row["tier"], row["environment"], row["enabled"]) for row in filled.json("flags", "list")] == [
        (None, None, False), ("gold", None, True), ("gold", "dev", False)]
    filled.text("flags", "remove", "enable_streaming", "--tier", "gold", "--environment", "dev")
    assert len(filled.json("flags", "list")) == 2
    refused(filled("flags", "show", "enable_streaming", "--environment", "prod"), "environment=prod", code=1)


def test_a_changed_template_is_a_new_version_and_can_be_rolled_back(filled: Line) -> None:
    assert "version 2, active" in filled.text("prompts", "set", "document_summary", "--user", "New {{x}}")
    assert "version 3, for 20 %" in filled.text("prompts", "set", "document_summary", "--system", "B", "--share", "20")
    rows = filled.json("prompts", "list")
    assert [(row["version"], row["active"], row["share"]) for row in rows] == [
        (1, False, None), (2, True, None), (3, False, 20)]
    assert rows[2]["user_template"] == "New {{x}}" and rows[2]["endpoint"] == "document_summary"
    filled.text("prompts", "activate", "document_summary", "1")
    assert [row["active"] for row in filled.json("prompts", "list")] == [True, False, False]
    assert filled.json("prompts", "show", "document_summary")["version"] == 1
    filled.text("prompts", "remove", "document_summary", "--version", "3")
    assert len(filled.json("prompts", "list")) == 2
    refused(filled("prompts", "activate", "document_summary", "9"), "version=9", code=1)
    refused(filled("prompts", "activate", "document_summary", "x"), "N 'x' must be")
    refused(filled("prompts", "set", "document_summary"), "nothing is given to change")


def test_a_template_is_tried_without_sending_anything(filled: Line) -> None:
    assert filled.text("prompts", "try", "document_summary", "--var", "document_text=a=b") == (
        "system: You sum up.\nuser: Text: a=b\n")
    assert filled.json("prompts", "try", "document_summary", "--var", "document_text=x", "--version", "1")[1] == {
        "role": "user", "content": "Text: x"}
    refused(filled("prompts", "try", "document_summary"), "'document_text'")


def test_long_texts_come_from_files(filled: Line) -> None:
    (filled.home / "schema.json").write_text('{"type": "object", "title": "T"}')
    filled.text("tools", "set", "look_up", "--schema", "@schema.json")
    assert filled.json("tools", "show", "look_up")["schema"]["title"] == "T"
    refused(filled("tools", "set", "look_up", "--schema", "@gone.json"), "cannot be read: No such file")
    (filled.home / "latin").write_bytes(b"\xff")
    refused(filled("prompts", "set", "document_summary", "--system", "@latin"), "not UTF-8")


@pytest.mark.parametrize("arguments, said", [
    (("models", "show", "grok-3-mni"), "there is no model grok-3-mni; did you mean grok-3-mini?"),
    (("endpoints", "set", "nothing", "--max-tokens", "1"), "there is no endpoint nothing"),
    (("providers", "remove", "nothing"), "there is no provider nothing"),
])
def test_what_is_not_there_is_told_with_the_nearest_name(arguments: tuple[str, ...], said: str, filled: Line) -> None:
    refused(filled(*arguments), said, code=1)


@pytest.mark.parametrize("arguments, said", [
    (("models", "add", "m", "--provider", "xai", "--mode", "x", "--input-price", "y"),
     ("--mode 'x'", "repair: --mode chat\n", "repair: --input-price 1.25\n")),
    (("models", "add", "m"), ("the model needs provider",)),
    (("models", "add", "grok-3-mini", "--provider", "xai"), ("exists already", "models set grok-3-mini")),
    (("models", "add", "m", "--provider", "xia"), ("there is no provider 'xia'", "providers add xia")),
    (("endpoints", "add", "e"), ("needs a model or a chain",)),
    (("endpoints", "add", "gpt-5", "--model", "grok-3-mini"), ("declared elsewhere",)),
    (("providers", "add", "p", "--provider", "openai", "--base-url", "https://e.test", "--key-env", "LITELLM_X"),
     ("GATEWAY_ALLOWED_BASES", "gateway's own")),
    (("providers", "remove", "xai"), ("still used by model grok-3-mini",)),
    (("models", "set", "grok-3-mini", "--unset", "provider", "--unset", "moed"), ("'provider'", "did you mean mode?")),
    (("tiers", "add", "a b"), ("NAME 'a b' must not", "repair: NAME such as house\n")),
    (("prompts", "add", "empty"), ("neither a system prompt nor",)),
])
def test_every_problem_is_told_and_nothing_is_stored(arguments: tuple[str, ...], said: tuple[str, ...],
                                                     filled: Line) -> None:
    before = filled.text("registry", "export")
    refused(filled(*arguments), *said)
    assert filled.text("registry", "export") == before


def test_a_key_typed_where_a_name_belongs_is_not_repeated(line: Line) -> None:
    secret = canary() + "!"
    ran = line("providers", "add", "p", "--provider", "xai", "--key-env", secret, "--base-url", f"https://{secret}@h")
    refused(ran, "never a key itself", "without user")
    assert secret not in ran.err


def test_the_document_is_imported_as_a_whole_or_not_at_all(filled: Line) -> None:
    exported = filled.text("registry", "export")
    filled.text("registry", "export", "--output", "r.yaml")
    assert (filled.home / "r.yaml").read_text() == exported
    assert filled.text("registry", "import", "r.yaml") == "nothing changes\n"
    document = yaml.safe_load(exported)
    document["tiers"] = [{"name": "silver"}]
    document["providers"][0]["key_env"] = "GATEWAY_X"
    (filled.home / "bad.yaml").write_text(yaml.safe_dump(document))
    ran = filled("registry", "import", "bad.yaml")
    refused(ran, "+ tier silver", "gateway's own")
    assert filled.text("registry", "export") == exported
    document["providers"][0]["key_env"] = "none"
    (filled.home / "good.yaml").write_text(yaml.safe_dump(document))
    trial = filled.text("registry", "import", "good.yaml", "--replace", "--dry-run")
    assert trial == "+ tier silver\n- tier gold\n~ provider xai: key_env unset -> none\n3 rows would change\n"
    assert filled.text("registry", "export") == exported
    assert filled.text("registry", "import", "good.yaml", "--replace") == trial.replace("would change", "changed")
    refused(filled("registry", "import", "gone.yaml"), "gone.yaml cannot be read")


def test_seeding_adds_the_known_models_once_and_keeps_what_operators_made(line: Line) -> None:
    line.text("providers", "add", "xai", "--provider", "xai", "--timeout", "9")
    line.text("models", "add", "grok-3", "--provider", "xai", "--input-price", "1")
    said = line.text("registry", "seed")
    assert "+ model grok-3-mini\n" in said and "provider xai" not in said
    models = {row["alias"]: row for row in line.json("models", "list")}
    grok = {"grok-2-vision-1212", "grok-2-image-1212", "grok-3", "grok-3-fast", "grok-3-mini", "grok-3-mini-fast"}
    assert grok <= set(models)
    assert {row["provider"] for row in line.json("providers", "list")} == {
        "xai", "openai", "deepseek", "groq", "gemini", "mistral", "openrouter"}
    assert models["grok-3"]["input_price_micros"] == 1_000_000
    assert models["gpt-5"]["input_price_micros"] == 1_250_000 and "price file" in models["gpt-5"]["price_source"]
    assert models["grok-3-mini"]["input_price_micros"] is None and models["grok-3-mini"]["price_source"] is None
    exported = line.text("registry", "export")
    assert line.text("registry", "seed") == "nothing changes\n"
    assert line.text("registry", "export") == exported


def test_without_a_database_the_commands_say_so(line: Line) -> None:
    refused(line("models", "list", GATEWAY_DATABASE_URL="off"), "GATEWAY_DATABASE_URL=off")
    refused(line("models", "list", GATEWAY_DATABASE_URL="mysql://x/y"), "GATEWAY_DATABASE_URL must be")


# --- the registry in a plan ------------------------------------------------------------------------------------


def test_printing_shows_registry_models_last(filled: Line) -> None:
    ran = filled("--print-config", XAI_API_KEY="x")
    assert [entry["model_name"] for entry in yaml.safe_load(ran.text)["model_list"]] == ["gpt-5", "grok-3-mini", "safe"]


def test_printing_creates_no_database(line: Line) -> None:
    assert line("--print-config").code == 0
    assert not (line.home / "x.db").exists()


def test_an_empty_database_changes_no_byte(line: Line) -> None:
    before = line("--print-config").text
    line.text("tiers", "list")
    assert (line.home / "x.db").exists() and line("--print-config").text == before


def test_a_database_that_was_asked_for_and_fails_is_an_error(line: Line) -> None:
    away = "postgresql://me@127.0.0.1:1/x?connect_timeout=1"
    refused(line("--print-config", GATEWAY_DATABASE_URL=away), "postgresql://me@127.0.0.1:1/x", code=1)
    key = {"LITELLM_MASTER_KEY": canary("master"), "GATEWAY_DATABASE_URL": away}
    refused(line("--launch-document", **key), "postgresql://me@127.0.0.1:1/x", code=3)


def test_a_default_database_that_fails_is_a_note(line: Line) -> None:
    (line.home / "state").write_text("not a folder")
    del line.env["GATEWAY_DATABASE_URL"]
    ran = line("--launch-document", LITELLM_MASTER_KEY=canary("master"), XDG_STATE_HOME=str(line.home / "state"))
    document = json.loads(ran.text)
    assert document["env"]["GATEWAY_DATABASE_URL"] == "off"
    assert any("going on without it" in note for note in document["notes"])


def test_a_default_database_that_is_no_database_now_is_tried_again_by_the_workers(line: Line) -> None:
    folder = line.home / "state" / "litellm-gateway"
    folder.mkdir(parents=True)
    (folder / "gateway.db").write_text("what stands here is no SQLite, as on a disk that is being restored")
    del line.env["GATEWAY_DATABASE_URL"]
    ran = line("--launch-document", LITELLM_MASTER_KEY=canary("master"), XDG_STATE_HOME=str(line.home / "state"))
    document = json.loads(ran.text)
    assert document["env"]["GATEWAY_DATABASE_URL"].endswith("/litellm-gateway/gateway.db")
    assert any("caught up with" in note for note in document["notes"])


def test_a_newer_database_refuses_the_launch_and_names_both_revisions(filled: Line) -> None:
    import sqlite3
    with sqlite3.connect(filled.home / "x.db") as connection:
        connection.execute("UPDATE ai_schema_version SET version_num = '9999_future'")
    refused(filled("--launch-document", LITELLM_MASTER_KEY=canary("master")), "9999_future", "000", code=3)
    refused(filled("models", "list"), "9999_future", code=1)
    refused(filled("--print-config"), "9999_future", code=1)


def test_printing_leaves_an_older_database_as_it_is(filled: Line) -> None:
    import sqlite3
    with sqlite3.connect(filled.home / "x.db") as connection:
        connection.execute("UPDATE ai_schema_version SET version_num = '0001_registry'")
    ran = filled("--print-config")
    assert ran.code == 0 and "not migrated yet" in ran.err


def test_a_launch_hands_the_absolute_database_to_the_workers(line: Line) -> None:
    line.env["GATEWAY_DATABASE_URL"] = "sqlite:///rel.db"
    ran = line("--launch-document", LITELLM_MASTER_KEY=canary("master"), XDG_STATE_HOME=str(line.home))
    assert json.loads(ran.text)["env"]["GATEWAY_DATABASE_URL"] == f"sqlite:///{line.home}/litellm-gateway/rel.db"
