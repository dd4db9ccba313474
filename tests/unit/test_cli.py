"""The command line as operators meet it: what is printed, written and refused, and with which exit code."""

import json
import os
import socket
import stat
import sys
from pathlib import Path

import pytest
import yaml

from .declaring import ROOT, canary, refused, run, run_here, two

READY = {"OPENAI_API_KEY": "upstream-key", "LITELLM_MASTER_KEY": "a-master-key-0123456789"}


def written(folder: Path) -> list[str]:
    """Return what a command left in its working folder; the database has a folder of its own."""
    return [path.name for path in folder.iterdir() if path.name != "state"]


# --- printing ---------------------------------------------------------------------------------------------------


def test_help_and_version_need_no_configuration(tmp_path: Path) -> None:
    helped, version = run("--help", cwd=tmp_path), run("--version", env={"PORT": "abc"}, cwd=tmp_path)
    assert (helped.code, helped.err, version.code, version.err) == (0, "", 0, "")
    assert "--print-config" in helped.text and "python -m src.main --demo" in helped.text
    assert version.text.startswith("litellm-gateway ") and "(LiteLLM 1.106." in version.text


def test_printing_needs_no_key_and_notes_go_beside_it(tmp_path: Path) -> None:
    ran = run("--print-config", env=two(REASONING_EFFORT="minimal"), cwd=tmp_path)
    assert (ran.code, [entry["model_name"] for entry in yaml.safe_load(ran.text)["model_list"]]) == (
        0, ["gpt-5", "deepseek-v3.2"])
    assert "note: deepseek-v3.2: deepseek-v3.2 accepts low, medium, high, so the global level minimal" in ran.err


def test_the_same_bytes_come_out_everywhere(tmp_path: Path) -> None:
    env = two(MODEL_GPT5_ALIAS="caf\u00e9-\u6a21\u578b", MODEL_GPT5_HEADERS="X-B=2,X-A=1", GROK_API_SECRET="s")
    backwards = dict(reversed(env.items()))
    surroundings = [env | {"PYTHONHASHSEED": "1"}, backwards | {"PYTHONHASHSEED": "2"},
                    env | {"LANG": "C"}, env | {"LC_ALL": "POSIX"},
                    env | {"PYTHONIOENCODING": "ascii"}, env | {"PYTHONIOENCODING": "utf-16"},
                    env | {"TZ": "Asia/Tokyo", "HOME": "/nowhere", "USER": "somebody"}]
    outputs = {run("--print-config", env=environ, cwd=tmp_path).out for environ in surroundings}
    assert len(outputs) == 1 and "caf\u00e9-\u6a21\u578b".encode() in outputs.pop()


def test_the_reader_of_the_output_may_go_away(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **two()}
    read, write = os.pipe()
    os.close(read)
    errors = (os.POSIX_SPAWN_OPEN, 2, str(tmp_path / "err"), os.O_WRONLY | os.O_CREAT, 0o600)
    pid = os.posix_spawn(sys.executable, [sys.executable, "-m", "src.main", "--print-config", "--no-env-file"], environ,
                         file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), errors])
    os.close(write)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (tmp_path / "err").read_text() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    ran = run("-c", f"{sys.executable} -m src.main --print-config > /dev/full", env=two(), cwd=tmp_path,
              command=(), executable="/bin/sh")
    refused(ran, "the configuration cannot be written: No space left on device", code=1)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_traceback(closed: str, tmp_path: Path) -> None:
    ran = run("-c", f"{sys.executable} -m src.main --print-config {closed}", env=two(), cwd=tmp_path, command=(),
              executable="/bin/sh")
    assert (ran.code, "Traceback" in ran.err) == (0, False)


# --- writing ----------------------------------------------------------------------------------------------------


def test_output_is_written_at_once_readable_by_its_owner_only(tmp_path: Path) -> None:
    target = tmp_path / "config.yaml"
    target.write_text("old")
    target.chmod(0o644)
    ran = run("--output", "config.yaml", env=two(), cwd=tmp_path)
    assert (ran.code, ran.out) == (0, b"")
    assert target.read_bytes() == run("--print-config", env=two(), cwd=tmp_path).out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_output_through_a_symbolic_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.yaml").symlink_to(tmp_path / "real" / "config.yaml")
    assert run("--output", "link.yaml", env=two(), cwd=tmp_path).code == 0
    assert (tmp_path / "link.yaml").is_symlink() and (tmp_path / "real" / "config.yaml").is_file()


