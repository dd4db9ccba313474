"""A LiteLLM file, imported, serves what it served before: its aliases, with their keys, fallbacks and headers."""

import subprocess
import sys
from pathlib import Path

from src.mock.server import Fault, MockUpstream
from tests.e2e.gateway import ROOT, Gateway, canary

FILE = """
model_list:
- model_name: first
  litellm_params:
    model: openai/upstream-one
    api_base: {base}
    api_key: {key}
    num_retries: 0
    extra_headers: {{X-Title: imported}}
- model_name: second
  litellm_params: {{model: openai/upstream-two, api_base: {base}, api_key: os.environ/SECOND_KEY, max_tokens: 77}}
router_settings:
  fallbacks: [{{first: [second]}}]
  model_group_alias: {{other-name: second}}
general_settings: {{master_key: os.environ/LITELLM_MASTER_KEY}}
"""


def test_an_imported_file_serves_what_it_served_before(upstream: MockUpstream, tmp_path: Path) -> None:
    first, second = canary("first"), canary("second")
    (tmp_path / "config.yaml").write_text(FILE.format(base=upstream.url, key=first), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "src.main", "import", "config.yaml", "--strict"], cwd=tmp_path,
                          env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=True)
    key = canary("master")
    dotenv = done.stdout.replace("#LITELLM_MASTER_KEY=", f"LITELLM_MASTER_KEY={key}")
    with Gateway({"SECOND_KEY": second}, dotenv=dotenv, key=key) as gateway:
        assert gateway.chat("first").status_code == 200
        asked = upstream.requests[-1]
        assert (asked.model, asked.key, asked.headers["x-title"]) == ("upstream-one", first, "imported")
        assert gateway.chat("other-name").status_code == 200
        asked = upstream.requests[-1]
        assert (asked.model, asked.key, asked.body["max_tokens"]) == ("upstream-two", second, 77)
        upstream.faults["upstream-one"] = Fault(status=500)
        assert gateway.chat("first").status_code == 200
        assert [one.model for one in upstream.requests[-2:]] == ["upstream-one", "upstream-two"]
