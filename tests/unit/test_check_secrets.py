"""What looks like a secret is found by its shape or its name, and no finding shows it; which master keys are weak."""

from random import Random
from string import ascii_letters, ascii_lowercase, digits

import pytest

from src.checker.secrets import guessable, masked
from src.checker.secrets_shapes import looks_like_key, looks_secret, secret_name, secret_value
from tests.unit.declaring import canary

# The shortest key of every shape, in two pieces, so that this file holds none.
SHORTEST = (
    ("s", "k-" + "aB3_-dE7" * 2), ("s", "k-ant-aB3-dE7-9_"), ("gs", "k_" + "aB3_dE7z" * 2),
    ("xa", "i-" + "aB3-dE7z" * 2), ("AI", "za" + "aB3-dE7z" * 2), ("AK", "IA" + "AB3DE7XYZ0Q9"),
    ("h", "f_" + "aB3dE" * 4), ("pp", "lx-" + "ab3de" * 4), ("r", "8_" + "aB3dE" * 4),
    ("gl", "pat-" + "aB3-dE7z" * 2), *(("gh", f"{kind}_" + "aB3dE" * 4) for kind in "pousr"),
    *(("xo", f"x{kind}-" + "aB3-d" * 4) for kind in "bap"),
)
TOKEN = "ey" + "JhbGciOiJIU." + "ey" + "JzdWIiOiIx.sig-nat_ure"
PEM = "-----BEGIN" + " RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(("key", "weak"), [
    ("company-gateway-2026", True), ("sk-" + "litellm-proxy-master-key", True), ("abcdefghijklmnop", True),
    ("sk-" + "ab12" * 8, True), ("0123456789abcdef", True), ("password-password", True), ("my-prod-token-2025!", True),
    ("mmmmmmmmmmmmmmmmmmmmmmmm", True),
    (canary("x"), False), ("Zr7!kQ2v#Lm9@xW4", False), ("correct-horse-battery-staple", False),
])
def test_a_key_that_is_made_of_words_or_a_pattern_is_weak(key: str, weak: bool) -> None:
    assert guessable(key) is weak


@pytest.mark.parametrize(("alphabet", "length"), [
    ("0123456789abcdef", 16), ("0123456789abcdef", 64), ("0123456789", 24), (ascii_letters + digits, 16),
    (ascii_letters + digits + "-_", 43), (ascii_lowercase, 20),
])
def test_no_random_key_is_called_weak(alphabet: str, length: int) -> None:
    chance = Random(f"{alphabet}{length}")
    made = ("".join(chance.choices(alphabet, k=length)) for _ in range(2_000))
    assert [key for key in made if guessable(key)] == []


@pytest.mark.parametrize(("start", "rest"), SHORTEST)
def test_what_providers_keys_look_like_is_masked_wherever_it_stands(start: str, rest: str) -> None:
    key = start + rest
    for text in (key, f"https://provider.test/{key}/x", f"x={key}, y", f"my_{key}", f"it-{key}", f'"{key}"', f"ä{key}"):
        assert looks_like_key(text) and secret_value(text) and masked(text, []) == text.replace(key, "***"), text
    assert not looks_like_key(key[:-1]) and not looks_like_key(f"a{key}") and not looks_like_key(f"Z9{key}")


@pytest.mark.parametrize(("text", "shown"), [
    (f"a {TOKEN} b", "a *** b"), (f"Bearer {TOKEN}", "Bearer ***"), (f"a {PEM}", "a ***"),
    (PEM.replace("RSA ", ""), "***"), (PEM.replace("RSA", "OPENSSH"), "***"),
])
def test_nothing_of_a_token_or_of_a_private_key_is_left(text: str, shown: str) -> None:
    assert looks_like_key(text) and masked(text, []) == shown


@pytest.mark.parametrize("text", ["gpt-5", "sk-short", "risk-assessment-of-the-year-2026", "claude-sonnet-4-20250514",
                                  "openai/gpt-4o", "https://example.com/v1", "eyJhbGciOiJI",
                                  "-----BEGIN CERTIFICATE-----", ""])