@pytest.mark.parametrize(("target", "what"), [
    ("gone/config.yaml", "config.yaml cannot be written: No such file or directory"),
    (".", "is no file"), ("/dev/null", "/dev/null is no file"), ("x" * 300, "cannot be written: File name too long"),
])
def test_an_output_that_cannot_be_written_is_refused(target: str, what: str, tmp_path: Path,
                                                     capfd: pytest.CaptureFixture[str]) -> None:
    refused(run_here("--output", target, env=two(), cwd=tmp_path, capfd=capfd), what, "--output", "repair: name a file")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_where_anything_is_wrong(tmp_path: Path) -> None:
    refused(run("--output", "config.yaml", env=two(PORT="abc"), cwd=tmp_path), "PORT 'abc'")
    assert list(tmp_path.iterdir()) == []


# --- sources ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flags", "aliases"), [
    ([], ["from-dotenv"]), (["--env-file", "other.env"], ["from-other"]), (["--no-env-file"], ["gpt-5"]),
    (["--env-file", "other.env", "--model-spec", "upstream=flag"], ["flag"]),
    (["--add-model-spec", "upstream=flag"], ["from-dotenv", "flag"]), (["--alias", "renamed"], ["renamed"]),
])
def test_where_models_come_from(flags: list[str], aliases: list[str], tmp_path: Path,
                                capfd: pytest.CaptureFixture[str]) -> None:
    for name, alias in ((".env", "from-dotenv"), ("other.env", "from-other")):
        (tmp_path / name).write_text(f"PROXY_MODEL_KEYS=m\nMODEL_M_UPSTREAM_MODEL=x\nMODEL_M_ALIAS={alias}\n")
    ran = run_here(*flags, "--print-config", env={"OPENAI_API_KEY": "k"}, cwd=tmp_path, capfd=capfd)
    assert [entry["model_name"] for entry in yaml.safe_load(ran.text)["model_list"]] == aliases


def test_values_from_a_dotenv_file_work_like_the_environments(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in two(MODEL_GPT5_HEADERS="X-A=1").items()]
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    from_file = run("--print-config", cwd=tmp_path)
    from_environment = run("--print-config", "--no-env-file", env=two(MODEL_GPT5_HEADERS="X-A=1"), cwd=tmp_path)
    assert from_file.code == 0 and from_file.out == from_environment.out


# --- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flags", "env", "texts"), [
    ([], {}, ["no model is declared", "python -m src.main --model-spec key=gpt5,upstream=gpt-5"]),
    ([], {"OPENAI_MODEL": "gpt-4"}, ["retired", "MODEL_PRIMARY_UPSTREAM_MODEL=gpt-4"]),
    ([], two(PORT="abc"), ["PORT 'abc' must be a whole number", "from: environment", "repair: PORT=4000"]),
    (["--port", "99999"], two(), ["--port '99999'", "from: flag --port", "repair: --port 4000"]),
    (["--nope"], two(), ["No such option '--nope'", "--help"]),
    (["frobnicate"], two(), ["No such command 'frobnicate'", "--help"]),
    (["explian"], two(), ["No such command 'explian'; did you mean explain?", "--help"]),
    (["serve"], two(), ["No such command 'serve': python -m src.main alone starts the gateway"]),
    (["keys", "add"], two(), ["Missing argument 'NAME'", "repair: python -m src.main keys add --help"]),
    (["--port"], two(), ["'--port' requires an argument", "--help"]),
    (["--port", ""], two(), ["--port is empty", "--port VALUE, or leave it out"]),
    (["--config", ""], two(), ["--config is empty"]),
    (["--output", "", "--env-file", ""], two(), ["2 problems", "--output is empty", "--env-file is empty"]),
    (["--output", "x", "--config", "y"], two(), ["--output and --config exclude each other", "keep one"]),
    (["--demo", "--model", "x"], {}, ["--config and --demo bring their own models", "remove --model"]),
    (["--config", "x", "--model-spec", "y"], {}, ["--config and --demo bring their own models", "remove --model-spec"]),
    (["--env-file", "a", "--no-env-file"], {}, ["--env-file and --no-env-file contradict each other"]),
    (["--env-file", "gone.env"], {}, ["gone.env cannot be read: No such file or directory", "--no-env-file"]),
    (["--env-file", "."], {}, [". cannot be read: Is a directory"]),
    (["--alias", "x"], two(), ["--alias renames one model, but several are declared: gpt-5, deepseek-v3.2"]),
    (["--model-spec", "upstream=gpt-5,reasoning=banana"], {}, ["reasoning 'banana'", "from: --model-spec"]),
    (["--base", "nowhere"], two(), ["--base must be a URL", "repair: --base https://api.openai.com/v1"]),
    (["--reasoning-effort", "banana"], two(), ["--reasoning-effort 'banana' must be one of"]),
    (["--log-format", "xml"], two(), ["--log-format 'xml' must be one of auto, text, json"]),
    (["--grace", "soon"], two(), ["--grace 'soon' must be a number of seconds"]),
    (["--workers", "0"], two(), ["--workers '0' must be a whole number from 1 to 128"]),
    (["--host", "a b"], two(), ["--host 'a b' must be a host name"]),
    ([], two(), ["2 problems", "OPENAI_API_KEY is not set; needed by gpt-5, deepseek", "LITELLM_MASTER_KEY is not"]),
    ([], two(READY, LITELLM_MASTER_KEY="Xk3!short"), ["LITELLM_MASTER_KEY is shorter than 16", "openssl rand -hex 32"]),
    ([], two(OPENAI_API_KEY="k", LITELLM_MASTER_KEY_FILE="gone"),
     ["the file of LITELLM_MASTER_KEY cannot be read: gone"]),
    (["--ssl-certfile", "gone.pem", "--ssl-keyfile", "gone.key"], two(READY),
     ["the TLS files gone.pem and gone.key cannot be used: No such file", "from: flag --ssl-certfile"]),
    (["--ssl-certfile", "gone.pem"], two(READY), ["GATEWAY_SSL_CERTFILE is set without GATEWAY_SSL_KEYFILE"]),
])
def test_what_cannot_be_used_is_refused_before_anything_starts(
        flags: list[str], env: dict[str, str], texts: list[str], tmp_path: Path,
        capfd: pytest.CaptureFixture[str]) -> None:
    ran = run_here(*flags, env=env, cwd=tmp_path, capfd=capfd)
    refused(ran, *texts)
    assert "repair: " in ran.err and written(tmp_path) == []


