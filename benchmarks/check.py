"""How much a check costs beside what no such program can do without: `import click, yaml, dotenv`.

    python -m benchmarks.check [--rounds 15]

Measured as benchmarks/cli.py does; exit code 1 where a limit is not kept. What is checked is in order, so that no time
goes into suggestions.
"""

import json
import secrets
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.cli import TWO_MODELS, Case, many_models, main

KEYS = {"LITELLM_MASTER_KEY": secrets.token_hex(16), "OPENAI_API_KEY": "benchmark"}
NO_STORE = {"GATEWAY_DATABASE_URL": "off"}


def litellm_file(models: int) -> str:
    """Return a LiteLLM file with so many models; JSON is YAML."""
    entries = [{"model_name": f"alias-{number}", "litellm_params": {
        "model": f"openai/model-{number}", "api_key": "os.environ/OPENAI_API_KEY", "rpm": 60, "timeout": 60},
        "model_info": {"mode": "chat"}} for number in range(models)]
    lines = "\n".join(f"- {json.dumps(entry)}" for entry in entries)
    return f"model_list:\n{lines}\ngeneral_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY\n"


def cases(folder: Path) -> list[Case]:
    """Return what is measured; its files are written into ``folder``."""
    def file(models: int) -> str:
        path = folder / f"{models}.yaml"
        path.write_text(litellm_file(models), encoding="utf-8")
        return str(path)

    def declared(values: Mapping[str, str]) -> dict[str, str]:
        return {**values, **KEYS, **NO_STORE}

    return [
        Case("`check`, 2 models", ("check",), 2.5, declared(TWO_MODELS)),
        Case("`check`, 2 models, with prices", ("check",), 3.5, {**TWO_MODELS, **KEYS}),
        Case("`check`, 1,000 models", ("check",), 7.0, declared(many_models(1_000))),
        Case("`check config.yaml`, 2 models", ("check", file(2)), 3.0, KEYS),
        Case("`check config.yaml`, 1,000 models", ("check", file(1_000)), 10.0, KEYS),
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        sys.exit(main(cases(Path(made)), __doc__))
