"""References to variables, secrets in clear, the master key."""

import pytest

from .checking_support import ENVIRON, MASTER, MODEL, errors, findings, model, models, short

# Built here, so that no file of the repository holds what looks like a key.
KEY = "sk" + "-proj-" + "a1B2" * 8

REFERENCES = [
    ("api_key: os.environ/OPENAI_API_KEI", ["GW505 5:14"]),
    ("api_key: os.environ/", ["GW505 5:14"]),
    ("api_key: 'os.environ/ OPENAI_API_KEY'", ["GW505 5:14"]),
    ("api_key: ${OPENAI_API_KEY}", ["GW216 5:14"]),
    ("api_key: $OPENAI_API_KEY", ["GW216 5:14"]),
    ("api_key: os.environ.OPENAI_API_KEY", ["GW216 5:14"]),
    ("api_key: os.environ['OPENAI_API_KEY']", ["GW216 5:14"]),
    ("api_base: https://os.environ/HOST/v1", ["GW216 5:15"]),
    ("api_base: https://${HOST}/v1", ["GW216 5:15"]),
    ("api_base: https://$HOST/v1", ["GW216 5:15"]),
    ("api_base: 'https://{{ host }}/v1'", ["GW216 5:15"]),
    ("api_base: https://%HOST%/v1", ["GW216 5:15"]),
    ("api_base: https://a.example.com/$ab", []),
    ("user: $HOST", []),  # text that a variable is not expected in
    ("api_base: os.environ/oidc/x", []),
    ("organization: [os.environ/OPENAI_API_KEY]", ["GW216 5:20"]),
    ("extra_headers: {X-Team: os.environ/OPENAI_API_KEY}", []),
    ("anthropic_issuer_signing_key_ref: os.environ/NOT_SET", []),
    ("aws_web_identity_token: oidc/google/x", []),
]


@pytest.mark.parametrize(("line", "found"), REFERENCES, ids=[line for line, _ in REFERENCES])
def test_references(line: str, found: list[str]) -> None:
    text = MODEL.replace("    api_key: os.environ/OPENAI_API_KEY\n", f"    {line}\n")
    assert [one for one in short(text) if one[:5] in ("GW505", "GW216", "GW415")] == found


def test_a_misspelt_variable_has_a_suggestion() -> None:
    (found,) = findings(model(api_key="os.environ/OPENAI_API_KEI"))
    assert found.what == "OPENAI_API_KEI is not set; did you mean OPENAI_API_KEY?"
    assert found.repair == "api_key: os.environ/OPENAI_API_KEY"


@pytest.mark.parametrize("value", ["$MY_KEY", "${MY_KEY}", "os.environ['MY_KEY']", "os.environ.get('MY_KEY')",
                                   "os.environ.MY_KEY"])
def test_what_other_programs_replace_is_shown_as_litellm_wants_it(value: str) -> None:
    (found,) = findings(model(api_key=value))
    assert (found.code, found.repair) == ("GW216", "api_key: os.environ/MY_KEY")


def test_an_empty_variable_is_not_called_unset() -> None:
    (found,) = findings(model("api_base: os.environ/NOTHING"), {**ENVIRON, "NOTHING": " "})
    assert found.what == "NOTHING is empty"


@pytest.mark.parametrize(("models", "more"), [
    (1, ""), (2, " (here and in 1 more place)"), (5, " (here and in 4 more places)"),
])
def test_a_variable_that_many_models_use_is_said_once(models: int, more: str) -> None:
    lines = "".join(f"- model_name: m{n}\n  litellm_params:\n    model: openai/gpt-5\n    api_key: os.environ/NO_KEY\n"
                    for n in range(models))
    (found,) = findings("model_list:\n" + lines)
    assert found.what == f"NO_KEY is not set{more}"


def test_a_type_is_held_to_the_value_of_the_variable() -> None:
    text = model("rpm: os.environ/LIMIT")
    assert errors(text, {**ENVIRON, "LIMIT": "60"}) == []
    assert errors(text, {**ENVIRON, "LIMIT": "sixty"}) == ["GW102"]


