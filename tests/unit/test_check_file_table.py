"""The table of keys: read from LiteLLM's source, made once per version, the nearest one where there is none."""

import ast
import json
from datetime import date
from pathlib import Path

import pytest

from src.checker.keys_extract import extract
from src.checker.keys_models import known_model
from src.checker.keys_source import read_by
from src.checker.keys_table import SHAPE, SHIPPED, load_table, save_table
from src.checker.keys_types import fits, type_text, words

from .checking_support import table

PRICES = {
    "sample_spec": {"litellm_provider": "one of"},
    "gpt-9": {"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 128000, "max_output_tokens": 4096,
              "input_cost_per_token": 0.1, "supports_vision": True, "supports_function_calling": True,
              "deprecation_date": "2020-01-31"},
    "acme/one": {"litellm_provider": "acme", "mode": "embedding", "deprecation_date": "soon"},
    "fallback_generalizations": {"rules": [
        {"pattern": "^claude-", "model_info": {"litellm_provider": "anthropic"}}, {"pattern": "x"}]},
}
# A LiteLLM in very short: the files and names that the extraction looks at.
SOURCE = {
    "__init__.py": "import os\nfrom typing import Optional, List, Literal\n"
                   "from litellm.constants import request_timeout, OTHER\n"
                   "_custom_logger_compatible_callbacks_literal = Literal['langfuse']\n"
                   "drop_params: bool = False\nnum_retries: Optional[int] = None\nfallbacks: List = []\n"
                   "plain = 1\nmodel_cost = {}\nsome_models = set()\nUPPER = 1\ndef completion(): ...\n",
    "constants.py": "ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG: frozenset[str] = frozenset({'model_list'})\n"
                    "openai_compatible_endpoints: list = ['api.example.com/v1']\n"
                    "replicate_models: set = set(['r/one'])\n"
                    "OPENAI_CHAT_COMPLETION_PARAMS = ['temperature']\nrequest_timeout = 6\n",
    "router.py": "class Router:\n    def __init__(self, model_list: list, timeout: float | None = None, "
                 "retry_policy: 'RetryPolicy | dict | None' = None): ...\n",
    "main.py": "def completion(model, logit_bias=None): ...\n",
    "utils.py": "optional_params.get('top_k')\n",
    "types/router.py": "import enum\nclass RetryPolicy(LiteLLMBaseModel):\n    TimeoutErrorRetries: int | None = None\n"
                       "class RoutingGroup(LiteLLMBaseModel):\n    group_name: str\n    models: list[str]\n"
                       "class RoutingStrategy(enum.Enum):\n    LEAST_BUSY = 'least-busy'\n"
                       "class GenericLiteLLMParams(LiteLLMBaseModel):\n    rpm: int | None = None\n"
                       "    model_config = 1\nclass LiteLLM_Params(GenericLiteLLMParams):\n    model: str\n"
                       "class ModelInfo(LiteLLMBaseModel):\n    LIMIT: ClassVar[int] = 3\n    id: str | None\n"
                       "class Deployment(LiteLLMBaseModel):\n    model_name: str\n    litellm_params: LiteLLM_Params\n",
    "types/utils.py": "from enum import Enum\nclass LlmProviders(str, Enum):\n    OPENAI = 'openai'\n",
    "types/litellm_params.py": "class Options:\n    no_log: bool = field(metadata=wire('no-log'))\n"
                               "    group: Options\n",
    "proxy/_types.py": "class ConfigGeneralSettings(LiteLLMPydanticObjectBase):\n    master_key: str | None = None\n"
                       "class PluginConfig(LiteLLMPydanticObjectBase):\n    name: str = Field(description='x')\n"
                       "    url: str = Field(default='')\n",
    "proxy/proxy_server.py": "OVERRIDE: str = 'permit_weak'\nclass ProxyConfig:\n"
                             "    async def load_config(self, config):\n        config.get('model_list')\n"
                             "        general_settings.get(OVERRIDE)\n        general_settings['alerting']\n"
                             "        if 'otel' in general_settings: ...\n"
                             "        for key in x:\n            if key == 'special': ...\n"
                             "            elif key in {'one', 'two'}: ...\n"
                             "    def other(self, config):\n        config.get('not_this')\n",
    "proxy/common_utils/callback_utils.py": "def initialize_callbacks_on_proxy():\n"
                                            "    if callback == 'presidio': ...\n",
    "litellm_core_utils/litellm_logging.py": "if callback == \"sentry\": ...\n",
    "llms/openai_like/providers.json": json.dumps({"acme": {}}),
    "integrations/generic_api/generic_api_compatible_callbacks.json": json.dumps({"rubrik": {}}),
    "model_prices_and_context_window_backup.json": json.dumps(PRICES),
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages with a LiteLLM of version 9.1.2."""
    for name, text in SOURCE.items():
        path = tmp_path / "site" / "litellm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "site" / "litellm-9.1.2.dist-info").mkdir()
    return tmp_path / "site"


def test_the_keys_are_read_from_the_source(site: Path) -> None:
    found = extract(site / "litellm", "9.1.2")
    keys = {block: {name: kind for kind, names in kinds.items() for name in names}
            for block, kinds in found["keys"].items()}
    assert found["top"] == ["include", "model_list"]
    assert keys["litellm_settings"]["drop_params"] == "bool|null"
    assert keys["litellm_settings"]["num_retries"] == "int|null"
    assert {"special", "one", "two", "plain", "request_timeout"} <= set(keys["litellm_settings"])
    assert not {"model_cost", "some_models", "completion", "UPPER", "OTHER"} & set(keys["litellm_settings"])
    assert {"master_key", "permit_weak", "alerting", "otel"} <= set(keys["general_settings"])
    assert keys["router_settings"]["timeout"] == "float|null" and "model_list" not in keys["router_settings"]
    assert keys["router_settings"]["retry_policy"] == "dict|null"
    assert {"rpm", "model", "top_k", "no-log", "logit_bias", "temperature"} <= set(keys["litellm_params"])
    assert "group" not in keys["litellm_params"]
    assert keys["model_info"]["id"] == "str|null" and "LIMIT" not in keys["model_info"]
    assert found["nested"]["router_settings.retry_policy"] == {"int|null": ["TimeoutErrorRetries"]}
    assert found["required"] == {"router_settings.routing_groups": ["group_name", "models"],
                                 "general_settings.plugins": ["name"]}
    assert found["strategies"] == ["simple-shuffle", "lar1", "least-busy"]
    assert found["providers"] == ["acme", "openai"]
    assert found["callbacks"] == {"callbacks": ["langfuse", "presidio", "rubrik"],
                                  "logged": ["langfuse", "rubrik", "sentry"]}
    assert found["models"] == {"acme": {"acme/one": ",,!,embedding,soon"}, "=replicate": {"r/one": ",,!"},
                               "openai": {"gpt-9": "128k,4096,tv,,2020-01-31"}}
    assert found["rules"] == [["^claude-", "anthropic"]]


def test_another_version_is_read_once_and_kept(site: Path, tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    first = load_table(environ, path=[str(site)])
    assert (first.version, first.note) == ("9.1.2", "")
    (site / "litellm" / "router.py").unlink()  # read no more
    again = load_table(environ, path=[str(site)])
    assert again.raw == first.raw
    kept = tmp_path / "cache" / "litellm-gateway" / "litellm-9.1.2.json"
    kept.write_text(json.dumps({**again.raw, "shape": SHAPE - 1}), encoding="utf-8")
    assert load_table(environ, path=[str(site)]).note, "an older shape is made again, which fails now"


def test_without_a_place_for_the_cache_it_is_made_each_time(site: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = load_table({"HOME": str(tmp_path / "file")}, path=[str(site)])
    assert (found.version, found.note) == ("9.1.2", "")


def test_the_nearest_shipped_table_stands_in_and_says_so(tmp_path: Path) -> None:
    for version in ("1.80.0", "1.106.2"):
        save_table({**table().raw, "litellm": version}, tmp_path / "shipped" / f"litellm-{version}.json")
    (tmp_path / "litellm").mkdir()
    (tmp_path / "litellm" / "__init__.py").write_text("")
    (tmp_path / "litellm_core-1.90.5.dist-info").mkdir()
    found = load_table({"HOME": str(tmp_path)}, tmp_path / "shipped", [str(tmp_path)])
    assert found.version == "1.80.0" and "LiteLLM 1.90.5 could not be read; those of 1.80.0" in found.note
    nothing = load_table({}, tmp_path / "shipped", [str(tmp_path / "empty")])
    assert "(not installed)" in nothing.note


def test_a_file_is_checked_with_the_table_that_there_is(tmp_path: Path) -> None:
    from dataclasses import replace

    from src.checker.file_check import check_text

    from .checking_support import ENVIRON, MODEL
    noted = replace(table(), note="other keys")
    assert [one.code for one in check_text(MODEL, "config.yaml", ENVIRON, noted)] == ["GW215"]


def test_the_shipped_table_is_small_and_of_this_shape() -> None:
    (file,) = SHIPPED.glob("*.json")
    assert file.stat().st_size < 300_000
    assert json.loads(file.read_text(encoding="utf-8"))["shape"] == SHAPE


def test_a_line_of_the_price_list() -> None:
    known = known_model("openai", "128k,4096,tv,,2020-01-31")
    assert (known.max_input, known.max_output) == (128_000, 4096)
    assert known.tools and known.vision and known.priced
    assert known.retired == date(2020, 1, 31) and known.mode == "chat"
    assert known_model("acme", ",,!,embedding,soon").retired is None


def test_what_code_reads_from_a_mapping() -> None:
    text = "(settings or {}).get('a'); settings['b']; 'c' in settings; 'd' not in settings; settings.pop('e', 1)"
    assert read_by("settings", text) == {"a", "b", "c", "d", "e"}


ANNOTATIONS = [
    ("int | None", "int|null"), ("Optional[float]", "float|null"), ("Union[str, bool]", "str|bool"),
    ("Literal['a', 'b'] | None", "=a|=b|null"), ("list[str]", "list:str"), ("tuple[str, ...]", "list:str"),
    ("List[int]", "list:int"), ("dict[str, int]", "dict:int"), ("Mapping[str, object] | None", "dict|null"),
    ("list[Model]", "list:dict"), ("dict[str, list[str]]", "dict"),
    ("'int | None'", "int|null"), ("Annotated[int, Field(gt=0)]", "int"), ("Final[str]", "str"), ("Model", "dict"),
    ("Kind", "=x|=y"), ("Unknown", "any"), ("float | httpx.Timeout", "any"), ("datetime.datetime | None", "time|null"),
    ("Callable[[int], str]", "any"), ("'not an annotation!'", "any"), ("Literal[1, X]", "any"),
]


@pytest.mark.parametrize(("annotation", "types"), ANNOTATIONS)
def test_annotations_become_types(annotation: str, types: str) -> None:
    node = ast.parse(annotation, mode="eval").body
    assert type_text(node, {"Model": "dict", "Kind": "=x|=y"}) == types


VALUES = [
    # value, kind of node, types, fits where LiteLLM reads numbers from text, and where it does not
    (60, "scalar", "int", True, True), ("60", "scalar", "int", True, False), ("sixty", "scalar", "int", False, False),
    (60.0, "scalar", "int", True, False), (1.5, "scalar", "int", False, False), (True, "scalar", "int", True, False),
    ("1e3", "scalar", "float", True, False), (1, "scalar", "float", True, True), ("x", "scalar", "float", False, False),
    ("yes", "scalar", "bool", True, False), (2, "scalar", "bool", False, False), (5, "scalar", "str", False, False),
    (None, "scalar", "int|null", True, True), (None, "map", "dict", True, True), (None, "list", "dict", False, False),
    (None, "list", "list:str", True, True), ("a", "scalar", "=a|=b", True, True),
    ("c", "scalar", "=a|=b", False, False),
    (None, "map", "any", True, True), ("2020-01-01", "scalar", "time", True, False),
    ("soon", "scalar", "time", False, False), (date(2020, 1, 1), "scalar", "time", True, False),
    (True, "scalar", "time", False, False), (date(2020, 1, 1), "scalar", "str", False, False),
]


@pytest.mark.parametrize(("value", "kind", "types", "lax", "plain"), VALUES, ids=range(len(VALUES)))
def test_values_fit_their_types(value: object, kind: str, types: str, lax: bool, plain: bool) -> None:
    assert (fits(value, kind, types, True), fits(value, kind, types, False)) == (lax, plain)


def test_types_have_words() -> None:
    assert words("int|null") == "a whole number"
    assert words("str|=a|=b|null") == "text or one of a, b"
    assert words("null") == "nothing"
