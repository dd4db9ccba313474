"""What the operator asks of `render`: names and images that hold, commands that end well, notes on what changes."""

import os
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from src import __version__
from src.deploy.asked import IMAGE, Kubernetes, image_problems
from src.deploy.target import target_of
from src.deploy.text import document

from .declaring import refused, run, run_here
from .deploying import FIXTURES, GOLDEN, HOME, canary, planned

DIGEST = "@sha256:" + "0123456789abcdef" * 4
K8S = ("render", "k8s", "--namespace", "ml", "--name", "litellm")


@pytest.mark.parametrize(("image", "pinned"), [
    (IMAGE, True), ("registry.example.com:5000/team/gateway:1.2", True), (f"gateway{DIGEST}", True),
    (f"registry.example.com/gateway:1.2{DIGEST}", True), ("localhost/gateway:test", True),
    ("gateway", False), ("gateway:latest", False), (f"gateway:{'x' * 129}", False), ("gateway@sha256:abc", False),
    ("Gateway:1", False), ("gateway:1 2", False), ("gateway:1\n", False), ("", False), (":1", False)])
def test_an_image_is_pinned_by_a_version_or_a_digest(image: str, pinned: bool) -> None:
    assert (not list(image_problems(image))) == pinned


@pytest.mark.parametrize(("namespace", "name", "bad"), [
    ("ml", "litellm", []), ("0", "a", []), ("a" * 63, "a" * 63, []), ("m-l", "l-1", []),
    ("ML", "litellm", ["--namespace"]), ("", "litellm", ["--namespace"]),
    ("a" * 64, "b" * 64, ["--namespace", "--name"]),
    ("ml", "1st", ["--name"]), ("-ml", "litellm-", ["--namespace", "--name"]), ("ml", "a.b", ["--name"]),
    ("ml\n", "litellm\n", ["--namespace", "--name"]), ("ml", "lité", ["--name"])])
def test_names_are_those_that_kubernetes_takes(namespace: str, name: str, bad: list[str]) -> None:
    assert [problem.where for problem in Kubernetes(namespace, name).problems()] == bad


@pytest.mark.parametrize(("size", "good"), [
    ("5Gi", True), ("500Mi", True), ("0Gi", False), ("5", False), ("5GB", False)])
def test_a_size_is_one_that_kubernetes_takes(size: str, good: bool) -> None:
    assert (not list(Kubernetes("ml", "a", storage=size).problems())) == good