def test_environment_variables_of_the_file_come_too_late_for_references() -> None:
    text = model(api_key="os.environ/FROM_FILE") + "environment_variables:\n  FROM_FILE: none\n"
    (found,) = findings(text)
    assert found.code == "GW505" and "reads after it has replaced references" in found.what
    assert errors(text, {**ENVIRON, "FROM_FILE": "v"}) == []


def test_a_secret_manager_may_have_what_the_environment_lacks() -> None:
    text = model(api_key="os.environ/ELSEWHERE") + "general_settings:\n  key_management_system: google_secret_manager\n"
    assert errors(text) == []
    assert "GW212" in [one.code for one in findings(text)]


SECRETS = [
    (f"api_key: {KEY}", ["GW415"]),
    ("api_key: 0f9a8b7c6d5e4f3a2b1c", ["GW415"]),
    ("api_key: none", []),
    ("api_key: fake-key-for-tests", []),
    ("api_key: <your key>", []),
    ("aws_secret_access_key: wJalrXUtnFEMIK7MDENG", ["GW415"]),
    (f"user: {KEY}", ["GW415"]),
    ("database_url: postgresql://me:hunter2secret@db/x", ["GW415"]),
    ("max_tokens: 100", []),
]


@pytest.mark.parametrize(("line", "found"), SECRETS, ids=range(len(SECRETS)))
def test_secrets_in_clear(line: str, found: list[str]) -> None:
    text = MODEL.replace("    api_key: os.environ/OPENAI_API_KEY\n", f"    {line}\n")
    every = findings(text)
    assert [one.code for one in every if one.code == "GW415"] == found
    value = line.partition(": ")[2]
    assert not found or all(value not in one.what + one.repair for one in every)


MASTERS = [
    # general_settings, environment without the master key of the others, what is found
    ("", {}, ["GW401"]),
    ("", {"LITELLM_MASTER_KEY": ""}, ["GW401"]),
    ("", {"LITELLM_MASTER_KEY": "sk-1" + "234"}, ["GW402"]),
    ("", {"LITELLM_MASTER_KEY": "sk-x7Kq2Zp"}, ["GW403"]),
    ("", {"LITELLM_MASTER_KEY": "company-litellm-2025"}, ["GW404"]),
    ("", {"LITELLM_MASTER_KEY": MASTER}, []),
    ("master_key: os.environ/OTHER_KEY", {"LITELLM_MASTER_KEY": MASTER}, ["GW401"]),
    ("master_key: os.environ/OTHER_KEY", {"OTHER_KEY": MASTER}, []),
    ("master_key:", {"LITELLM_MASTER_KEY": MASTER}, ["GW401"]),
    ("master_key: ''", {"LITELLM_MASTER_KEY": MASTER}, ["GW401"]),
    (f"master_key: {MASTER}", {}, ["GW415"]),
    ("master_key: 1234", {}, ["GW102"]),
    ("master_key: {a: b}", {}, ["GW102"]),
    ("dangerously_permit_weak_or_unset_master_key: true", {}, []),
    ("dangerously_permit_weak_or_unset_master_key: true", {"LITELLM_MASTER_KEY": "sk-1" + "234"}, []),
    ("dangerously_permit_weak_or_unset_master_key: false", {}, ["GW401"]),
    ("", {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": " TRUE"}, []),
    ("", {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "1"}, ["GW401"]),
    ("dangerously_permit_weak_or_unset_master_key: true", {"LITELLM_MASTER_KEY": "sk-x7Kq2Zp"}, ["GW403"]),
    ("infer_model_from_keys: false", {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}, []),
]


@pytest.mark.parametrize(("line", "environ", "found"), MASTERS, ids=range(len(MASTERS)))
def test_the_master_key(line: str, environ: dict[str, str], found: list[str]) -> None:
    text = models("gpt-5") + (f"general_settings:\n  {line}\n" if line else "")
    assert [one.code for one in findings(text, {"OPENAI_API_KEY": "v", **environ})] == found


def test_a_weak_master_key_is_called_by_its_own_variable() -> None:
    text = MODEL + "general_settings:\n  master_key: os.environ/OTHER_KEY\n"
    (found,) = findings(text, {"OPENAI_API_KEY": "v", "OTHER_KEY": "sk-1" + "234"})
    assert found.what == "OTHER_KEY is publicly known or trivial to guess" and found.place.line == 7
