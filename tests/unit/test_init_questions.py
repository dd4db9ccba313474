"""The conversation of `init`, with somebody who answers from a list."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from src.begin.answers import Answers, Upstream, lines_of, masked_lines, merged, new_master_key, plan_of
from src.begin.discover import Found
from src.begin.ignored import git_state, ignore
from src.begin.offers import Style
from src.begin.questions import SHOWN, interview
from src.config import checks
from src.config.environment import Environment, Secret, parse_dotenv
from src.errors import ConfigurationError

from .declaring import canary

LISTED = ("gpt-5", "gpt-5-mini", "text-embedding-3-small")


class Person:
    """Gives the answers in order, remembers what was said; an empty answer takes the default."""

    def __init__(self, *answers: str | bool) -> None:
        self.answers, self.said, self.hidden = list(answers), list[str](), list[str]()

    def say(self, text: str) -> None:
        self.said.append(text)

    def ask(self, question: str, default: str | None = None) -> str:
        answer = self._text(question)
        assert answer or default is not None, question
        return answer or str(default)

    def secret(self, question: str) -> str:
        self.hidden.append(question)
        return self._text(question)

    def confirm(self, question: str, default: bool) -> bool:
        answer = self.answers.pop(0)
        assert isinstance(answer, bool), question
        return answer

    def _text(self, question: str) -> str:
        answer = self.answers.pop(0)
        assert isinstance(answer, str), question
        return answer


class Lister:
    """Answers what upstreams list; remembers with which key it was asked."""

    def __init__(self, *answers: Found) -> None:
        self.answers, self.asked = list(answers), list[tuple[str, str | None, Style]]()

    def __call__(self, base: str, key: str | None, style: Style) -> Found:
        self.asked.append((base, key, style))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def environment(process: Mapping[str, str] | None = None, dotenv: str = "") -> Environment:
    return Environment(process or {}, parse_dotenv(dotenv.encode()))


def talk(*answers: str | bool, env: Environment | None = None, found: Sequence[Found] = (Found(LISTED),)
         ) -> tuple[Answers, Person, Lister]:
    person, lister = Person(*answers), Lister(*found)
    told = interview(person, env or environment(), lister)
    assert person.answers == []
    return told, person, lister


def text_of(answers: Answers, existing: str = "") -> str:
    return merged(existing, lines_of(answers), ".env")


def test_enter_everywhere_gives_openais_first_model_and_a_master_key() -> None:
    key = canary()
    answers, person, lister = talk("", key, "")
    assert answers.upstreams == (Upstream("openai", ("gpt-5",), None, "OPENAI_API_KEY", key),)
    assert lister.asked == [("https://api.openai.com/v1", key, "openai")]
    assert person.hidden == ["OPENAI_API_KEY (hidden; Enter to fill it in later)"]
    assert not [said for said in person.said if key in said or str(answers.master_key) in said]
    plan = plan_of({}, text_of(answers).encode()).checked(launch=True)
    assert [model.alias for model in plan.models] == ["gpt-5"]


def test_several_providers_models_and_a_chain() -> None:
    answers, _, lister = talk("openai,6,vllm", "key-1", "1,2", "key-2", "llama-3.3-70b-versatile", "", "qwen3", True,
                              "best", found=[Found(LISTED), Found(why="x"), Found(why="no answer within 5 s")])
    assert [(one.provider, one.models, one.base) for one in answers.upstreams] == [
        ("openai", ("gpt-5", "gpt-5-mini"), None), ("groq", ("llama-3.3-70b-versatile",), None),
        ("openai", ("qwen3",), "http://127.0.0.1:8000/v1")]
    plan = plan_of({}, text_of(answers).encode()).checked(launch=True)
    assert [(model.alias, model.key_env) for model in plan.models] == [
        ("gpt-5", "OPENAI_API_KEY"), ("gpt-5-mini", "OPENAI_API_KEY"),
        ("groq/llama-3.3-70b-versatile", "GROQ_API_KEY"), ("qwen3", None)]
    assert [(chain.alias, len(chain.models)) for chain in plan.chains] == [("best", 4)]
    assert [key for _, key, _ in lister.asked] == ["key-1", "key-2", None]


def test_another_base_is_asked_for_until_it_is_one_and_its_key_has_a_name_of_its_own() -> None:
    answers, person, lister = talk("compatible", "not a url", "https://u:p@x.example.com",
                                   "https://llm.example.com/v1/", True, "the-key", "")
    assert answers.upstreams[0] == Upstream("openai", ("gpt-5",), "https://llm.example.com/v1", "EXAMPLE_API_KEY",
                                            "the-key")
    assert sum(said.startswith("The base must be a URL") for said in person.said) == 2
    assert lister.asked[0][0] == "https://llm.example.com/v1"
    assert "MODEL_GPT_5_API_KEY_ENV=EXAMPLE_API_KEY" in text_of(answers)


def test_a_base_without_a_key() -> None:
    answers, person, _ = talk("compatible", "http://127.0.0.1:9/v1", False, "")
    assert answers.upstreams[0].key_env is None and person.hidden == []
    assert "MODEL_GPT_5_API_KEY_ENV=none" in text_of(answers)


def test_a_refused_key_may_be_typed_again_and_a_missing_list_does_not_stop_anything() -> None:
    refused = Found(why="it does not accept the key (401)", refused=True)
    answers, person, lister = talk("", "wrong", "right", "", found=[refused, Found(LISTED)])
    assert answers.upstreams[0].key == "right" and [key for _, key, _ in lister.asked] == ["wrong", "right"]
    answers, person, _ = talk("", "wrong", "", "", found=[refused])
    assert answers.upstreams[0] == Upstream("openai", ("gpt-5",), None, "OPENAI_API_KEY", None)
    assert "Its models cannot be listed: it does not accept the key (401)." in person.said


def test_a_part_of_an_id_searches_and_an_unlisted_id_is_asked_about() -> None:
    answers, person, _ = talk("", "k", "EMBED", "1")
    assert answers.upstreams[0].models == ("text-embedding-3-small",)
    assert person.said[person.said.index("Models with 'EMBED':") + 1] == "    1  text-embedding-3-small"
    answers, person, _ = talk("", "k", "unheard-of", False, "2,two words", "2,unheard-of", True, False)
    assert answers.upstreams[0].models == ("gpt-5-mini", "unheard-of")
    assert any("must not contain spaces" in said for said in person.said)


def test_a_long_list_is_cut_and_every_number_of_it_still_counts() -> None:
    many = tuple(f"model-{number}" for number in range(1, SHOWN + 11))
    answers, person, _ = talk("", "k", str(SHOWN + 5), found=[Found(many)])
    assert answers.upstreams[0].models == (f"model-{SHOWN + 5}",)
    assert any("and 10 more" in said for said in person.said)


@pytest.mark.parametrize("env, answers, key, said", [
    (environment({"OPENAI_API_KEY": "from-outside"}), (True,), "from-outside", ""),
    (environment({"OPENAI_API_KEY": "from-outside"}), (False,), None, ""),
    (environment(dotenv="OPENAI_API_KEY=inside\n"), (), None, "OPENAI_API_KEY is set already (.env line 1); it stays."),
])
def test_a_key_that_is_set_already_is_not_asked_for(env: Environment, answers: tuple[bool, ...], key: str | None,
                                                    said: str) -> None:
    told, person, lister = talk("", *answers, "", env=env)
    assert told.upstreams[0].key == key and person.hidden == [] and (not said or said in person.said)
    assert lister.asked[0][1] in ("from-outside", "inside")


def test_a_key_with_something_around_it_is_asked_for_again() -> None:
    answers, person, _ = talk("", "two words", "caf\u00e9", "${X}", "right", "")
    assert answers.upstreams[0].key == "right"
    assert sum("holds characters that no key has" in said for said in person.said) == 3


def test_an_unknown_provider_is_asked_for_again_with_the_nearest_one() -> None:
    _, person, _ = talk("grok", "99", " , ", "xai", "k", "")
    assert "There is no provider grok; did you mean groq?" in person.said
    assert any(said.startswith("There is no provider 99") for said in person.said)


def test_a_chain_needs_a_name_of_its_own() -> None:
    answers, _, _ = talk("", "k", "1,2", True, "gpt-5", "two words", "best")
    assert answers.chain == "best"


def test_openais_own_base_is_written_where_another_one_is_set_for_all() -> None:
    answers, _, _ = talk("", "k", "", env=environment({"OPENAI_API_BASE": "https://other.example.com/v1"}))
    assert "MODEL_GPT_5_API_BASE=https://api.openai.com/v1" in text_of(answers)


def test_a_good_master_key_stays_and_a_weak_one_is_replaced() -> None:
    good = f"LITELLM_MASTER_KEY={new_master_key()}\n"
    assert talk("", "k", "", env=environment(dotenv=good))[0].master_key is None
    answers = talk("", "k", "", env=environment(dotenv="LITELLM_MASTER_KEY=sk-1234\n"))[0]
    assert answers.master_key
    assert f"LITELLM_MASTER_KEY={answers.master_key}\n" in text_of(answers, "LITELLM_MASTER_KEY=1\n")


def test_master_keys_are_strong_and_never_the_same() -> None:
    keys = {new_master_key() for _ in range(100)}
    assert len(keys) == 100 and all(len(key) >= 43 for key in keys)
    assert not [key for key in keys if checks.master_key(Secret(checks.MASTER_KEY, key, ""))]


# --- the file that is there already ---------------------------------------------------------------------------------

OLD = """# mine
PORT=5000

