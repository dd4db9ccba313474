"""`render k8s`: documents that a cluster takes as they are, with keys that come later and pods that are confined."""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from src.config.checks import PUBLIC_KEYS
from src.config.environment import Environment
from src.config.plan import Sources
from src.errors import UsageProblem
from src.launch.existing import load_existing
from tests.readme.terminal import script

from .deploying import HOME, SQLITE, canary, commands, container, k8s_of, kinds, planned, with_every_secret

OLDEST, NEWEST = "1.25", kubernetes_validate.latest_version()
OFF = {**HOME, "GATEWAY_DATABASE_URL": "off"}


def pod(text: str) -> dict[str, Any]:
    """Return the pod's specification."""
    found: dict[str, Any] = kinds(text)["Deployment"]["spec"]["template"]["spec"]
    return found


def env(text: str) -> dict[str, str]:
    """Return the variables that stand in the Deployment itself."""
    return {one["name"]: one["value"] for one in container(text)["env"]}


@pytest.mark.parametrize("version", [OLDEST, "1.30", NEWEST])
@pytest.mark.parametrize("options", [{}, {"postgres": True, "replicas": 3}, {"secret": False, "storage": "20Gi"}])
def test_every_document_fits_the_schemas_of_kubernetes(version: str, options: dict[str, Any]) -> None:
    documents = list(yaml.safe_load_all(k8s_of(planned(HOME), **options)))
    assert len(documents) >= 4
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_schemas_would_refuse_a_mistake() -> None:
    deployment = kinds(k8s_of(planned(HOME)))["Deployment"]
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 40
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, NEWEST, strict=True)


@pytest.mark.parametrize(("options", "expected"), [
    ({}, ["ConfigMap", "Secret", "PersistentVolumeClaim", "Deployment", "Service"]),
    ({"secret": False}, ["ConfigMap", "PersistentVolumeClaim", "Deployment", "Service"]),
    ({"postgres": True}, ["ConfigMap", "Secret", "Deployment", "Service"])])
def test_there_is_a_document_for_everything_and_no_other(options: dict[str, bool], expected: list[str]) -> None:
    found = kinds(k8s_of(planned(HOME), namespace="team-7", name="gate", **options))
    assert list(found) == expected
    assert {value["metadata"]["namespace"] for value in found.values()} == {"team-7"}
    assert {value["metadata"]["name"] for value in found.values()} <= {"gate", "gate-config", "gate-state"}


# --- the configuration ----------------------------------------------------------------------------------------------

def written(text: str, folder: Path) -> Path:
    """Write the ConfigMap's files as a pod has them."""
    for name, content in kinds(text)["ConfigMap"]["data"].items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder / "config.yaml"