def test_a_command_that_needs_another_word_shows_its_help(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ran = run_here("ledger", env=two(), cwd=tmp_path, capfd=capfd)
    assert (ran.code, ran.out) == (2, b"") and ran.err.startswith("Usage: python -m src.main ledger")
    assert "unpriced" in ran.err and "error:" not in ran.err


@pytest.mark.parametrize("data", [b"A='open\n", b"A=1\nA=2\n", b"\xff", "A=1".encode("utf-16")])
def test_a_broken_dotenv_file_is_refused(data: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_bytes(data)
    refused(run_here("--print-config", env=two(), cwd=tmp_path, capfd=capfd), "from: .env line", "repair: ")


def test_a_dotenv_that_is_a_folder_or_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / ".env").mkdir()
    (tmp_path / ".env").symlink_to("nowhere")
    refused(run("--print-config", env=two(), cwd=tmp_path / "one"), ".env cannot be read: Is a directory")
    refused(run("--print-config", env=two(), cwd=tmp_path), ".env cannot be read: No such file or directory")


def test_values_with_control_characters_cannot_forge_lines_of_the_message(tmp_path: Path) -> None:
    name = "MODEL_GPT5_X\nerror: forged\x1b[31m"
    ran = run("--print-config", "--model", "a\nerror: forged", env=two({name: "x"}), cwd=tmp_path)
    refused(ran, r"MODEL_GPT5_X\x0aerror: forged\x1b[31m is read by nothing")
    assert "\x1b" not in ran.err and "\nerror: forged" not in ran.err


def test_arguments_that_are_not_utf8_are_refused_cleanly(tmp_path: Path) -> None:
    refused(run(b"--model", b"a\xffb", b"--print-config", cwd=tmp_path), r"--model 'a\udcffb' must not contain")


def test_no_refusal_ever_shows_a_key(tmp_path: Path) -> None:
    keys = {name: canary() for name in ("OPENAI_API_KEY", "LITELLM_MASTER_KEY", "GROK_API_SECRET", "MODEL_GPT5_API_KEY",
                                        "MODEL_DEEPSEEK_API_KEY_ENV")}
    env = two(keys, PORT="x", MODEL_GPT5_HEADERS=f"Authorization={keys['OPENAI_API_KEY']}",
              OPENAI_API_BASE=f"https://u:{keys['OPENAI_API_KEY']}@h/v1", MODEL_GPT5_TYPO=keys["OPENAI_API_KEY"])
    spec = f"upstream=gpt-5,headers=X-A={keys['GROK_API_SECRET']},{keys['OPENAI_API_KEY']}"
    (tmp_path / ".env").write_text(f"A='{keys['OPENAI_API_KEY']}\nB {keys['OPENAI_API_KEY']}\n")
    ran = run("--add-model-spec", spec, env=env, cwd=tmp_path)
    refused(ran, "PORT 'x'", "secret header", "must be a URL", "MODEL_GPT5_TYPO", "has no `=`")
    assert [name for name, value in keys.items() if value in ran.err] == []


def test_a_removed_working_folder_is_told(tmp_path: Path) -> None:
    ran = run("-c", f"mkdir gone; cd gone; rmdir ../gone; exec {sys.executable} -m src.main --print-config",
              cwd=tmp_path, env=two(), command=(), executable="/bin/sh")
    refused(ran, "the working folder has been removed")


def test_a_subcommand_runs_without_any_model_declared(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    environ = {"GATEWAY_RUNTIME_DIR": str(tmp_path / "run")}
    ran = run_here("status", "--port", "1", env=environ, cwd=tmp_path, capfd=capfd)
    refused(ran, "repair: ", code=3)
    assert run_here("status", "--help", cwd=tmp_path, capfd=capfd).code == 0


# --- launching --------------------------------------------------------------------------------------------------


def test_a_taken_port_is_told_with_its_holder_before_anything_slow(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        ran = run("--port", str(port), env=two(READY), cwd=tmp_path)
    refused(ran, f"port {port} on 127.0.0.1 is taken", f"--port {port + 1}", code=3)
    if Path("/proc/net/tcp").exists():
        assert f"(pid {os.getpid()})" in ran.err
    assert written(tmp_path) == []


@pytest.mark.parametrize(("host", "what"), [
    ("no-such-host.invalid", "the address no-such-host.invalid is not known here"),
    ("192.0.2.1", "cannot listen on 192.0.2.1, port 4000"), ("a..b", "the address a..b is not known here"),
])
def test_an_address_that_is_not_ours_is_told(host: str, what: str, tmp_path: Path,
                                             capfd: pytest.CaptureFixture[str]) -> None:
    refused(run_here("--host", host, env=two(READY), cwd=tmp_path, capfd=capfd), what, "LITELLM_HOST=127.0.0.1", code=3)


def test_the_launch_document_holds_what_the_workers_need(tmp_path: Path) -> None:
    key = canary()
    (tmp_path / "key").write_text(key + "\n")
    (tmp_path / ".env").write_text("OPENAI_API_KEY_FILE=key\nOTHER=from-dotenv\nDATABASE_URL=postgresql://x\n")
    ran = run("--launch-document", env=two(LITELLM_MASTER_KEY=READY["LITELLM_MASTER_KEY"]), cwd=tmp_path)
    document = json.loads(ran.text)
    assert (document["env"]["OPENAI_API_KEY"], document["env"]["OTHER"]) == (key, "from-dotenv")
    assert "LITELLM_MASTER_KEY" not in document["env"], "it stands in the environment already"
    assert "DATABASE_URL" not in document["env"]
    assert {"DATABASE_URL", "CONFIG_FILE_PATH", "PORT"} <= set(document["unset"])
    assert document["env"]["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    private = yaml.safe_load(document["yaml"])
    assert private["litellm_settings"]["callbacks"] == ["src.hooks.callback.instance"]
    assert private["general_settings"]["custom_auth"] == "src.hooks.auth.check"
    assert document["hash"] == document["plan"]["hash"]
    assert key not in json.dumps({**document, "env": {}})


@pytest.mark.parametrize("imported", ["click", "yaml"])
def test_an_interrupt_while_it_is_still_being_loaded_ends_it_quietly(imported: str, tmp_path: Path) -> None:
    (tmp_path / f"{imported}.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    ran = run("--print-config", env=two(), cwd=tmp_path)
    assert (ran.code, ran.out, ran.err.strip()) == (130, b"", "")


def test_proxy_py_launches_from_the_environment_alone(tmp_path: Path) -> None:
    script = str(ROOT / "src" / "proxy.py")
    refused(run(cwd=tmp_path, command=(script,)), "no model is declared")
    refused(run("--print-config", env=two(READY, PORT="x"), cwd=tmp_path, command=(script,)), "PORT 'x'")
