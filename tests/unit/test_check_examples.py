"""What `check --explain` shows as wrong is found, and what it shows as right is not: its examples are checked."""

import re
from typing import Any

import pytest

from src.checker.codes import CODES
from src.cli.ledger_prices import PriceBook
from tests.unit.checking import DATABASE, codes, found, subject
from tests.unit.declaring import canary

_LINE = re.compile(r"[A-Z][A-Z0-9_]*=.*")
# Told in words, because they are about flags, rows, packages, files or abilities rather than lines of `.env`.
IN_WORDS = {"GW105", "GW108", "GW110", "GW115", "GW308", "GW416", "GW417", "GW507", "GW508", "GW509", "GW510", "GW602",
            "GW604"}
# About LiteLLM's file alone.
OF_FILES = {code for code in CODES if code.startswith("GW2")} | {"GW313", "GW415", "GW505", "GW706", "GW707"}


def lines(text: str) -> list[str] | None:
    """Return an example's lines of `.env`, None where it is none."""
    found_lines = text.splitlines()
    return found_lines if all(_LINE.fullmatch(line) for line in found_lines) else None


OURS = [code for code, row in CODES.items() if lines(row.wrong) is not None and code not in IN_WORDS | OF_FILES]


def declared(example: list[str]) -> tuple[dict[str, str], str]:
    """Return what an example takes for granted as an environment, and the example as `.env` with keys filled in."""
    text = "\n".join(example)
    names = {line.partition("=")[0] for line in example}
    keys = list(dict.fromkeys(re.findall(r"MODEL_([A-Z0-9]+)_", text)))
    keys += [key.upper() for line in re.findall(r"CHAIN_\w+_MODELS=(.*)", text) for key in line.split(",")
             if key.upper() not in keys]
    chains = re.findall(r"CHAIN_([A-Z0-9]+)_", text)
    env = {f"MODEL_{key}_UPSTREAM_MODEL": "gpt-5" if number == 0 else f"gpt-5-v{number}"
           for number, key in enumerate(keys)}
    env |= {"PROXY_MODEL_KEYS": ",".join(keys).lower()} if keys else {}
    env |= {"PROXY_CHAIN_KEYS": chains[0].lower()} if chains else {}
    env |= {f"CHAIN_{key}_MODELS": ",".join(keys).lower() for key in chains}
    env |= {"LITELLM_MASTER_KEY": canary("9vQ")}
    env |= {name: canary() for name in ("OPENAI_API_KEY", "GEMINI_API_KEY") if keys and f"{name}_FILE" not in names}
    key = "s" + "k-" + "a1B2" * 8
    filled = {"<your key>": key, "<password>": "word", "<12 characters>": "Zr7kQ2vLm9xW", "<a word from an example>":
              "sk-" + "1234", "<the name of the company and a year>": "company-gateway-2026",
              "<what this prints: openssl rand -hex 32>": canary("9vQ")}
    for placeholder, value in filled.items():
        text = text.replace(placeholder, value)
    return {name: value for name, value in env.items() if name not in names}, text


def of_example(text: str, prices: bool) -> list[str]:
    """Return the codes that are found where an example is declared."""
    example = lines(text)
    assert example is not None, text
    env, dotenv = declared(example)
    database = None if "GATEWAY_DATABASE_URL=off" in example else DATABASE
    more: dict[str, Any] = {"files": {"/run/secrets/openai": b"key"}, "database": database}
    unpriced = PriceBook(subject(env, dotenv, **more).plan).unpriced() if prices else ()
    return codes(found(env, dotenv, unpriced=unpriced, **more))


@pytest.mark.parametrize("code", OURS)
def test_the_wrong_example_is_found_and_the_right_one_is_not(code: str) -> None:
    row = CODES[code]
    assert code in of_example(row.wrong, code == "GW601")
    assert code not in of_example(row.right, code == "GW601")


def test_every_example_is_checked_or_told_in_words() -> None:
    assert sorted(set(CODES) - set(OURS) - IN_WORDS - OF_FILES) == []
