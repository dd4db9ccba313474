"""Keys: how they may be sent, who they belong to, and that a comparison tells nothing."""

import pytest

from src.hooks import auth, runtime
from src.hooks.errors_out import Refusal
from tests.unit.guard_support import MASTER
from tests.unit.guard_support import runtime as a_runtime

NOW = a_runtime()


def sent(**headers):
    return [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]


@pytest.mark.parametrize("headers", [
    sent(authorization=f"Bearer {MASTER}"), sent(authorization=f"bearer {MASTER}"),
    sent(authorization=f"BEARER  {MASTER} "), sent(x_api_key=MASTER), sent(api_key=MASTER),
    sent(authorization="Bearer wrong", x_api_key=MASTER), sent(authorization="Basic abc", api_key=MASTER),
    [*sent(x_api_key="wrong"), *sent(x_api_key=MASTER)],
])
def test_the_right_key_is_accepted_in_every_header(headers):
    identity, key = auth.identify(headers, NOW)
    assert identity == auth.MASTER and identity.is_master and key == MASTER.encode()


@pytest.mark.parametrize(("headers", "code"), [
    ([], "missing_api_key"), (sent(authorization=""), "missing_api_key"),
    (sent(authorization="Bearer "), "missing_api_key"), (sent(authorization=MASTER), "missing_api_key"),
    (sent(authorization=f"Basic {MASTER}"), "missing_api_key"),
    (sent(cookie=MASTER, x_goog_api_key=MASTER, x_litellm_api_key=MASTER), "missing_api_key"),
    (sent(authorization=f"Bearer {MASTER}x"), "invalid_api_key"),
    (sent(authorization=f"Bearer {MASTER[:-1]}"), "invalid_api_key"),
    (sent(x_api_key=MASTER.upper()), "invalid_api_key"), (sent(api_key="\xff\xfe"), "invalid_api_key"),
    (sent(x_api_key="metrics-reader"), "invalid_api_key"),
    ([*(sent(x_api_key="guess") * 4), *sent(api_key=MASTER)], "invalid_api_key"),
])
def test_anything_else_is_a_401(headers, code):
    with pytest.raises(Refusal) as refused:
        auth.identify(headers, NOW)
    assert (refused.value.status, refused.value.code) == (401, code)


def test_without_a_master_key_nobody_is_known():
    nobody = runtime.Runtime(NOW.plan, None, None, (), NOW.book, NOW.sinks)
    assert auth.authenticate("", nobody) is None
    assert auth.authenticate("None", nobody) is None


@pytest.mark.parametrize(("headers", "public", "allowed"), [
    (sent(x_api_key=MASTER), False, True), (sent(authorization="Bearer metrics-reader"), False, True),
    (sent(x_api_key="guess"), False, False), ([], False, False), ([], True, True),
])
def test_metrics_are_read_with_either_key_or_where_they_are_public(headers, public, allowed):
    assert auth.may_read_metrics(headers, a_runtime(metrics_public=public)) is allowed


def test_keys_are_compared_whole_whatever_their_length():
    assert auth.same("a" * 100, b"a" * 100)
    assert not auth.same("a" * 100, "a" * 99)
    assert not auth.same("", None)
