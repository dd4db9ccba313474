"""What `init` and `import` write into a `.env` file is what every reader of it finds there."""

import io
import string
import subprocess
from pathlib import Path

import dotenv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.begin.dotenv_text import Line, Unwritable, is_name, quoted, written
from src.config.environment import parse_dotenv
from src.errors import GatewayError

from .test_properties import many

LETTERS = string.ascii_letters + string.digits + " '\"#$\\`={}(),;&|!*%~\u00e9\u6a21"
texts = st.text(st.sampled_from(LETTERS), max_size=12)


@many
@given(texts)
def test_a_value_is_read_as_it_was_meant_or_refused(value: str) -> None:
    try:
        text = f"A={quoted(value)}\nB=2\n"
    except Unwritable:
        return
    # docker-compose 1.29 calls this very function for an env_file.
    assert dotenv.dotenv_values(stream=io.StringIO(text), interpolate=True) == {"A": value, "B": "2"}
    assert {name: found for name, (found, _) in parse_dotenv(text.encode()).values.items()} == {"A": value, "B": "2"}


@pytest.mark.parametrize("value, expected", [
    ("", ""), ("sk-plain_1.2/3:4@5", "sk-plain_1.2/3:4@5"), ("two words", "'two words'"), ("a#b", "'a#b'"),
    ("a$b", "'a$b'"), ('say "x"', "'say \"x\"'"), ("it's", '"it\'s"'), (r"a\,b", r"'a\,b'"), ("a`b", "'a`b'"),
])
def test_values_stand_in_quotes_only_where_they_must(value: str, expected: str) -> None:
    assert quoted(value) == expected


@pytest.mark.parametrize("value, why", [
    ("a\nb", "line ends"), ("a\tb", "control characters"), ("a${b}", "expanded wherever it stands"),
    ("it's $5", "quotes together with"), ("it's \"x\"", "quotes together with"), ("a b\\", "quotes together with"),
    ("a\\\\b", "quotes together with"), ("\udcff", "control characters"),
])
def test_values_that_readers_would_understand_differently_are_refused_unseen(value: str, why: str) -> None:
    with pytest.raises(Unwritable) as caught:
        written([Line("MY_KEY", value)])
    assert str(caught.value).startswith("MY_KEY holds ") and why in str(caught.value) and value not in str(caught.value)


def test_lines_are_comments_values_or_names_to_fill_in() -> None:
    assert written([Line(comment="Hello."), Line(), Line("A", "1"), Line("B")]) == "# Hello.\n\nA=1\n#B=\n"


def test_a_name_that_says_something_else_is_noticed_before_anything_is_written() -> None:
    with pytest.raises(GatewayError, match="reads differently: A, A=B"):
        written([Line("A=B", "1")])


@pytest.mark.parametrize("name, fits", [("A_1", True), ("_a", True), ("1A", False), ("A B", False), ("", False),
                                        ("\u00c4", False)])
def test_names_are_those_of_a_shell(name: str, fits: bool) -> None:
    assert is_name(name) is fits


def test_a_shell_reads_plain_and_single_quoted_values_alike(tmp_path: Path) -> None:
    values = ["plain-1", "two words", "a$b#c", 'say "x"']
    (tmp_path / "some.env").write_text(written([Line(f"V{n}", v) for n, v in enumerate(values)]), encoding="utf-8")
    done = subprocess.run(["sh", "-c", '. ./some.env; printf "%s\\n" "$V0" "$V1" "$V2" "$V3"'], cwd=tmp_path, text=True,
                          capture_output=True, check=True, timeout=30)
    assert done.stdout.splitlines() == values