@pytest.mark.parametrize("variables", [HOME, {**HOME, "GATEWAY_LEDGER_DAYS": "7", "MODEL_LLAMA_RPM": "30"}])
def test_a_pod_launches_exactly_what_was_planned_here(variables: dict[str, str], tmp_path: Path) -> None:
    text = k8s_of(planned(variables))
    keys = {name: canary() for name in kinds(text)["Secret"]["stringData"]}
    environ = {**env(text), **keys}
    plan, generation = load_existing(written(text, tmp_path), Sources(Environment(environ)))
    assert plan.checked(launch=True)
    annotations = kinds(text)["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"litellm-gateway/config-hash": generation.hash}
    assert [chain["alias"] for chain in generation.plan["chains"]] == ["default"]
    assert set(keys) <= set(generation.plan["secret_names"])


def test_another_configuration_is_another_annotation() -> None:
    def annotation(**more: str) -> Any:
        return kinds(k8s_of(planned({**HOME, **more})))["Deployment"]["spec"]["template"]["metadata"]["annotations"]

    assert annotation() == annotation()
    assert annotation(MODEL_LLAMA_RPM="30") != annotation()
    assert annotation(GATEWAY_MAX_BODY_MB="8") != annotation()


def test_nothing_of_this_machine_goes_along() -> None:
    here = {"LITELLM_HOST": "192.0.2.7", "GATEWAY_RUNTIME_DIR": "/run/user/1000", "GATEWAY_SSL_CERTFILE": "/srv/a.pem",
            "GATEWAY_SSL_KEYFILE": "/srv/a.key", "GATEWAY_LEDGER_SPILL_DIR": "/srv/spill"}
    assert k8s_of(planned({**HOME, **here})) == k8s_of(planned(HOME))


def test_settings_of_the_launch_stand_in_the_deployment() -> None:
    text = k8s_of(planned({**HOME, "WORKERS": "3", "PORT": "8088", "GATEWAY_ENVIRONMENT": "a$(b)c"}))
    assert env(text)["WORKERS"] == "3" and env(text)["LITELLM_HOST"] == "0.0.0.0" and env(text)["PORT"] == "8088"
    assert env(text)["GATEWAY_ENVIRONMENT"] == "a$$(b)c", "or Kubernetes would look for a variable b"
    assert container(text)["ports"][0]["containerPort"] == 8088
    assert kinds(text)["Service"]["spec"]["ports"][0]["port"] == 8088


def test_every_number_that_is_text_is_in_quotes() -> None:
    """Twelve hexadecimal digits may read as 1.2e34 elsewhere, where PyYAML sees a text."""
    alias = {"MODEL_GPT5_ALIAS": "12345e678901", "GATEWAY_ENVIRONMENT": "0o17"}
    text = k8s_of(planned({**HOME, **alias}))
    assert 'value: "0o17"' in text
    bare = [line for line in text.splitlines() if line.partition(": ")[2][:1].isdigit()]
    assert all(line.strip().partition(":")[0] not in ("value", "storage", "memory") for line in bare), bare


# --- secrets --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("variables", "names"), [
    (HOME, ["LITELLM_MASTER_KEY", "OPENAI_API_KEY", "GROQ_API_KEY", "MODEL_FLASH_API_KEY"]),
    ({**HOME, "PROXY_MODEL_KEYS": "vllm", "CHAIN_DEFAULT_MODELS": "vllm"}, ["LITELLM_MASTER_KEY"]),
    ({**HOME, "MODEL_LLAMA_API_KEY_ENV": "TEAM_KEY", "MODEL_GPT5_API_KEY_ENV": "TEAM_KEY"},
     ["LITELLM_MASTER_KEY", "TEAM_KEY", "MODEL_FLASH_API_KEY"]),
    ({**HOME, "GATEWAY_METRICS_KEY_FILE": "/run/keys/metrics"},
     ["LITELLM_MASTER_KEY", "OPENAI_API_KEY", "GROQ_API_KEY", "MODEL_FLASH_API_KEY", "GATEWAY_METRICS_KEY"])])
def test_the_secret_holds_a_placeholder_for_every_key_that_is_needed(variables: dict[str, str],
                                                                     names: list[str]) -> None:
    secret = kinds(k8s_of(planned(variables)))["Secret"]
    assert list(secret["stringData"]) == names
    assert set(secret["stringData"].values()) <= {"change-me-please", ""} and "data" not in secret
    assert container(k8s_of(planned(variables)))["envFrom"] == [{"secretRef": {"name": "litellm"}}]


def test_a_gateway_with_the_placeholder_of_the_master_key_does_not_start() -> None:
    assert kinds(k8s_of(planned(HOME)))["Secret"]["stringData"]["LITELLM_MASTER_KEY"] in PUBLIC_KEYS


def test_a_placeholder_for_the_metrics_key_lets_nobody_in() -> None:
    text = k8s_of(planned({**HOME, "GATEWAY_METRICS_KEY": canary()}))
    assert kinds(text)["Secret"]["stringData"]["GATEWAY_METRICS_KEY"] == ""


def test_no_key_is_anywhere_and_none_has_to_be_set() -> None:
    plan, keys = with_every_secret(HOME)
    for options in ({}, {"secret": False}, {"replicas": 2}):
        text = k8s_of(plan, **options)
        assert [key for key in keys if key in text] == []
        assert "db.example.com" not in text, "a database's address is part of its secret"
    assert k8s_of(planned(HOME))


