"""Browsers: no origin may ask unless it is declared, and LiteLLM's own `*` never leaves."""

import pytest

from tests.unit.guard_support import CHAT, MASTER, World, answering

SITE = "https://app.example"
PREFLIGHT = {"origin": SITE, "access-control-request-method": "POST",
             "access-control-request-headers": "authorization, x-stainless-lang"}


def allowed(answered):
    return {name for name in answered.headers if name.startswith("access-control")}


@pytest.mark.parametrize("settings", [{}, {"cors_origins": ["https://other.example"]}])
def test_an_undeclared_origin_is_told_nothing(settings):
    world = World(answering(200, b"{}", {"access-control-allow-origin": "*"}), **settings)
    assert world.ask("OPTIONS", headers=PREFLIGHT).status == 404
    answered = world.ask(body=CHAT, headers={"x-api-key": MASTER, "origin": SITE})
    assert answered.status == 200 and allowed(answered) == set()


@pytest.mark.parametrize("origins", [[SITE], ["https://other.example", SITE + "/"], ["*"]])
def test_a_declared_origin_may_ask(origins):
    world = World(cors_origins=origins)
    asked = world.ask("OPTIONS", headers=PREFLIGHT)
    assert (asked.status, asked.body) == (204, b"")
    assert asked.headers["access-control-allow-origin"] == SITE
    assert asked.headers["access-control-allow-headers"] == "authorization, x-stainless-lang"
    assert asked.headers["access-control-allow-methods"] == "GET, POST"
    assert asked.headers["access-control-max-age"] == "600", "a browser asks again once ten minutes are over"
    answered = world.ask(body=CHAT, headers={"x-api-key": MASTER, "origin": SITE})
    assert answered.headers["access-control-allow-origin"] == SITE and answered.headers["vary"] == "origin"
    assert "x-gateway-request-id" in answered.headers["access-control-expose-headers"]


@pytest.mark.parametrize(("origins", "headers"), [
    ([SITE], {"origin": "https://other.example"}), ([SITE], {}), (["*"], {}), (["*"], {"origin": ""}),
])
def test_an_answer_to_somebody_else_is_not_kept_for_a_declared_origin(origins, headers):
    answered = World(cors_origins=origins).ask(body=CHAT, headers={"x-api-key": MASTER, **headers})
    assert answered.status == 200 and allowed(answered) == set() and answered.headers["vary"] == "origin"


def test_a_browser_can_read_why_it_was_refused():
    answered = World(cors_origins=[SITE]).ask(body=CHAT, headers={"origin": SITE})
    assert answered.status == 401 and answered.headers["access-control-allow-origin"] == SITE


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-5", "/v1/messages"])
def test_every_open_path_can_be_asked_from_a_browser(path):
    assert World(cors_origins=[SITE]).ask("OPTIONS", path, headers=PREFLIGHT).status == 204


@pytest.mark.parametrize("headers", [
    {}, {"origin": SITE}, {**PREFLIGHT, "origin": "https://app.example.evil"}, {**PREFLIGHT, "origin": "null"},
])
def test_a_preflight_that_is_none_is_a_404(headers):
    assert World(cors_origins=[SITE]).ask("OPTIONS", headers=headers).status == 404


def test_a_closed_path_stays_closed_to_browsers():
    assert World(cors_origins=["*"]).ask("OPTIONS", "/v1/files", headers=PREFLIGHT).status == 404


def test_odd_header_names_are_not_repeated():
    asked = {**PREFLIGHT, "access-control-request-headers": "a\r\nset-cookie: x"}
    assert World(cors_origins=[SITE]).ask("OPTIONS", headers=asked).headers["access-control-allow-headers"] == ""
