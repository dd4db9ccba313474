"""The text of rendered documents: read alike by every reader, named as it was written, with no secret in it."""

from typing import Any

import pytest
import yaml

from src import __version__
from src.config.environment import Secret
from src.deploy.sizes import volume
from src.deploy.target import PLACEHOLDER, Target
from src.deploy.text import comment, document
from src.errors import UsageProblem

from .deploying import HOME, compose_of, container, k8s_of, kinds, planned, service

LONG = "word " * 60 + "end"
SHARED = {"list": ["xx", "yy"]}


@pytest.mark.parametrize("value, lines", [
    ({"key": LONG}, [f"key: {LONG}"]), ({"key": f"{LONG}: {LONG}"}, [f'key: "{LONG}: {LONG}"']),
    ({"one": SHARED, "two": SHARED},
     ["one:", "  list:", "  - xx", "  - yy", "two:", "  list:", "  - xx", "  - yy"]),
    ({"zz": "caf\u00e9", "aa": 1}, ['zz: "caf\u00e9"', "aa: 1"]),
    ({"key": "b\nc: d\n"}, ["key: |", "  b", "  c: d"]),
    ({"aa": "y", "bb": "12e4", "cc": "0o7", "dd": "", "ee": True, "ff": []},
     ['aa: "y"', 'bb: "12e4"', 'cc: "0o7"', 'dd: ""', "ee: true", "ff: []"]),
])
def test_every_reader_reads_what_was_meant(value: dict[str, Any], lines: list[str]) -> None:
    text = document(value)
    assert text.splitlines() == lines and yaml.safe_load(text) == value


def test_comments_have_no_spaces_at_their_ends() -> None:
    assert comment(["one", "", "  two"]) == "# one\n#\n#   two\n"


@pytest.mark.parametrize("value, refused", [
    ("eight888", True), ("  eight888\n", True), ("seven77", False), ("", False), (None, False), (PLACEHOLDER, False),
    ("not there", False)])
def test_a_text_that_holds_a_key_is_not_written(value: str | None, refused: bool) -> None:
    target = Target(planned(HOME), "off", (), {"MY_KEY": Secret("MY_KEY", value, ".env line 3")})
    text = f"a: eight888, seven77 and {PLACEHOLDER}"
    if not refused:
        assert target.clean(text) == text
        return
    with pytest.raises(UsageProblem) as caught:
        target.clean(text)
    assert "the value of MY_KEY" in caught.value.text() and ".env line 3" in caught.value.text()
    assert "eight888" not in caught.value.text() + repr(target)


def test_names_stand_in_every_document_as_they_were_written() -> None:
    plan = planned({**HOME, "MODEL_GPT5_ALIAS": "caf\u00e9-\u6a21"})
    found = kinds(k8s_of(plan))["ConfigMap"]["data"]
    assert all("caf\u00e9-\u6a21" in text for text in (found["config.yaml"], found["plan.json"], compose_of(plan)))


def test_every_kubernetes_document_says_which_version_made_it() -> None:
    for value in kinds(k8s_of(planned(HOME))).values():
        labels = value["metadata"]["labels"]
        assert labels["app.kubernetes.io/version"] == __version__
        assert labels["app.kubernetes.io/instance"] == "litellm"


@pytest.mark.parametrize("more, options, size", [
    ({"WORKERS": "3", "GATEWAY_LEDGER_SPILL_MB": "100"}, {"postgres": True}, "364Mi"),
    ({"WORKERS": "1", "GATEWAY_LEDGER_SPILL_MB": "100"}, {"postgres": True}, "164Mi"),
    ({"WORKERS": "3", "GATEWAY_LEDGER_SPILL_MB": "100"}, {}, None)])
def test_there_is_room_for_what_every_worker_keeps_while_the_database_is_away(
        more: dict[str, str], options: dict[str, Any], size: str | None) -> None:
    spec = kinds(k8s_of(planned({**HOME, **more}), **options))["Deployment"]["spec"]["template"]["spec"]
    (state,) = (one for one in spec["volumes"] if one["name"] == "state")
    assert state.get("emptyDir") == (None if size is None else {"sizeLimit": size})


def test_what_the_rendered_configuration_says_stands_nowhere_else() -> None:
    more = {"REASONING_EFFORT": "low", "OPENAI_API_BASE": "https://llm.example.com/v1", "WORKERS": "2"}
    text = k8s_of(planned({**HOME, **more}))
    assert {"name": "WORKERS", "value": "2"} in container(text)["env"]
    assert not [one for one in container(text)["env"] if one["name"] in ("REASONING_EFFORT", "OPENAI_API_BASE")]
    assert "https://llm.example.com/v1" in kinds(text)["ConfigMap"]["data"]["config.yaml"]


@pytest.mark.parametrize("more, size", [
    ({"GATEWAY_LEDGER_MAX_MB": "200", "GATEWAY_LEDGER_SPILL_MB": "1000", "WORKERS": "4"}, 6),
    ({"GATEWAY_LEDGER_MAX_MB": "200", "GATEWAY_LEDGER_SPILL_MB": "1000", "WORKERS": "1"}, 3),
    ({"GATEWAY_LEDGER_MAX_MB": "1024", "GATEWAY_LEDGER_SPILL_MB": "512", "WORKERS": "1"}, 3),
    ({"GATEWAY_LEDGER_MAX_MB": "1024", "GATEWAY_LEDGER_SPILL_MB": "513", "WORKERS": "1"}, 4)])
def test_a_volume_holds_the_ledger_and_what_every_worker_keeps(more: dict[str, str], size: int) -> None:
    assert volume(planned({**HOME, **more}).settings) == size


@pytest.mark.parametrize("more, told", [
    ({}, {}), ({"DISCOVERY_TTL": "60"}, {"DISCOVERY_TTL": "60"}), ({"DISCOVERY_TTL": "300"}, {}),
    ({"DISCOVERY_HOST": "192.168.1.5", "DISCOVERY_PORT": "4200"}, {"DISCOVERY_PORT": "4200"})])
def test_discovery_is_told_what_was_set_and_where_containers_listen(more: dict[str, str], told: dict[str, str]) -> None:
    found = service(compose_of(planned({**HOME, **more}), discovery=True), "discovery")["environment"]
    own = {name: value for name, value in found.items() if name.startswith("DISCOVERY_")}
    assert own == {"DISCOVERY_HOST": "0.0.0.0", "DISCOVERY_PORT": "4100",
                   "DISCOVERY_TOKENS_FILE": "/run/secrets/DISCOVERY_TOKENS", **told}
    assert found["GATEWAY_DATABASE_URL"] == "off" and found["LITELLM_BASE_URL"] == "http://gateway:4000"
