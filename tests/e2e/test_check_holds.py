"""`check FILE.yaml` is held to the real LiteLLM: what it calls good boots and serves, and good files are no alarm."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from src.checker.codes import severity
from src.checker.file_check import check_text
from src.checker.findings import Finding
from src.checker.keys_extract import extract
from src.checker.keys_table import SHIPPED, KeyTable, load_table, table_text

from .boots import QUIET, Boots, Question, Verdict
from .file_configs import ENVIRON, Made, changed, good
from .gateway import PYTHONPATH, Gateway, clean_environment, free_port, until

MADE, BOOTED = 300, 10
# The callback that good files name.
HOOKS = "from litellm.integrations.custom_logger import CustomLogger\n\ninstance = CustomLogger()\n"


@pytest.fixture(scope="module")
def boots() -> Iterator[Boots]:
    with Boots() as process:
        yield process


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files")
    (path / "my_hooks.py").write_text(HOOKS, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def table() -> KeyTable:
    return load_table({})


def question(folder: Path, text: str, environ: dict[str, str]) -> Question:
    """Write a file for LiteLLM."""
    path = folder / f"{len(list(folder.glob('*.yaml')))}.yaml"
    path.write_text(text, encoding="utf-8")
    return path, environ


def found(folder: Path, made: Made, table: KeyTable) -> list[Finding]:
    return check_text(made.text, str(folder / "config.yaml"), made.environ, table)


def errors(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if severity(one.code) == "error"]


def promised(findings: list[Finding]) -> bool:
    """Return whether the checker says that the file boots, and names no part of it that it did not check."""
    return not errors(findings) and all(one.code != "GW212" for one in findings)


def test_good_files_are_no_alarm_and_boot(boots: Boots, folder: Path, table: KeyTable) -> None:
    files = [good(random.Random(f"good-{number}")) for number in range(MADE)]
    alarms = [(one.code, one.what, made.text) for made in files for one in errors(found(folder, made, table))]
    assert alarms == []
    sample = files[:BOOTED]
    verdicts = boots.ask(*(question(folder, made.text, made.environ) for made in sample))
    assert [(verdict.fault, made.text) for verdict, made in zip(verdicts, sample) if verdict.fault] == []
    for verdict, made in zip(verdicts, sample):
        assert {entry["model_name"] for entry in made.config["model_list"]} <= set(verdict.listed)


def test_what_is_called_good_boots_whatever_was_changed(boots: Boots, folder: Path, table: KeyTable) -> None:
    """Deleted, renamed, moved, of another type, an environment that lacks something: no false OK."""
    dices = [random.Random(f"changed-{number}") for number in range(MADE)]
    files = [changed(dice, good(dice)) for dice in dices]
    called_good = [made for made in files if promised(found(folder, made, table))]
    assert MADE / 5 < len(called_good) < MADE * 4 / 5, "the dice make both kinds"
    sample = called_good[:BOOTED * 2]
    verdicts = boots.ask(*(question(folder, made.text, made.environ) for made in sample))
    assert [(made.fault, verdict.fault) for verdict, made in zip(verdicts, sample) if verdict.fault] == []


PARAMS: dict[str, object] = {"model": "openai/gpt-5", "api_key": "os.environ/OPENAI_API_KEY"}
MODEL = {"model_name": "gpt-5", "litellm_params": PARAMS}


def with_params(**params: object) -> Made:
    return Made({"model_list": [{**MODEL, "litellm_params": {**PARAMS, **params}}]})


def with_block(name: str, **settings: object) -> Made:
    return Made({"model_list": [MODEL], name: settings})


def with_text(text: str) -> Made:
    return Made({"model_list": [MODEL]}, text_edit=lambda plain: plain + text)


def with_environ(**changes: str | None) -> Made:
    values = {**ENVIRON, **changes}
    return Made({"model_list": [MODEL]}, {name: value for name, value in values.items() if value is not None})


# What LiteLLM refuses or leaves out, with the code that the checker has for it.
REFUSED: dict[str, tuple[str, Made]] = {
    "unset reference": ("GW505", with_environ(OPENAI_API_KEY=None)),
    "no master key": ("GW401", with_environ(LITELLM_MASTER_KEY=None)),
    "empty master key": ("GW401", with_environ(LITELLM_MASTER_KEY="")),
    "known master key": ("GW402", with_environ(LITELLM_MASTER_KEY="sk-1" + "234")),
    "unset master key": ("GW401", with_block("general_settings", master_key="os.environ/NOT_SET")),
    "master key of the file's environment": ("GW401", Made(
        {"model_list": [MODEL], "environment_variables": {"LITELLM_MASTER_KEY": ENVIRON["LITELLM_MASTER_KEY"]}},
        {"OPENAI_API_KEY": "v"})),
    "unknown provider": ("GW706", with_params(model="gorq/llama-3")),
    "bare model": ("GW707", with_params(model="my-finetune")),
    "bare model with a base": ("GW707", with_params(model="my-finetune", api_base="http://127.0.0.1:9/v1")),
    "rpm in words": ("GW102", with_params(rpm="sixty")),
    "version that YAML reads as a date": ("GW102", Made({"model_list": [
        {**MODEL, "litellm_params": {"model": "azure/a", "api_base": "https://a.example.com", "api_key": "none",
                                     "api_version": yaml.safe_load("2024-10-21")}}]})),
    "model that is a mapping": ("GW102", with_params(model={"a": "b"})),
    "broken tag_regex": ("GW102", with_params(tag_regex=["["])),
    "strategy": ("GW102", with_block("router_settings", routing_strategy="usage-based")),
    "fallbacks that are names": ("GW206", with_block("router_settings", fallbacks=["gpt-5"])),
    "retry policy": ("GW102", with_block("router_settings", retry_policy={"TimeoutErrorRetries": "two"})),
    "health check of the router": ("GW202", with_block("router_settings", health_check_interval=30)),
    "callback that is nowhere": ("GW209", with_block("litellm_settings", callbacks=["no_such_module.instance"])),
    "misspelt callback": ("GW209", with_block("litellm_settings", callbacks=["langfus"])),
    "callback without its object": ("GW209", with_block("litellm_settings", callbacks=["my_hooks.missing"])),
    "Redis that is nowhere": ("GW207", with_block("litellm_settings", cache=True)),
    "empty callbacks": ("GW105", with_block("litellm_settings", success_callback=None)),
    "part of LiteLLM": ("GW219", with_block("litellm_settings", model_cost="x")),
    "team without id": ("GW207", with_block("litellm_settings", default_team_settings=[{"team": "a"}])),
    "licence": ("GW213", with_block("general_settings", allowed_ips=["10.0.0.1"])),
    "block that is a list": ("GW206", Made({"model_list": [MODEL], "general_settings": []})),
    "model_list that is a mapping": ("GW206", Made({"model_list": {"gpt-5": {}}})),
    "entry without litellm_params": ("GW207", Made({"model_list": [{"model_name": "a"}]})),
    "entry without model": ("GW207", Made({"model_list": [{"model_name": "a", "litellm_params": {"rpm": 1}}]})),
    "model_info that is text": ("GW206", Made({"model_list": [{**MODEL, "model_info": "chat"}]})),
    "include that is no list": ("GW210", with_text("include: other.yaml\n")),
    "include that is missing": ("GW210", with_text("include: [not-there.yaml]\n")),
    "two documents": ("GW205", with_text("---\na: b\n")),
    "tab": ("GW205", with_text("general_settings:\n\ta: b\n")),
    "unknown tag": ("GW205", with_text("general_settings: !env KEY\n")),
    "no models": ("GW109", Made({"model_list": []})),
}


def test_what_litellm_refuses_has_its_finding(boots: Boots, folder: Path, table: KeyTable) -> None:
    verdicts = boots.ask(*(question(folder, made.text, made.environ) for _, made in REFUSED.values()))
    for (name, (code, made)), verdict in zip(REFUSED.items(), verdicts):
        assert verdict.fault, f"LiteLLM serves it: {name}"
        assert code in [one.code for one in errors(found(folder, made, table))], name


# What LiteLLM's own --validate_config and its start pass over; the checker does not.
PASSED_OVER: dict[str, tuple[str, Made]] = {
    "misspelt block": ("GW208", Made({"model_list": [MODEL], "litellm_setings": {"drop_params": True}})),
    "misspelt setting": ("GW208", with_block("router_settings", num_retrys=3)),
    "misspelt parameter": ("GW208", with_params(temprature=0.3)),
    "duplicate key": ("GW204", with_text("litellm_settings: {}\nlitellm_settings: {drop_params: true}\n")),
    "dangling fallback": ("GW303", with_block("router_settings", fallbacks=[{"gpt-5": ["gpt-55"]}])),
    "setting in the wrong block": ("GW202", with_block("litellm_settings", master_key="os.environ/LITELLM_MASTER_KEY")),
    "shared name": ("GW301", Made({"model_list": [MODEL, {**MODEL, "litellm_params": {"model": "openai/gpt-4o"}}]})),
    "shell reference": ("GW216", with_params(api_key="${OPENAI_API_KEY}")),
}


def test_what_litellm_passes_over_has_its_finding(boots: Boots, folder: Path, table: KeyTable) -> None:
    verdicts = boots.ask(*(question(folder, made.text, made.environ) for _, made in PASSED_OVER.values()))
    for (name, (code, made)), verdict in zip(PASSED_OVER.items(), verdicts):
        assert verdict == Verdict("", verdict.listed), f"LiteLLM refuses it: {name}"
        assert code in [one.code for one in errors(found(folder, made, table))], name


def test_the_shipped_keys_are_those_of_the_installed_litellm(table: KeyTable) -> None:
    from importlib.util import find_spec
    spec = find_spec("litellm")
    assert spec is not None and spec.origin is not None and table.note == ""
    shipped = (SHIPPED / f"litellm-{table.version}.json").read_text(encoding="utf-8")
    made = extract(Path(spec.origin).parent, table.version)
    assert json.loads(table_text(made)) == json.loads(shipped)
    assert table_text(made) == shipped


def test_names_without_provider_are_inferred_as_litellm_does(boots: Boots, table: KeyTable) -> None:
    names = sorted(name for rows in table.raw["models"].values() for name in rows if "/" not in name)
    names += ["my-finetune", "gpt-9", "claude-opus-9-1", "llama3", "gpt-image-9", "ft:gpt-4o:me", "*"]
    wrong = {name: (ours, asked) for name, asked in zip(names, boots.providers(names))
             if bool(ours := table.inferred_provider(name)) != bool(asked)}
    assert wrong == {}


def test_whole_proxies_agree(folder: Path, table: KeyTable) -> None:
    """LiteLLM's own command line with a good and a bad file, and our launcher with the good one."""
    fine, bad = good(random.Random("whole")), with_block("general_settings", master_key="os.environ/NOT_SET")
    assert promised(found(folder, fine, table)) and not promised(found(folder, bad, table))
    paths = [question(folder, made.text, {})[0] for made in (fine, bad)]
    ports = [free_port(), free_port()]
    command = [str(Path(sys.executable).with_name("litellm")), "--host", "127.0.0.1"]
    started = [subprocess.Popen([*command, "--config", str(path), "--port", str(port)], cwd=folder,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env={**clean_environment(measured=False), **QUIET, **made.environ,
                                     "PYTHONPATH": str(folder)})
               for path, port, made in zip(paths, ports, (fine, bad))]
    try:
        with Gateway({**fine.environ, "PYTHONPATH": f"{PYTHONPATH}:{folder}"}, "--config", str(paths[0]),
                     key=fine.environ["LITELLM_MASTER_KEY"]) as gateway:
            served = [gateway.request("GET", "/v1/models").json(), until(lambda: models(ports[0], fine), "LiteLLM")]
        assert started[1].wait(60) != 0
    finally:
        for process in started:
            process.kill()
            process.wait()
    wanted = {entry["model_name"] for entry in fine.config["model_list"]}
    assert all(wanted <= {one["id"] for one in answer["data"]} for answer in served)


def models(port: int, made: Made) -> dict[str, list[dict[str, str]]]:
    """Return the list of models of a proxy, {} while it does not answer."""
    headers = {"authorization": f"Bearer {made.environ['LITELLM_MASTER_KEY']}"}
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/models", headers=headers, timeout=20, trust_env=False)
    except httpx.TransportError:
        return {}
    found: dict[str, list[dict[str, str]]] = answer.json() if answer.is_success else {}
    return found


def test_the_dice_make_every_kind_of_file() -> None:
    kinds = Counter(name for number in range(MADE) for name in good(random.Random(f"good-{number}")).config)
    assert min(kinds[name] for name in ("model_list", "litellm_settings", "general_settings", "router_settings",
                                        "environment_variables")) > 20