def test_the_configmap_holds_names_of_keys_only() -> None:
    data = kinds(k8s_of(planned(HOME)))["ConfigMap"]["data"]
    config = yaml.safe_load(data["config.yaml"])
    keys = {entry["litellm_params"]["api_key"] for entry in config["model_list"]}
    assert keys == {"os.environ/OPENAI_API_KEY", "os.environ/GROQ_API_KEY", "os.environ/MODEL_FLASH_API_KEY", "keyless"}
    assert "LITELLM_MASTER_KEY" in json.loads(data["plan.json"])["secret_names"]


def test_without_the_secret_the_names_of_its_keys_are_still_told() -> None:
    text = k8s_of(planned(HOME), secret=False)
    assert "stringData" not in text and "kubectl patch" not in text
    line = next(line for line in text.splitlines() if "--no-secret" in line)
    assert line.endswith("LITELLM_MASTER_KEY, OPENAI_API_KEY, GROQ_API_KEY, MODEL_FLASH_API_KEY")


@pytest.mark.parametrize("key", ["plain-key", "with \"quotes\" and 'more'", "$HOME `id` \\ %s"])
def test_each_patch_command_sends_the_key_of_its_file_and_shows_it_nowhere(key: str, tmp_path: Path) -> None:
    script(tmp_path / "bin" / "kubectl", f'echo "$@" > "{tmp_path}/asked"; cat /dev/stdin > "{tmp_path}/sent"')
    environ = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    text = k8s_of(planned(HOME))
    lines = {line.split('"')[3]: line for line in commands(text) if line.startswith("printf")}
    assert list(lines) == list(kinds(text)["Secret"]["stringData"])
    for name, line in lines.items():
        (tmp_path / f"{name}.key").write_text(f"{key}\r\n", encoding="utf-8")
        subprocess.run(["sh", "-euc", line], cwd=tmp_path, env=environ, check=True)
        sent = json.loads((tmp_path / "sent").read_text(encoding="utf-8"))
        assert sent == {"data": {name: base64.b64encode(key.encode()).decode()}}
        asked = (tmp_path / "asked").read_text(encoding="utf-8").split()
        assert asked == "--namespace ml patch secret litellm --type merge --patch-file /dev/stdin".split()


def test_the_comment_says_how_the_pods_get_the_new_key() -> None:
    assert "kubectl --namespace ml rollout restart deployment/litellm" in commands(k8s_of(planned(HOME)))


# --- the pod --------------------------------------------------------------------------------------------------------

