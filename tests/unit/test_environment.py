"""Where values come from: `.env` grammar, precedence, and key files."""

import os
import tempfile

import pytest

from src.config.environment import DotEnv, Environment, Secret, parse_dotenv
from src.config.runtime import runtime_dir

from .declaring import canary, missing_file


@pytest.mark.parametrize(("data", "values"), [
    (b"A=1\nB=2\n", {"A": "1", "B": "2"}),
    (b"A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
    (b"A=1\rB=2\r", {"A": "1", "B": "2"}),
    (b"\xef\xbb\xbfA=1\n", {"A": "1"}),
    (b"A='x y'\nB=\"x y\"\n", {"A": "x y", "B": "x y"}),
    (b"export A=1\n  B = 2  \n", {"A": "1", "B": "2"}),
    (b"A=1 # why\nB=a#b\n# C=3\n\n", {"A": "1", "B": "a#b"}),
    (b"A=\nB=''\n", {"A": "", "B": ""}),
    (b'A="two\nlines"\nB=2\n', {"A": "two\nlines", "B": "2"}),
    (b"A=x=y==\n", {"A": "x=y=="}),
    ("A=caf\u00e9\n".encode(), {"A": "caf\u00e9"}),
    (b"BARE\nA=1\n", {"A": "1"}),
    (b"A=1\nB=${A}-${HOST}-${NOBODY:-z}\n", {"A": "1", "B": "1-outside-z"}),
    (b"A=\nA=1\n", {"A": "1"}),
    (b"", {}),
])
def test_a_dotenv_file_is_read_as_python_dotenv_reads_it(data: bytes, values: dict[str, str]) -> None:
    parsed = parse_dotenv(data, ".env", {"HOST": "outside"})
    assert ({name: value for name, (value, _) in parsed.values.items()}, parsed.problems) == (values, ())


@pytest.mark.parametrize(("data", "what", "where"), [
    (b"A=1\nB='open\n", "this line cannot be read", ".env line 2"),
    (b"A=1\n\n\nnot a line at all\n", "this line cannot be read", ".env line 4"),
    (b"A=1\nB=2\nA=3\n", "A is set twice", ".env lines 1 and 3"),
    (b"A=1\nA=1\n", "A is set twice", ".env lines 1 and 2"),
    (b"A=1\nB=\xff\n", "the file is not UTF-8 text", ".env line 2"),
    ("A=1\n".encode("utf-16"), "the file is not UTF-8 text", ".env line 1"),
    ("A=1\n".encode("utf-16-le"), "this line cannot be read", ".env line 1"),
    (b"A=x\0y\n", "this line cannot be read", ".env line 1"),
    (b"'A=B'=c\n", "this line cannot be read", ".env line 1"),
])
def test_a_dotenv_file_that_cannot_be_meant_is_refused(data: bytes, what: str, where: str) -> None:
    problems = parse_dotenv(data).problems
    assert (problems[0].what, problems[0].where) == (what, where)
    assert problems[0].repair


def test_a_refused_line_is_never_shown() -> None:
    secret = canary()
    shown = "".join(problem.text() for data in (f"A='{secret}\n", f"A {secret} b\n", f"A=1\nA={secret}\n")
                    for problem in parse_dotenv(data.encode()).problems)
    assert shown and secret not in shown


@pytest.mark.parametrize(("process", "dotenv", "value", "origin"), [
    ({"A": "process"}, b"A=file\n", "process", "environment"),
    ({}, b"\nA=file\n", "file", ".env line 2"),
    ({"A": ""}, b"A=file\n", "file", ".env line 1"),
    ({"A": ""}, b"", "", "environment"),
    ({"A": "process"}, b"", "process", "environment"),
    ({}, b"", None, "nowhere"),
])
def test_the_process_environment_wins_unless_it_is_empty(process: dict[str, str], dotenv: bytes, value: str | None,
                                                         origin: str) -> None:
    env = Environment(process, parse_dotenv(dotenv))
    assert (env.get("A"), env.origin("A")) == (value, origin)
    assert env.origins.get("A", "nowhere") == origin


KEY_FILES = {"good": b"the-key\n", "crlf": b" the-key \r\n", "empty": b" \n", "binary": b"\xff\xfe"}


def read_file(path: str) -> bytes:
    if path == "odd":
        raise ValueError("embedded null byte")
    return KEY_FILES[path] if path in KEY_FILES else missing_file(path)


@pytest.mark.parametrize(("values", "value", "problem"), [
    ({"K": "plain"}, "plain", None),
    ({"K_FILE": "good"}, "the-key", None),
    ({"K_FILE": "crlf"}, "the-key", None),
    ({"K": "", "K_FILE": "good"}, "the-key", None),
    ({"K": "plain", "K_FILE": ""}, "plain", None),
    ({}, None, None),
    ({"K": ""}, "", None),
    ({"K_FILE": "gone"}, None, "the file of K cannot be read: gone (No such file or directory)"),
    ({"K_FILE": "empty"}, None, "the file of K is empty: empty"),
    ({"K_FILE": "binary"}, None, "the file of K is not text: binary"),
    ({"K_FILE": "odd"}, None, "the file of K is not text: odd"),
    ({"K": "plain", "K_FILE": "good"}, None, "both K and K_FILE are set"),
])
def test_a_key_comes_from_its_variable_or_its_file(values: dict[str, str], value: str | None,
                                                   problem: str | None) -> None:
    secret = Environment(values, DotEnv(), read_file).secret("K")
    assert (secret.value, secret.problem and secret.problem.what) == (value, problem)
    assert problem is None or (secret.problem and secret.problem.where and secret.problem.repair)


@pytest.mark.parametrize(("path", "home", "repair"), [
    ("~/keys/openai", "/srv/ops", "K_FILE=/srv/ops/keys/openai"),
    ("~other/key", "/srv/ops", "K_FILE=/the/absolute/path"),
    ("~/key", "", "K_FILE=/the/absolute/path"),
    ("gone~", "/srv/ops", "name a readable file that holds the key and nothing else"),
])
def test_a_key_file_below_a_tilde_is_told_with_its_absolute_path(path: str, home: str, repair: str) -> None:
    problem = Environment({"K_FILE": path, "HOME": home}, DotEnv(), read_file).secret("K").problem
    assert problem is not None and problem.repair == repair
    assert ("`~` is not expanded" in problem.what) == path.startswith("~")


def test_a_key_remembers_where_it_came_from() -> None:
    env = Environment({"A": "1", "B_FILE": "good"}, parse_dotenv(b"C=3\n"), read_file)
    assert [(s.where, s.file, s.in_environment) for s in map(env.secret, "ABC")] == [
        ("environment", "", True), ("B_FILE, environment", "good", False), (".env line 1", "", False)]


@pytest.mark.parametrize(("environ", "folder"), [
    ({"GATEWAY_RUNTIME_DIR": "/own", "XDG_RUNTIME_DIR": "/run/user/1"}, "/own/4000"),
    ({"XDG_RUNTIME_DIR": "/run/user/1"}, "/run/user/1/litellm-gateway/4000"),
    ({"GATEWAY_RUNTIME_DIR": "", "XDG_RUNTIME_DIR": ""}, f"{tempfile.gettempdir()}/litellm-gateway-{os.getuid()}/4000"),
])
def test_private_files_of_a_gateway_have_one_place_per_user_and_port(environ: dict[str, str], folder: str) -> None:
    assert str(runtime_dir(environ, 4000)) == folder


def test_a_key_is_never_part_of_a_repr() -> None:
    value = canary()
    assert value not in repr(Secret("K", value, "environment")) and "unset" in repr(Secret("K", None, "nowhere"))
