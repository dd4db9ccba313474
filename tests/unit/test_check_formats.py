"""Every format of `check` says the same, stays well-formed whatever is in it, and shows no secret."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.checker.codes import CODES
from src.checker.findings import Finding, Place, in_order
from src.checker.formats import FORMATS, render
from src.checker.report import Report, without_secrets
from tests.unit.checking import codes, found, good
from tests.unit.declaring import canary

WRONG = Finding("GW102", "MODEL_A_RPM 'sixty' must be a whole number", Place(".env", 3, 13, "MODEL_A_RPM"),
                "MODEL_A_RPM=60")
UNREAD = Finding("GW201", "LiteLLM does not read rpmm", Place("my config.yaml", 7, 5, "model_list[0].rpmm"), "")
NAMED = Finding("GW503", "NUM_WORKERS has no effect", Place(name="NUM_WORKERS"), "use WORKERS\nor nothing")
WHOLE = Finding("GW416", ".env can be read by others", Place(".env"), "chmod 600 .env")
REPORT = Report("2 models", (WRONG, UNREAD, NAMED, WHOLE), ("port 4000 is free",))
NASTY = "a\r\nb\x1b[31m::error::x%0A, c: d\u2028e"
EVIL = Report("x", (Finding("GW102", NASTY, Place(f"{NASTY},line=9", 1, 1, NASTY), NASTY),), (NASTY,), (NASTY,))


def shown(form: str, report: Report = REPORT) -> str:
    return render(report, form, "1.2.3")


# --- text

def test_text_reads_as_a_compiler_s() -> None:
    assert shown("text").splitlines() == [
        ".env:3:13: error GW102: MODEL_A_RPM 'sixty' must be a whole number",
        "    repair: MODEL_A_RPM=60",
        "my config.yaml:7:5: warning GW201: LiteLLM does not read rpmm",
        "    at: model_list[0].rpmm",
        "NUM_WORKERS: warning GW503: NUM_WORKERS has no effect",
        "    repair: use WORKERS",
        "            or nothing",
        ".env: warning GW416: .env can be read by others",
        "    repair: chmod 600 .env",
        "2 models: 1 error, 3 warnings",
        "check --explain GW102 says what a code means",
    ]


def test_ok_names_what_was_not_checked() -> None:
    assert shown("text", Report("1 model", conditions=("port 4000 is free", "keys are good"))).splitlines() == [
        "OK: 1 model; 0 errors, 0 warnings. It will start if", "  - port 4000 is free", "  - keys are good"]
    assert shown("text", Report("1 model", (NAMED,))).splitlines()[3] == \
        "OK: 1 model; 0 errors, 1 warning. It will start if"


def test_what_could_not_be_checked_is_never_ok() -> None:
    report = Report("a.yaml", failures=("a.yaml cannot be read: No such file",))
    assert shown("text", report).splitlines()[0] == "not checked: a.yaml cannot be read: No such file"
    assert not report.ok and "OK" not in shown("text", report) and "OK" not in shown("github", report)
    assert json.loads(shown("json", report))["ok"] is False


def test_colours_change_nothing_but_the_colour() -> None:
    coloured = render(REPORT, "text", "1", lambda text, kind: f"\x1b[1m{text}\x1b[0m")
    assert coloured != shown("text") and re.sub(r"\x1b\[\dm", "", coloured) == shown("text")


# --- json

def test_json_has_a_fixed_shape() -> None:
    said = json.loads(shown("json"))
    assert {name: value for name, value in said.items() if name != "findings"} == {
        "version": 1, "tool": {"name": "litellm-gateway", "version": "1.2.3"}, "subject": "2 models", "ok": False,
        "errors": 1, "warnings": 3, "ignored": 0, "conditions": ["port 4000 is free"], "not_checked": []}
    assert said["findings"][0] == {
        "code": "GW102", "severity": "error", "title": CODES["GW102"].title, "message": WRONG.what,
        "repair": "MODEL_A_RPM=60", "file": ".env", "line": 3, "column": 13, "name": "MODEL_A_RPM"}
    assert [said["findings"][2][name] for name in ("file", "line", "column")] == [None, None, None]


# --- sarif

# What SARIF 2.1.0 (section 3) demands of each object, and what code scanning needs to show a result.
def run_of(report: Report = REPORT) -> dict[str, Any]:
    said = json.loads(shown("sarif", report))
    assert said["version"] == "2.1.0" and said["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = said["runs"]
    assert isinstance(run, dict)
    return run


def test_sarif_names_the_tool_and_every_rule_that_was_hit() -> None:
    driver = run_of()["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("litellm-gateway check", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["GW102", "GW201", "GW416", "GW503"]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"] and rule["fullDescription"]["text"] and rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] == CODES[rule["id"]].severity


def test_sarif_results_point_at_their_rule_and_their_region() -> None:
    run = run_of()
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning") and result["message"]["text"] and len(result["locations"]) == 1
    assert all(location["physicalLocation"]["region"]["startLine"] >= 1 for result in run["results"]
               for location in result["locations"]), "GitHub would refuse the whole log"
    first, second, third, fourth = [result["locations"][0] for result in run["results"]]
    assert first["physicalLocation"] == {"artifactLocation": {"uri": ".env"},
                                         "region": {"startLine": 3, "startColumn": 13}}
    assert second["physicalLocation"]["artifactLocation"]["uri"] == "my%20config.yaml"
    assert third["logicalLocations"] == [{"fullyQualifiedName": "NUM_WORKERS"}]
    assert third["physicalLocation"]["artifactLocation"] == {"uri": ".env"} and "logicalLocations" not in fourth


def test_sarif_counts_columns_in_characters_and_says_whether_all_was_checked() -> None:
    assert run_of()["columnKind"] == "unicodeCodePoints"
    assert run_of()["invocations"] == [{"executionSuccessful": True}]
    (failed,) = run_of(Report("x", failures=("it cannot be read",)))["invocations"]
    assert failed == {"executionSuccessful": False, "toolExecutionNotifications": [
        {"level": "error", "message": {"text": "it cannot be read"}}]}


@pytest.mark.parametrize(("path", "uri"), [("a/b.yaml", "a/b.yaml"), ("/etc/x y.yaml", "file:///etc/x%20y.yaml"),
                                           ("ü#.yaml", "%C3%BC%23.yaml")])
def test_files_become_uris(path: str, uri: str) -> None:
    result = run_of(Report("x", (Finding("GW102", "x", Place(path, 1)),)))["results"][0]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1, "startColumn": 1}


# --- github

def test_github_gets_one_annotation_per_finding() -> None:
    assert shown("github").splitlines() == [
        "::error file=.env,line=3,col=13,title=GW102 a value that cannot be used::MODEL_A_RPM 'sixty' must be a whole "
        "number%0Arepair: MODEL_A_RPM=60",
        "::warning file=my config.yaml,line=7,col=5,title=GW201 a key that LiteLLM does not read::LiteLLM does not "
        "read rpmm",
        "::warning title=GW503 a variable that has no effect::NUM_WORKERS: NUM_WORKERS has no effect%0Arepair: use "
        "WORKERS%0Aor nothing",
        "::warning file=.env,title=GW416 a file of keys that others may read::.env can be read by others%0Arepair: "
        "chmod 600 .env",
    ]
    assert shown("github", Report("1 model")) == "::notice title=check::OK: 1 model"
    assert shown("github", Report("x", failures=("no file",))) == "::error title=not checked::no file"


def unescaped(text: str) -> str:
    """Undo what GitHub's runner undoes in a property."""
    for sign, code in ((":", "%3A"), (",", "%2C"), ("\n", "%0A"), ("\r", "%0D"), ("%", "%25")):
        text = text.replace(code, sign)
    return text


