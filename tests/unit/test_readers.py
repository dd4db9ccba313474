"""What the text of a setting or a field may be, to its bounds, and what is said of any other."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from src.config import readers
from src.config.fields import BY_SPEC, split_list, suggest
from src.config.readers import BadValue
from src.config.settings import BY_NAME

Read = Callable[[str], object]


def of(name: str) -> Read:
    """Return the reader of a setting, or of a field in the words of `--model-spec`."""
    return BY_NAME[name].read if name in BY_NAME else BY_SPEC[name].read


READ: list[tuple[str, str, object]] = [
    ("PORT", "1", 1), ("PORT", "65535", 65535), ("PORT", "+80", 80), ("PORT", " 80 ", 80), ("PORT", "0080", 80),
    ("WORKERS", "1", 1), ("WORKERS", "128", 128), ("GATEWAY_MAX_BODY_MB", "1", 1),
    ("GATEWAY_MAX_BODY_MB", "4096", 4096),
    ("GATEWAY_LEDGER_DAYS", "0", 0), ("GATEWAY_LEDGER_DAYS", "1000000", 1_000_000),
    ("GATEWAY_LEDGER_CONTENT", "0", 0), ("GATEWAY_LEDGER_CONTENT", "65536", 65536),
    ("GATEWAY_GRACE", "0.001", 0.001), ("GATEWAY_GRACE", "86400", 86400.0), ("GATEWAY_GRACE", "1e3", 1000.0),
    *(("GATEWAY_DEBUG", word, True) for word in ("1", "true", "yes", "on", "TRUE", " Yes ")),
    *(("GATEWAY_DEBUG", word, False) for word in ("0", "false", "no", "off", "OFF")),
    ("GATEWAY_LEDGER", " Audit ", "audit"), ("GATEWAY_STORE_DOWN", "DENY", "deny"),
    ("GATEWAY_LOAD_BALANCE", "a, b ,,c", ("a", "b", "c")), ("GATEWAY_LOAD_BALANCE", ",", ()),
    ("GATEWAY_ENVIRONMENT", "e" * 64, "e" * 64), ("GATEWAY_ENVIRONMENT", "pré prod", "pré prod"),
    ("GATEWAY_CORS_ORIGINS", "https://a.example, http://b:3000/,*", ("https://a.example", "http://b:3000/", "*")),
    ("GATEWAY_CORS_ORIGINS", "app+x.y-z://id", ("app+x.y-z://id",)),
    ("GATEWAY_EXTRA_ROUTES", "/v1/files/*,/rerank", ("/v1/files/*", "/rerank")), ("GATEWAY_EXTRA_ROUTES", "/", ("/",)),
    ("GATEWAY_RESET_ZONES", "gemini=America/Los_Angeles,groq=UTC", ("gemini=America/Los_Angeles", "groq=UTC")),
    ("LITELLM_HOST", "::1", "::1"), ("LITELLM_HOST", "[::1]", "::1"), ("LITELLM_HOST", "0.0.0.0", "0.0.0.0"),
    ("GATEWAY_DATABASE_URL", "off", "off"),
    ("base", "https://a.example/v1/", "https://a.example/v1"), ("base", " http://h:8000 ", "http://h:8000"),
    ("base", "https://a.example//", "https://a.example"), ("base", "http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ("retries", "0", 0), ("retries", "10", 10), ("rpm", "1", 1), ("rpm", "1000000000000", 10**12),
    ("input_cost", "0", Decimal(0)), ("input_cost", "-0", Decimal(0)), ("input_cost", "1.25", Decimal("1.25")),
    ("input_cost", "0.000001", Decimal("0.000001")), ("input_cost", "1000000", Decimal(1_000_000)),
    ("alias", "xai/*", "xai/*"), ("alias", "*", "*"), ("alias", "a" * 256, "a" * 256), ("alias", " ü ", "ü"),
    ("key_env", "_A1", "_A1"), ("key_env", "none", "none"), ("key_env", "A" * 256, "A" * 256),
    ("key_env", "my_long_name_of_a_key", "my_long_name_of_a_key"), ("key_env", "a1" * 9 + "a", "a1" * 9 + "a"),
    ("key_env", "MY_LONG_NAME_OF_A_KEY_2", "MY_LONG_NAME_OF_A_KEY_2"),
    ("headers", "X-Title=a b , x-b = c=d", (("X-Title", "a b"), ("x-b", "c=d"))),
    ("headers", r"X-List=a\,b,X-C=d", (("X-List", "a,b"), ("X-C", "d"))),
    ("headers", "x-tokens=1", (("x-tokens", "1"),)),
    ("fallbacks", "Other, THIRD", ("other", "third")), ("drop_params", "top_p,_x1", ("top_p", "_x1")),
    ("provider", "Groq", "groq"), ("mode", "Chat", "chat"), ("reasoning", "XHigh", "xhigh"),
]


@pytest.mark.parametrize(("name", "text", "value"), READ)
def test_what_can_be_read_is_this(name: str, text: str, value: object) -> None:
    found = of(name)(text)
    assert found == value and type(found) is type(value)


WRONG: list[tuple[str, str, str]] = [
    *(("PORT", text, "a whole number from 1 to 65535")
      for text in ("0", "65536", "-1", "80.0", "8_0", "٨٠", "", "eighty", "1e3", "0x50")),
    ("WORKERS", "0", "from 1 to 128"), ("WORKERS", "129", "from 1 to 128"),
    ("GATEWAY_MAX_BODY_MB", "0", "from 1 to 4096"), ("GATEWAY_MAX_BODY_MB", "4097", "from 1 to 4096"),
    ("GATEWAY_LEDGER_DAYS", "-1", "from 0 to 1000000"), ("GATEWAY_LEDGER_DAYS", "1000001", "from 0 to 1000000"),
    ("GATEWAY_LEDGER_CONTENT", "65537", "from 0 to 65536"), ("GATEWAY_LEDGER_CONTENT", "-1", "from 0 to 65536"),
    *(("GATEWAY_GRACE", text, "seconds above 0, at most 86400")
      for text in ("0", "-1", "86400.1", "nan", "inf", "1_0", "soon", "", "٣")),
    *(("GATEWAY_DEBUG", text, "must be one of 1, true, yes, on, 0, false, no, off")
      for text in ("", "y", "2", "truee")),
    ("GATEWAY_LEDGER", "audti", "must be one of on, off, audit; did you mean audit?"),
    ("GATEWAY_ENVIRONMENT", "e" * 65, "at most 64 characters"), ("GATEWAY_ENVIRONMENT", "a\tb", "control character"),
    *(("GATEWAY_CORS_ORIGINS", text, "must be origins such as")
      for text in ("example.com", "https://", "https://a/b", "**", "https://a b", "https://ä", "HTTPS://a", "*,a")),
    *(("GATEWAY_EXTRA_ROUTES", text, "must be paths such as")
      for text in ("files", "/a b", "/ä", "/a,b", "https://a/b")),
    *(("GATEWAY_RESET_ZONES", text, "such as gemini=America/Los_Angeles")
      for text in ("gemini", "=UTC", "gemini=", "gemini=Mars/Base", "gemini=UTC,x", "gemini=../etc/passwd")),
    *(("LITELLM_HOST", text, "a host name or an address")
      for text in ("a b", "http://a", "a@b", "a?b", "a#b", "a\x00")),
    *(("LITELLM_HOST", text, "without a port, which PORT holds")
      for text in ("localhost:4000", "127.0.0.1:80", "[::1]:80", ":4000")),
    *(("base", text, "must be a URL such as") for text in (
        "", "api.example.com", "ftp://a", "http://", "https:///v1", "http://a:0/", "http://a:99999", "http://[::1",
        "https://a b/v1", "https://a/\x01", "http://a:port")),
    *(("base", text, "without user, password, query or fragment") for text in (
        "https://u@a", "https://u:p@a", "https://:p@a", "https://a/?x=1", "https://a?", "https://a/#f", "https://a#")),
    ("retries", "11", "from 0 to 10"), ("retries", "-1", "from 0 to 10"), ("rpm", "0", "from 1 to 1000000000000"),
    ("rpm", "1000000000001", "from 1 to 1000000000000"),
    *(("input_cost", text, "US dollars per million tokens")
      for text in ("-1", "1000000.000001", "0.0000001", "$1", "1,5", "nan", "inf", "-inf", "free")),
    *(("alias", text, "must not contain spaces, commas or `*`") for text in ("a b", "a,b", "*a", "a*b", "**")),
    ("alias", " ", "must not be empty"), ("alias", "a\x00", "control characters"), ("alias", "\ud800", "not UTF-8"),
    ("alias", "a" * 257, "longer than 256 characters"),
    *(("key_env", text, "must be the name of a variable")
      for text in ("1A", "A-B", "A.B", "a1" * 10, "Ä", "A=B", "A B")),
    *(("headers", text, "must be Name=value pairs") for text in ("X", "X=", "=v", "X Y=v", "Ä=v", "X:Y=v")),
    *(("headers", f"{name}=v", "names the secret header") for name in (
        "Authorization", "proxy-authorization", "X-Auth", "Cookie", "x-api-key", "X-TOKEN", "my-credential",
        "credentials", "secret", "x-password", "apikey")),
    *(("headers", f"{name}=v", "which the HTTP client writes itself") for name in (
        "Host", "content-length", "Content-Type", "transfer-encoding", "connection", "TE", "upgrade",
        "accept-encoding")),
    ("headers", "X=ä", "that HTTP cannot carry"), ("headers", "X-A=1,x-a=2", "names the header x-a twice"),
    ("drop_params", "a-b", "must be parameter names"), ("drop_params", "a b", "must be parameter names"),
    ("fallbacks", " ", "must not be empty"), ("provider", "grok", "did you mean groq?"),
]


@pytest.mark.parametrize(("name", "text", "wanted"), WRONG)
def test_what_cannot_be_read_says_what_can(name: str, text: str, wanted: str) -> None:
    with pytest.raises(BadValue) as bad:
        of(name)(text)
    assert wanted in str(bad.value)


@pytest.mark.parametrize(("name", "text", "code"), [
    ("PORT", "x", "GW102"), ("base", "x", "GW102"), ("base", "https://u:p@a", "GW410"), ("provider", "nobody", "GW706"),
    ("mode", "nothing", "GW102"), ("key_env", "a1" * 10, "GW411"), ("key_env", "a-b", "GW411"),
    ("key_env", "a b", "GW102"),
    ("headers", "cookie=1", "GW409"), ("headers", "host=1", "GW102"), ("headers", "X=1,x=2", "GW106"),
    ("GATEWAY_DATABASE_URL", "mysql://a", "GW506"),
])
def test_every_kind_of_fault_has_its_code(name: str, text: str, code: str) -> None:
    with pytest.raises(BadValue) as bad:
        of(name)(text)
    assert bad.value.code == code


@pytest.mark.parametrize(("low", "high", "text", "value"), [(0, None, "9999999999999", 9999999999999), (5, 5, "5", 5)])
def test_a_whole_number_may_have_no_upper_bound(low: int, high: int | None, text: str, value: int) -> None:
    assert readers.to_int(text, low, high) == value
    with pytest.raises(BadValue, match="^must be a whole number of at least 7$"):
        readers.to_int("6", 7)


@pytest.mark.parametrize(("text", "parts"), [
    ("a,b", ("a", "b")), (r"a\,b,c", ("a,b", "c")), (",a,, ,", ("a",)), ("", ()), (r"\,", (",",)),
    (" a , b ", (" a ", " b ")),
])
def test_a_comma_inside_a_part_is_written_with_a_backslash(text: str, parts: tuple[str, ...]) -> None:
    assert split_list(text) == parts


@pytest.mark.parametrize(("word", "hint"), [
    ("upstrem", "; did you mean upstream?"), ("alias", "; did you mean alias?"), ("colour", ""), ("", ""),
])
def test_only_a_near_word_is_suggested(word: str, hint: str) -> None:
    assert suggest(word, iter(["alias", "upstream", "base"])) == hint