PROXY_MODEL_KEYS=old,gone
MODEL_OLD_UPSTREAM_MODEL=gpt-5
MODEL_OLD_API_KEY=secret-of-old
MODEL_GONE_UPSTREAM_MODEL=x
MODEL_OF_ANOTHER_PROGRAM=stays
PROXY_CHAIN_KEYS=c
CHAIN_C_MODELS=old,gone
OTHER='two words'   # kept
"""
NEW = Answers((Upstream("openai", ("gpt-5",), None, "OPENAI_API_KEY", "new-key"),), None, "a-master-key-0123456789")


def test_only_the_declarations_of_a_file_are_replaced() -> None:
    text = text_of(NEW, OLD)
    values = {name: value for name, (value, _) in parse_dotenv(text.encode()).values.items()}
    assert values == {"PORT": "5000", "MODEL_OF_ANOTHER_PROGRAM": "stays", "OTHER": "two words",
                      "PROXY_MODEL_KEYS": "gpt_5", "MODEL_GPT_5_UPSTREAM_MODEL": "gpt-5", "OPENAI_API_KEY": "new-key",
                      "LITELLM_MASTER_KEY": "a-master-key-0123456789"}
    assert text.startswith("# mine\nPORT=5000\n") and "OTHER='two words'   # kept\n" in text
    assert text_of(NEW, text) == text, "the same answers again change nothing"


@pytest.mark.parametrize("existing, what", [
    ("A='open\n", "this line cannot be read"), ("A=1\nA=2\n", "A is set twice"), ("PORT=abc\n", "PORT 'abc' must be"),
])
def test_a_file_that_cannot_be_read_or_served_is_not_changed(existing: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what):
        text_of(NEW, existing)


def test_a_diff_shows_declarations_and_no_secret() -> None:
    before = {"OPENAI_API_KEY": "old-key", "LITELLM_MASTER_KEY": "a-master-key-0123456789"}
    shown = masked_lines("# OLD_KEY=secret-1\n# a word\n" + OLD + text_of(NEW), before)
    assert shown[:2] == ["# OLD_KEY=***", "# a word"]
    assert {"PORT=5000", "MODEL_OLD_UPSTREAM_MODEL=gpt-5", "MODEL_OLD_API_KEY=***", "CHAIN_C_MODELS=old,gone",
            "MODEL_OF_ANOTHER_PROGRAM=***", "OTHER=***", "OPENAI_API_KEY=*** (changed)",
            "LITELLM_MASTER_KEY=***"} <= set(shown)
    assert not [line for line in shown if "secret" in line or "new-key" in line or "0123" in line or "words" in line]


# --- git ------------------------------------------------------------------------------------------------------------

def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


@pytest.mark.parametrize("path", ["/usr/bin:/bin", ""], ids=["with git", "without git"])
def test_git_is_asked_whether_it_would_take_the_keys_along(path: str, tmp_path: Path) -> None:
    file, environ = tmp_path / ".env", {"PATH": path}
    assert git_state(file, environ) == "no repository"
    git(tmp_path, "init", "-q")
    assert git_state(file, environ) == "open"
    (tmp_path / ".gitignore").write_text("*.pyc", encoding="utf-8")
    assert ignore(file).read_text(encoding="utf-8") == "*.pyc\n.env\n"
    assert git_state(file, environ) == "ignored"
    (tmp_path / "below").mkdir()
    assert git_state(tmp_path / "below" / ".env", environ) == ("ignored" if path else "open")


def test_a_file_that_git_holds_already_is_told_apart(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".env").write_text("A=1\n", encoding="utf-8")
    git(tmp_path, "add", "-f", ".env")
    ignore(tmp_path / ".env")
    assert git_state(tmp_path / ".env", {"PATH": "/usr/bin:/bin"}) == "tracked"