def test_no_text_can_end_an_annotation_or_begin_another_one() -> None:
    lines = shown("github", EVIL).splitlines()
    assert len(lines) == 2 and all(line.startswith("::error ") for line in lines)
    properties, _, message = lines[0].removeprefix("::error ").partition("::")
    pairs = dict(pair.split("=", 1) for pair in properties.split(","))
    assert list(pairs) == ["file", "line", "col", "title"] and unescaped(pairs["file"]).endswith(",line=9")
    assert "%250A" in message and "\x1b" not in message


# --- all of them

@pytest.mark.parametrize("form", FORMATS)
def test_no_format_lets_control_characters_through(form: str) -> None:
    text = shown(form, EVIL)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", text)


READERS: dict[str, Callable[[str], list[str]]] = {
    "text": lambda text: re.findall(r"(?:error|warning) (GW\d{3}):", text),
    "json": lambda text: [finding["code"] for finding in json.loads(text)["findings"]],
    "sarif": lambda text: [result["ruleId"] for result in json.loads(text)["runs"][0]["results"]],
    "github": lambda text: re.findall(r"title=(GW\d{3})", text),
}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_the_same(form: str) -> None:
    findings = found(good(NUM_WORKERS="3", MODEL_A_FALLBACKS="x"), "PORT=x\nMODEL_A_TYPO=1")
    report = Report("2 models", tuple(findings))
    assert READERS[form](shown(form, report)) == codes(findings) and len(findings) == 4


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_shows_a_secret(form: str) -> None:
    known, shaped = canary("known"), "s" + "k-" + canary("shaped")
    finding = Finding("GW102", f"{known} and {shaped}", Place("f", 1, 1, f"X.{known}"), f"A={shaped}\nB={known}")
    text = shown(form, Report("x", without_secrets([finding], [known, "short"])))
    assert known not in text and shaped not in text and "***" in text