def test_the_pod_is_confined() -> None:
    text = k8s_of(planned(HOME))
    whole, one = pod(text), container(text)
    assert whole["securityContext"]["runAsNonRoot"] and whole["securityContext"]["runAsUser"] == 10001
    assert whole["securityContext"]["fsGroup"] == 10001
    assert whole["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not whole["automountServiceAccountToken"] and not whole["enableServiceLinks"]
    assert one["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                      "capabilities": {"drop": ["ALL"]}}


def test_every_folder_that_is_written_to_is_a_volume_and_the_configuration_is_read_only() -> None:
    text = k8s_of(planned(HOME))
    mounts = {mount["mountPath"]: mount for mount in container(text)["volumeMounts"]}
    kept = {one["name"]: one for one in pod(text)["volumes"]}
    assert mounts["/etc/litellm-gateway"]["readOnly"]
    assert "emptyDir" in kept[mounts["/tmp"]["name"]]
    assert "emptyDir" in kept[mounts["/run/litellm-gateway"]["name"]]
    assert kept[mounts["/var/lib/litellm-gateway"]["name"]]["persistentVolumeClaim"] == {"claimName": "litellm-state"}
    # Everybody may write to the volume itself, and the gateway refuses such a folder for its socket.
    assert env(text)["GATEWAY_RUNTIME_DIR"] == "/run/litellm-gateway/own"


def test_probes_ask_the_routes_that_need_no_key() -> None:
    one = container(k8s_of(planned({**HOME, "GATEWAY_BOOT_TIMEOUT": "90"})))
    paths = {name: one[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert paths == {"startupProbe": "/health/liveliness", "readinessProbe": "/health/readiness",
                     "livenessProbe": "/health/liveliness"}
    start = one["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] >= 90 + 60


@pytest.mark.parametrize("grace", ["1", "30", "600"])
def test_the_pod_gets_as_long_to_end_as_the_gateway_takes(grace: str) -> None:
    text = k8s_of(planned({**HOME, "GATEWAY_GRACE": grace}))
    pause = int(container(text)["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pause + int(grace) < pod(text)["terminationGracePeriodSeconds"] <= pause + int(grace) + 10
    assert env(text).get("GATEWAY_GRACE", "30") == grace


@pytest.mark.parametrize(("workers", "request_", "limit"), [("1", "512Mi", "896Mi"), ("4", "896Mi", "2432Mi")])
def test_memory_grows_with_the_workers(workers: str, request_: str, limit: str) -> None:
    resources = container(k8s_of(planned({**HOME, "WORKERS": workers})))["resources"]
    assert resources == {"requests": {"cpu": "250m", "memory": request_}, "limits": {"memory": limit}}


# --- state ----------------------------------------------------------------------------------------------------------

def test_sqlite_is_one_pod_at_a_time() -> None:
    found = kinds(k8s_of(planned(HOME)))
    assert found["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert found["Deployment"]["spec"]["replicas"] == 1
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteOnce"]


@pytest.mark.parametrize(("variables", "options", "size"), [
    ({}, {}, "5Gi"), ({"GATEWAY_LEDGER_MAX_MB": "200"}, {}, "2Gi"), ({}, {"storage": "20Gi"}, "20Gi"),
    ({"GATEWAY_LEDGER_MAX_MB": "0"}, {}, "17Gi")])
def test_the_volume_holds_the_ledger(variables: dict[str, str], options: dict[str, str], size: str) -> None:
    claim = kinds(k8s_of(planned(HOME | variables), **options))["PersistentVolumeClaim"]
    assert claim["spec"]["resources"] == {"requests": {"storage": size}}


@pytest.mark.parametrize("options", [{"postgres": True}, {"postgres": True, "replicas": 5}])
def test_with_postgresql_pods_are_replaced_one_by_one(options: dict[str, Any]) -> None:
    text = k8s_of(planned(HOME), **options)
    deployment = kinds(text)["Deployment"]["spec"]
    assert deployment["replicas"] == options.get("replicas", 1)
    assert deployment["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert "GATEWAY_DATABASE_URL" in kinds(text)["Secret"]["stringData"]
    assert "emptyDir" in next(one for one in pod(text)["volumes"] if one["name"] == "state")


def test_a_plan_that_uses_postgresql_may_have_replicas_without_saying_it_again() -> None:
    plan, _ = with_every_secret(HOME)
    assert kinds(k8s_of(plan, replicas=2))["Deployment"]["spec"]["replicas"] == 2


@pytest.mark.parametrize(("variables", "why"), [
    (HOME, "a SQLite file can be written by one pod only"), (OFF, "each replica would count limits for itself")])
def test_several_replicas_without_postgresql_are_refused_with_the_reason(variables: dict[str, str], why: str) -> None:
    plan = planned(variables, None if variables is OFF else SQLITE)
    with pytest.raises(UsageProblem) as caught:
        k8s_of(plan, replicas=2)
    assert why in caught.value.text() and "PostgreSQL: --postgres" in caught.value.text()
    assert caught.value.exit_code == 2
    assert k8s_of(plan, replicas=1)


def test_without_a_database_the_pod_is_told_so() -> None:
    text = k8s_of(planned(OFF, None))
    assert env(text)["GATEWAY_DATABASE_URL"] == "off"
    assert "GATEWAY_DATABASE_URL" not in kinds(text)["Secret"]["stringData"]
    assert "PersistentVolumeClaim" not in kinds(text)


def test_the_service_finds_the_pods() -> None:
    found = kinds(k8s_of(planned(HOME)))
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Service"]["spec"]["selector"].items() <= labels.items()
    assert found["Service"]["spec"]["selector"] == found["Deployment"]["spec"]["selector"]["matchLabels"]
    assert found["Service"]["spec"]["ports"][0]["targetPort"] == "http"
