"""Where a registry row may send a key: never to link-local addresses, nor anywhere that nobody permitted."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.policy.registry_safety import Rules, base_problem, key_problem, matches, never, pattern_problems

OPEN = Rules(allowed=("http://*.example.com", "https://*.example.com"))
WRITINGS = [
    "169.254.169.254", "169.254.0.1", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376",
    "169.254.43518", "169.16689662", "169.254.169.254.", "[fe80::1]", "[febf::1]", "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[::a9fe:a9fe]", "[fd00:ec2::254]",
    "metadata.google.internal", "METADATA.google.internal", "metadata", "instance-data", "100.100.100.200",
    "168.63.129.16", "169.254.169.254.nip.io", "a9fea9fe.nip.io", "app-169-254-169-254.sslip.io", "fe80::1%25eth0",
    "metadata.goog", "instance-data.ec2.internal", "192.0.0.192", "[fd20:ce::254]", "169.254.65535", "169.254.0.0",
    "169.254.255.255", "169.16711679", "2852061183",
]


@pytest.mark.parametrize("host", WRITINGS)
def test_link_local_and_metadata_hosts_are_never_permitted_however_they_are_written(host: str) -> None:
    assert never(host)
    rules = Rules(frozenset({f"http://{host}/v1"}), (f"http://{host}",))
    assert base_problem("openai", f"http://{host}/v1", rules) is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "8.8.8.8", "api.openai.com", "localhost",
                                  "169.255.0.1", "[::1]", "[fd00::1]", "2130706433", "1.2.3.4.5", "999.1.1.1",
                                  "metadata.example.com", "10.0.0.1.nip.io", "0x", "1_0.1", "169.254.65536",
                                  "169.253.255.255", "1.16777216", "1.99999999999", "4294967296", "169.254.169.254.0",
                                  "1.2.3.4.5.0", "169.254.256.0", "[::]"])
def test_ordinary_hosts_are_not_mistaken_for_them(host: str) -> None:
    assert not never(host)


@given(st.text(max_size=60))
def test_any_text_has_an_answer(text: str) -> None:
    assert isinstance(never(text), bool)
    assert base_problem("openai", f"https://{text}", Rules()) is not None or "openai.com" in text


RULES = Rules(bases=frozenset({"http://127.0.0.1:8000/v1"}), allowed=("https://*.example.com/v1",),
              keys=frozenset({"LAB_KEY", "LITELLM_SALT_KEY"}))


@pytest.mark.parametrize("provider, base", [
    ("xai", None), ("openai", None), ("openai", "https://api.openai.com/v1"), ("xai", "https://api.x.ai/v1"),
    ("xai", "https://api.x.ai:443/v1"), ("openai", "http://127.0.0.1:8000/v1"), ("openai", "http://127.0.0.1:8000/v1/"),
    ("openai", "https://llm.example.com/v1"), ("openai", "https://a.b.example.com/v1/deep"),
    ("openai", "https://llm.example.com/v1/..."), ("openai", "https://llm.example.com/v1/a..b/."),
    ("ollama", "http://localhost:11434"),
])
def test_own_named_and_permitted_bases_pass(provider: str, base: str | None) -> None:
    assert base_problem(provider, base, RULES) is None


@pytest.mark.parametrize("provider, base", [
    ("openai", "https://evil.test/v1"), ("openai", "http://api.openai.com/v1"), ("xai", "https://api.openai.com/v1"),
    ("openai", "https://api.openai.com.evil.test/v1"), ("openai", "https://example.com/v1"),
    ("openai", "https://llm.example.com/v2"), ("openai", "https://llm.example.com/v1/../x"),
    ("openai", "https://llm.example.com/v1/%2e%2e/x"), ("openai", "https://llm.example.com/v1/.%2E/x"),
    ("openai", "https://llm.example.com/v1/%2E."), ("openai", "https://llm.example.com/v1/..%2fx"),
    ("openai", "https://llm.example.com/v1/\\..\\..\\x"), ("openai", "https://llm.example.com/v1/.."),
    ("openai", "http://llm.example.com/v1"), ("openai", "https://llm.example.com:444/v1"),
    ("openai", "https://evilexample.com/v1"), ("openai", "http://127.0.0.1:8001/v1"), ("hosted_vllm", None),
    ("openai", "https://user:pw@api.openai.com/v1"), ("openai", "https://evil.test\\@api.openai.com/v1"),
    ("openai", "https://api%2eopenai.com/v1"), ("openai", "ftp://api.openai.com"), ("openai", "https://ａpi.openai.com"),
    ("unheard", "https://api.openai.com/v1"),
])
def test_other_bases_are_refused(provider: str, base: str | None) -> None:
    assert base_problem(provider, base, RULES) is not None


@pytest.mark.parametrize("provider, key, base", [
    ("xai", None, None), ("xai", "XAI_API_KEY", None), ("xai", "GROK_API_KEY", None), ("openai", None, None),
    ("openai", "OPENAI_API_KEY", "https://api.openai.com/v1"), ("openai", "OPENAI_API_KEY", "http://127.0.0.1:8000/v1"),
    ("openai", "LAB_KEY", "https://llm.example.com/v1"), ("openai", "none", "https://llm.example.com/v1"),
    ("ollama", None, None), ("unheard", None, None),
])
def test_usual_and_permitted_keys_pass(provider: str, key: str | None, base: str | None) -> None:
    assert key_problem(provider, key, base, RULES) is None


@pytest.mark.parametrize("provider, key, base, said", [
    ("xai", "OPENAI_API_KEY", None, "not xai's usual"),
    ("openai", "AWS_SECRET_ACCESS_KEY", None, "not openai's usual"),
    ("openai", "LITELLM_MASTER_KEY", None, "gateway's own"),
    ("openai", "LITELLM_SALT_KEY", None, "gateway's own"),
    ("openai", "GATEWAY_DATABASE_URL", None, "gateway's own"),
    ("openai", None, "https://llm.example.com/v1", "only the registry names"),
    ("openai", "OPENAI_API_KEY", "https://llm.example.com/v1", "only the registry names"),
    ("ollama", "PATH", None, "not ollama's usual one; permit it with GATEWAY_REGISTRY_KEYS"),
    ("xai", "MINE", None, "not xai's usual one (XAI_API_KEY, GROK_API_KEY); permit"),
])
def test_other_keys_are_refused(provider: str, key: str | None, base: str | None, said: str) -> None:
    assert said in (key_problem(provider, key, base, RULES) or "")


def test_even_a_permitted_openai_key_goes_to_no_native_provider() -> None:
    rules = Rules(keys=frozenset({"OPENAI_API_KEY"}), allowed=("https://*.x.ai",))
    assert key_problem("xai", "OPENAI_API_KEY", "https://api.x.ai/v1", rules) is not None


@pytest.mark.parametrize("pattern, base, fits", [
    ("https://a.test", "https://a.test/v1", True), ("https://a.test/v1", "https://a.test", False),
    ("https://a.test/v1", "https://a.test/v10", False), ("https://*.a.test", "https://a.test", False),
    ("https://*.a.test", "https://x.a.test", True), ("https://*.a.test", "https://xa.test", False),
    ("http://a.test:1", "http://a.test:1/v1", True), ("http://a.test:1", "http://a.test:2", False),
    ("https://a.test:bad", "https://a.test", False), ("", "https://a.test", False),
    ("https://api.a.test", "https://evilapi.a.test", False), ("https://api.a.test", "https://xpi.a.test", False),
    ("https://API.a.test", "https://api.A.test/v1", True), ("https://a.test/v1/", "https://a.test/v1", True),
    ("https://a.test/v1", "https://a.test/v1/", True), ("https://*.a.test", "https://x.y.a.test", True),
    (" https://a.test ", "https://a.test", True), ("https://a.test:443", "https://a.test", False),
])
def test_patterns_fit_hosts_ports_and_paths(pattern: str, base: str, fits: bool) -> None:
    assert matches(pattern, urlsplit(base)) is fits


@pytest.mark.parametrize("pattern", ["*", "https://*", "*.example.com", "https://a.*.test", "https://", "https:///v1"])
def test_patterns_that_would_permit_too_much_are_problems(pattern: str) -> None:
    assert pattern_problems([pattern])
    assert not pattern_problems(["https://*.example.com/v1", "http://127.0.0.1:8000"])