@pytest.mark.parametrize("length", [16, 40, 80, 300])
def test_the_beginning_of_a_secret_is_masked_too(length: int) -> None:
    secret = "".join(canary("x") for _ in range(10))
    finding = Finding("GW102", f"PORT {secret[:length]!a} and {secret[:length]}!", Place())
    assert without_secrets([finding], [secret])[0].what == "PORT '***' and ***!"


def test_short_words_are_no_secrets_that_could_be_masked() -> None:
    assert without_secrets([WRONG], ["A", "sixty", ""]) == (WRONG,)


@pytest.mark.parametrize(("findings", "failures", "strict", "code"), [
    ((), (), False, 0), ((), (), True, 0), ((NAMED,), (), False, 0), ((NAMED,), (), True, 1), ((WRONG,), (), False, 1),
    ((), ("x",), False, 2), ((WRONG,), ("x",), True, 2),
])
def test_exit_codes(findings: tuple[Finding, ...], failures: tuple[str, ...], strict: bool, code: int) -> None:
    assert Report("x", findings, (), failures).exit_code(strict) == code


def test_findings_are_told_once_by_file_and_position() -> None:
    late = Finding("GW102", "late", Place("a", 2, 1))
    assert in_order([NAMED, late, WRONG, UNREAD, late, WHOLE]) == [WHOLE, WRONG, late, UNREAD, NAMED]


@pytest.mark.parametrize(("place", "text"), [
    (Place(), ""), (Place("a"), "a"), (Place("a", 1), "a:1"), (Place("a", 1, 2, "x"), "a:1:2: x"),
    (Place(name="X"), "X"),
])
def test_places_are_written_as_compilers_do(place: Place, text: str) -> None:
    assert place.text() == text


NAMES = """PROXY_MODEL_KEYS PROXY_CHAIN_KEYS MODEL_A_UPSTREAM_MODEL MODEL_A_ALIAS MODEL_A_API_BASE MODEL_A_RPM PORT
    WORKERS MODEL_A_FALLBACKS MODEL_A_HEADERS MODEL_A_API_KEY_ENV CHAIN_C_MODELS CHAIN_C_ON GATEWAY_DATABASE_URL
    GATEWAY_TYPO LITELLM_MASTER_KEY OPENAI_API_BASE NUM_WORKERS REASONING_EFFORT""".split()
WORDS = ("a", "a,b", "gpt-5", "groq/x", "none", "0", "http://x:y@z", "off")
VALUES = st.one_of(st.text(max_size=30), st.sampled_from(WORDS))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES),
       st.one_of(st.none(), st.binary(max_size=80), st.text(max_size=80)))
def test_whatever_is_declared_every_format_can_say_it(env: dict[str, str], dotenv: str | bytes | None) -> None:
    text = dotenv.encode(errors="surrogatepass") if isinstance(dotenv, str) else dotenv
    report = Report("x", tuple(found(env, text)))
    said = [READERS[form](shown(form, report)) for form in ("json", "sarif")]
    assert said == [codes(report.findings)] * 2
    assert len(shown("github", report).splitlines()) == max(1, len(report.findings))
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", shown("text", report))
