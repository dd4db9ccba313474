"""Keys: how they may be sent, who they belong to, and that a comparison tells nothing."""

import asyncio
import json
import os

import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from src.hooks import auth, runtime  # noqa: E402  (LiteLLM reads the variable above when it is imported)
from src.hooks.errors_out import Refusal  # noqa: E402
from src.policy.client_keys import ClientKey, digest_of  # noqa: E402
from tests.unit.declaring import canary  # noqa: E402
from tests.unit.guard_support import MASTER  # noqa: E402
from tests.unit.guard_support import runtime as a_runtime  # noqa: E402

NOW = a_runtime()


def sent(**headers):
    return [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]


@pytest.mark.parametrize("headers", [
    sent(authorization=f"Bearer {MASTER}"), sent(authorization=f"bearer {MASTER}"),
    sent(authorization=f"BEARER  {MASTER} "), sent(x_api_key=MASTER), sent(api_key=MASTER),
    sent(authorization="Bearer wrong", x_api_key=MASTER), sent(authorization="Basic abc", api_key=MASTER),
    [*sent(x_api_key="wrong"), *sent(x_api_key=MASTER)], sent(x_api_key=f" {MASTER} "),
    [*(sent(x_api_key="wrong") * 3), *sent(api_key=MASTER)],
])
def test_the_right_key_is_accepted_in_every_header(headers):
    identity, key = auth.identify(headers, NOW)
    assert identity == auth.MASTER and identity.is_master and key == MASTER.encode()


@pytest.mark.parametrize(("headers", "code"), [
    ([], "missing_api_key"), (sent(authorization=""), "missing_api_key"),
    (sent(authorization="Bearer "), "missing_api_key"), (sent(authorization=MASTER), "missing_api_key"),
    (sent(authorization=f"Basic {MASTER}"), "missing_api_key"),
    (sent(cookie=MASTER, x_goog_api_key=MASTER, x_litellm_api_key=MASTER), "missing_api_key"),
    (sent(proxy_authorization=f"Bearer {MASTER}", x_forwarded_authorization=f"Bearer {MASTER}"), "missing_api_key"),
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


def test_a_client_without_a_key_is_told_how_to_send_one():
    with pytest.raises(Refusal) as refused:
        auth.identify([], NOW)
    assert refused.value.message == "Missing API key: send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'."


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


# --- inside LiteLLM, should a request come past the edge -------------------------------------------------------------

ANN = canary("ann")


@pytest.fixture
def inside(tmp_path):
    """LiteLLM's own types, in a worker that knows the master key and Ann's."""
    from litellm.proxy import _types

    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"hash": "x"}))
    now = runtime.load({"GATEWAY_PLAN_FILE": str(plan), "LITELLM_MASTER_KEY": MASTER})
    now.keys.take([ClientKey("ann", digest_of(ANN))])
    return _types


def asked_inside(key, **scope):
    """Return what LiteLLM is told of who holds ``key``."""
    from starlette.requests import Request

    request = Request({"type": "http", **scope})
    request.state.parent_otel_span = "the span of this request"
    return asyncio.run(auth.check(request, key))


OPENED = {auth.SCOPE_KEY: "extra"}


@pytest.mark.parametrize(("key", "scope", "name", "operator"), [
    (MASTER, {}, "master", False), (MASTER, {auth.SCOPE_KEY: "chat"}, "master", False),
    (MASTER, OPENED, "master", True), (ANN, {}, "ann", False), (ANN, OPENED, "ann", False),
])
def test_the_operators_role_is_the_master_keys_alone_and_on_opened_routes_alone(inside, key, scope, name, operator):
    known = asked_inside(key, **scope)
    assert (known.key_alias, known.parent_otel_span) == (name, "the span of this request")
    assert (known.user_role == inside.LitellmUserRoles.PROXY_ADMIN) is operator
    assert operator or known.user_role is None


def test_litellm_tells_holders_apart_without_knowing_their_keys(inside):
    one, other = asked_inside(MASTER), asked_inside(ANN)
    assert one.api_key and other.api_key and one.api_key != other.api_key
    assert one.user_id and other.user_id and one.user_id != other.user_id
    assert asked_inside(ANN).user_id == other.user_id, "a client's answers are found again under its key"
    for known in (one, other):
        assert MASTER not in repr(known.model_dump()) and ANN not in repr(known.model_dump())


@pytest.mark.parametrize("key", ["", "wrong", MASTER + "x", None])
def test_a_key_that_the_edge_would_refuse_is_refused_inside_too(inside, key):
    with pytest.raises(inside.ProxyException) as refused:
        asked_inside(key)
    told = refused.value
    assert (told.code, told.type, told.message) == ("401", "authentication_error", "Incorrect API key provided.")