def test_names_do_not_look_like_keys(text: str) -> None:
    assert not looks_like_key(text) and not secret_value(text)


@pytest.mark.parametrize(("text", "secrets", "shown"), [
    ("a secret-of-mine b", ["secret-of-mine"], "a *** b"),
    ("secret-of-mine-secret-of-mine", ["secret-of-mine"], "***-***"),
    ("it begins 0123456789abcdef and ends", ["0123456789abcdefghij"], "it begins *** and ends"),
    ("only 0123456789abcde of it", ["0123456789abcdefghij"], "only 0123456789abcde of it"),
    ("one-and-two", ["one", "two"], "***-and-***"), ("nothing", [], "nothing"),
])
def test_known_secrets_are_masked_whole_and_where_they_are_cut_short(text: str, secrets: list[str], shown: str) -> None:
    assert masked(text, secrets) == shown


@pytest.mark.parametrize("name", [
    "api_key", "apikey", "API_KEY", "OPENAI_API_KEY", "x-api-key", "X-Auth-Token", "master_key", "masterkey", "secret",
    "secret_key", "client_secret", "token", "hf_token", "auth-token", "password", "db_password", "passwd",
    "private_key", "privatekey", "access_key", "access_key_id", "credential", "vertex_credentials",
    "aws_secret_access_key", "connection_string",
])
def test_these_names_hold_secrets(name: str) -> None:
    assert secret_name(name)


@pytest.mark.parametrize("name", [
    "max_tokens", "max_token", "min_tokens", "prompt_tokens", "completion_token", "input_token", "output_token",
    "per_token", "stop_token", "bos_token", "eos_token", "pad_token", "next_token", "page_token", "maxtoken",
    "input_cost_per_token", "master_key_header_name", "api_key_header_name", "secret_key_name", "token_env", "key_env",
    "prompt_cache_key", "monkey", "tokens", "tokenizer", "keys", "secretary", "passwords", "api_key_source", "model",
    "",
])
def test_these_names_hold_none(name: str) -> None:
    assert not secret_name(name)


@pytest.mark.parametrize(("url", "secret"), [
    ("postgresql://me:hunter2secret@db/x", True), ("redis://:hunter2@cache", True), ("https://u:p@host/v1", True),
    ("postgresql://me@db/x", False), ("https://example.com:8000/a@b", False), ("postgresql://me:changeme@db", False),
    ("redis://:<password>@cache", False), ("postgresql://me:${PASSWORD}@db", False), ("see https://u:p@host", False),
])
def test_a_url_with_a_password_is_a_secret(url: str, secret: bool) -> None:
    assert secret_value(url) is secret


@pytest.mark.parametrize("word", ["fake", "dummy", "placeholder", "EXAMPLE"])
def test_what_says_that_it_is_made_up_is_no_secret(word: str) -> None:
    made_up = "s" + f"k-{word}-0123456789abcdef"
    assert looks_like_key(made_up) and not secret_value(made_up) and not looks_secret(made_up)


@pytest.mark.parametrize(("text", "secret"), [
    ("0f9a8b7c6d5e", True), ("0f9a8b7c6d5", False), ("twelve letters", False), ("not-needed", False),
    ("not_required", False), ("notused", False), ("no-key", False), ("changeme", False),
    ("os.environ/OPENAI_API_KEY", False), ("oidc/google/https://x", False), ("<your key goes here>", False),
    ("${OPENAI_API_KEY}", False), ("$OPENAI_API_KEY", False), ("xxxxxxxxxxxxxxxx", False), ("your-key-of-it", False),
    ("nonesuch-of-any", True),
    ("testing-0123456", True), ("keyring-0123456", True),
])
def test_a_literal_under_a_secrets_name_is_one_unless_it_says_that_none_is_needed(text: str, secret: bool) -> None:
    assert looks_secret(text) is secret
