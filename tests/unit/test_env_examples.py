"""The two example files: each starts once its keys are filled in, as it is and with every comment removed."""

import re
from pathlib import Path

import pytest

from src.config.fields import FIELDS
from src.config.settings import VARIABLES

from .declaring import ROOT, canary, declared, refused, run

EXAMPLES = [".env.example", ".env.multi-model.example"]
ASSIGNMENT = re.compile(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
# The values of these are files or folders of the reader's machine.
OPERATORS_FILES = ("GATEWAY_SSL_CERTFILE", "GATEWAY_SSL_KEYFILE", "GATEWAY_RUNTIME_DIR", "GATEWAY_LEDGER_SPILL_DIR")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def uncommented(text: str) -> str:
    """Return the text with every optional line in force; it takes the place of an active line of the same name."""
    optional = {name for hash_mark, name, _ in ASSIGNMENT.findall(text) if hash_mark}
    kept = [line for line in text.splitlines()
            if not (found := ASSIGNMENT.match(line)) or found[1] or found[2] not in optional]
    return ASSIGNMENT.sub(r"\2=\3", "\n".join(kept))


def filled(text: str) -> str:
    """Return the text with a key in place of every empty one."""
    return re.sub(r"^([A-Z0-9_]*_KEY)=$", lambda found: f"{found[1]}={canary()}", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("change", [str, uncommented], ids=["as it is", "uncommented"])
def test_an_example_launches_once_its_keys_are_filled_in(name: str, change: type[str]) -> None:
    plan = declared(dotenv=filled(change(text_of(name))))
    assert plan.checked(launch=True).models
    assert {model.effort for model in plan.models} == {None} or change is uncommented


def test_all_of_the_multi_model_example_is_served_when_uncommented() -> None:
    plan = declared(dotenv=filled(uncommented(text_of(".env.multi-model.example")))).checked(launch=True)
    assert [model.alias for model in plan.models] == [
        "gpt-5", "deepseek-v3.2", "grok-code-fast-1", "groq/openai/gpt-oss-120b", "gemini/gemini-2.5-flash",
        "mistral/mistral-small-latest"]
    assert [model.effort for model in plan.models] == ["medium", "high", "low", None, None, None]
    assert [(chain.alias, chain.models) for chain in plan.chains] == [("default", ("gpt5", "deepseek", "grok"))]
    assert plan.by_key("grok").spec.fallbacks == ("deepseek",)


@pytest.mark.parametrize(("name", "aliases"), [
    (".env.example", ["gpt-5"]), (".env.multi-model.example", ["gpt-5", "deepseek-v3.2", "grok-code-fast-1"])])
def test_an_example_prints_its_models_as_it_is(name: str, aliases: list[str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(text_of(name), encoding="utf-8")
    ran = run("--print-config", cwd=tmp_path)
    assert (ran.code, re.findall(r"^- model_name: (.*)$", ran.text, re.MULTILINE)) == (0, aliases)


@pytest.mark.parametrize(("name", "empty"), [
    (".env.example", ["OPENAI_API_KEY", "LITELLM_MASTER_KEY"]),
    (".env.multi-model.example", ["OPENAI_API_KEY", "OPENROUTER_API_KEY", "XAI_API_KEY", "LITELLM_MASTER_KEY"])])
def test_an_untouched_example_says_which_keys_to_fill_in(name: str, empty: list[str], tmp_path: Path) -> None:
    ran = run("--env-file", str(ROOT / name), cwd=tmp_path)
    refused(ran, *(f"{key} is empty" for key in empty), f"{len(empty)} problems", "openssl rand -hex 32")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_repair_for_the_empty_master_key_works_when_pasted(name: str) -> None:
    """`echo ... >> .env` adds a second line behind the empty one of the example."""
    text = text_of(name).replace("OPENAI_API_KEY=\n", "OPENAI_API_KEY=key\n")
    plan = declared(dotenv=text + f"LITELLM_MASTER_KEY={canary()}\n")
    assert "LITELLM_MASTER_KEY" not in "".join(problem.text() for problem in plan.problems + plan.launch_problems)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_suits_compose_which_knows_neither_quotes_nor_comments_behind_values(name: str) -> None:
    values = [value for _, _, value in ASSIGNMENT.findall(text_of(name))]
    assert [value for value in values if value != value.strip() or set("\"'# ") & set(value)] == []


def test_the_simple_example_names_every_variable_and_every_field() -> None:
    text = text_of(".env.example")
    elsewhere = ("OPENAI_BASE_URL", "PROXY_CHAIN_KEYS")
    assert [v.name for v in VARIABLES if f"{v.name}=" not in text and v.name not in elsewhere] == []
    assert [field.spec for field in FIELDS if f"MODEL_GPT5_{field.suffixes[0]}=" not in text] == []
    assert set(OPERATORS_FILES) <= {name for _, name, _ in ASSIGNMENT.findall(text)}