@given(st.recursive(st.text() | st.integers() | st.booleans() | st.none(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_any_value_is_read_back_as_it_was_written(value: object) -> None:
    assert yaml.load(document(value), Loader=yaml.CSafeLoader) == value


@pytest.mark.parametrize("text", ["1e3", "12345e678901", "0o17", "0x1f", "y", "n", "yes", "Off", "null", "~", "1_000",
                                  "12:30", ".5", "=", "<<", "2026-11-21", "0.1.0", "- a", "#", ""])
def test_what_any_reader_of_yaml_could_misread_is_in_quotes(text: str) -> None:
    assert document([text])[2] in "\"'"


# --- the commands ---------------------------------------------------------------------------------------------------

def test_rendering_needs_no_key_creates_nothing_and_says_the_notes_beside_it(
        tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for command in (("render", "compose"), K8S):
        ran = run_here(*command, env={**HOME, "MODEL_VLLM_API_BASE": "http://127.0.0.1:8000/v1"}, cwd=tmp_path,
                       capfd=capfd)
        assert ran.code == 0 and list(yaml.safe_load_all(ran.text))
        assert "note: qwen3-32b: http://127.0.0.1:8000/v1 is the container itself" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_flags_before_the_command_declare_as_they_do_for_a_launch(tmp_path: Path,
                                                                  capfd: pytest.CaptureFixture[str]) -> None:
    ran = run_here("--model-spec", "upstream=deepseek-v3.2", "--port", "8088", "render", "compose", cwd=tmp_path,
                   capfd=capfd)
    gateway = yaml.safe_load(ran.text)["services"]["gateway"]
    assert gateway["environment"]["MODEL_DEEPSEEK_V3_2_UPSTREAM_MODEL"] == "deepseek-v3.2"
    assert gateway["ports"] == ["127.0.0.1:8088:8088"]


def test_output_writes_the_same_bytes_for_the_owner_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    printed = run_here(*K8S, env=HOME, cwd=tmp_path, capfd=capfd).out
    ran = run_here(*K8S, "--output", "k8s.yaml", env=HOME, cwd=tmp_path, capfd=capfd)
    assert (ran.code, ran.out) == (0, b"")
    assert (tmp_path / "k8s.yaml").read_bytes() == printed
    assert (tmp_path / "k8s.yaml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("arguments", "texts"), [
    (("render", "compose", "--image", "gateway:latest"), ["is not pinned", f"--image {IMAGE}"]),
    (("render", "compose", "--publish", "localhost"), ["'localhost' is no address of this machine"]),
    ((*K8S, "--replicas", "2"), ["2 replicas: a SQLite file", "several replicas need PostgreSQL"]),
    ((*K8S, "--replicas", "0"), ["--replicas"]),
    (("render", "k8s", "--namespace", "ML", "--name", "-", "--image", "x"), ["3 problems", "'ML'", "RFC 1123"]),
    (("render", "k8s"), ["--namespace"]),
    (("--config", "x.yaml", "--watch", *K8S), ["--config does not go with render", "--watch does not"]),
    (("--model-spec", "upstream=gpt-5,rpm=x", *K8S), ["rpm"]),
])
def test_what_cannot_be_rendered_is_told_with_exit_code_2(arguments: tuple[str, ...], texts: list[str], tmp_path: Path,
                                                          capfd: pytest.CaptureFixture[str]) -> None:
    refused(run_here(*arguments, env=HOME, cwd=tmp_path, capfd=capfd), *texts)


@pytest.mark.parametrize(("variables", "text"), [
    ({"GATEWAY_SSL_CERTFILE": "/a.pem", "GATEWAY_SSL_KEYFILE": "/a.key"}, "GATEWAY_SSL_CERTFILE is a file of this"),
    ({"GATEWAY_LEDGER_SPILL_DIR": "/a"}, "GATEWAY_LEDGER_SPILL_DIR is a folder of this machine"),
    ({"MODEL_VLLM_API_BASE": "http://localhost:1/v1"}, "http://localhost:1/v1 is the container itself"),
    ({"MODEL_VLLM_API_BASE": "http://[::1]:1/v1"}, "is the container itself"),
    ({"MODEL_VLLM_API_BASE": "http://192.0.2.1:1/v1"}, ""),
])
def test_what_will_be_otherwise_in_containers_is_said(variables: dict[str, str], text: str) -> None:
    notes = target_of(planned(HOME | variables), postgres=False).notes
    assert any(text in note for note in notes) if text else notes == ()


def test_models_of_one_base_inside_the_container_are_told_of_together() -> None:
    names = [f"m{number}" for number in range(49)]
    env = {f"MODEL_{name.upper()}_UPSTREAM_MODEL": f"own-{name}" for name in names}
    env |= {"PROXY_MODEL_KEYS": ",".join(names), "OPENAI_API_BASE": "http://127.0.0.1:8000/v1",
            "MODEL_M7_API_BASE": "http://localhost:11434/v1", "MODEL_M8_API_BASE": "https://llm.example.com/v1"}
    said = "is the container itself when asked from inside it; name an address that containers reach"
    assert target_of(planned(env), postgres=False).notes == (
        f"own-m0, own-m1, own-m2, own-m3, own-m4 and 42 more: http://127.0.0.1:8000/v1 {said}",
        f"own-m7: http://localhost:11434/v1 {said}")


# --- golden files ---------------------------------------------------------------------------------------------------

EXAMPLES = {
    "compose-dual.yml": ("dual", ["render", "compose"]),
    "compose-chain-all.yml": ("chain", ["render", "compose", "--postgres", "--discovery", "--prometheus"]),
    "k8s-chain.yml": ("chain", [*K8S]),
    "k8s-every-field-postgres.yml": ("every-field", [*K8S, "--no-secret", "--postgres", "--replicas", "3"]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_rendered_documents_are_the_golden_ones(name: str, tmp_path: Path) -> None:
    fixture, arguments = EXAMPLES[name]
    ran = run("--env-file", str(FIXTURES / f"{fixture}.env"), *arguments, cwd=tmp_path, env={"PYTHONHASHSEED": "7"})
    assert ran.code == 0, ran.err
    # plan.json follows every new setting; test_deploy_kubernetes.py holds it to the plan.
    text = re.sub(r"(  plan\.json: )\|\n(    .*\n)+", r"\1PLAN\n", ran.text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "HASH", text).replace(__version__, "VERSION")
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert (GOLDEN / name).read_text(encoding="utf-8") == text


def test_there_is_no_golden_file_too_many() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(EXAMPLES)


def test_a_key_in_clear_is_refused_by_the_command_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    key = canary()
    env = {**HOME, "GROQ_API_KEY": key, "MODEL_GPT5_ALIAS": key}
    ran = run_here(*K8S, env=env, cwd=tmp_path, capfd=capfd)
    refused(ran, "the value of GROQ_API_KEY stands in what was declared in clear")
    assert key not in ran.err
